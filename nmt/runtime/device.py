"""The device, the precision and the threads of all computation.

On a CPU a short probe of matrix products decides what `auto` precision stands for. A checkpoint
keeps the decision, so that a resumed run computes with the same kernels.
"""

import os
import platform
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal

import torch

from nmt.config.settings.runtime import RuntimeSettings
from nmt.console import format_count
from nmt.errors import ResourceError, UsageError
from nmt.runtime.distributed import World
from nmt.runtime.memory import enlarge_kernel_cache, keep_freed_memory
from nmt.runtime.process import owns_process
from nmt.runtime.processor import count_cores, read_processor
from nmt.runtime.thread_waiting import adapt_thread_waiting
from nmt.runtime.timing import clearly_fastest, measure_gigaflops, measure_rates

_MOST_THREADS = 512

Products = Literal["highest", "medium"]
ProductShape = tuple[int, int, int]
"""The rows, inputs and outputs of a product `[rows, in] x [in, out]`."""

_GIGAFLOPS = "GFLOP/s"

_USUAL_SHAPES: tuple[ProductShape, ...] = ((64, 512, 2048), (256, 512, 512))

_CLEAR_RATIO = 1.2
"""The least ratio of speeds for choosing another precision than float32, or other kernels.

It is well above 1 because an update consists of more than products, and the machine may be busy.
"""

_PROBE_SECONDS = 0.05
_LARGEST_ERROR = 1e-5

_FLOAT32, _ONEDNN, _BFLOAT16 = "float32", "float32 by oneDNN", "bfloat16"


@dataclass(frozen=True)
class Choices:
    """The values that `auto` was resolved to, as a checkpoint keeps them.

    Attributes:
        device: cpu or cuda.
        precision: float32, bfloat16 or float16.
        products: How float32 matrix products are computed: torch's `highest` (MKL on x86) or
            `medium` (oneDNN).
        threads: The number of CPU threads; 0 in a checkpoint of an earlier version.
        speeds: The speeds of the candidates that were timed, on one core; empty where none was.
        unit: The unit of the speeds.
    """

    device: str
    precision: str
    products: Products
    threads: int = 0
    speeds: Mapping[str, float] = field(default_factory=dict, compare=False)
    unit: str = field(default=_GIGAFLOPS, compare=False)

    def differences(self, earlier: "Choices") -> list[str]:
        """Return the differences that affect results, such as `threads: 2 before, 1 now`.

        They change the last digits.
        """
        return [
            f"{name}: {before} before, {now} now"
            for name in ("device", "precision", "products", "threads")
            if (before := getattr(earlier, name)) != (now := getattr(self, name)) and before != 0
        ]


@dataclass(frozen=True)
class Runtime:
    """The device, precision, kernels and threads to compute with.

    Attributes:
        device: The device.
        choices: The precision, kernels and threads.
        keeps_memory: Whether large freed buffers are reused, not returned to the system.
    """

    device: torch.device
    choices: Choices
    keeps_memory: bool = False

    @property
    def threads(self) -> int:
        """The number of CPU threads."""
        return self.choices.threads

    @property
    def dtype(self) -> torch.dtype:
        """The data type of products."""
        dtype = getattr(torch, self.choices.precision)
        assert isinstance(dtype, torch.dtype)
        return dtype

    def apply(self) -> None:
        """Set threads and kernels for the whole process."""
        self._kernels.set()

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Return a context manager that sets threads and kernels, and restores the earlier ones.

        Blocks of several threads may overlap. Settings that torch keeps for the whole process are
        restored when the last of them ends.
        """
        with _kernels_set(self._kernels):
            yield

    @property
    def _kernels(self) -> "_TorchSettings":
        # cuDNN's recurrent kernels otherwise round float32 to TensorFloat-32.
        allow_tf32 = self.choices.precision != "float32"
        return _TorchSettings(self.threads, self.choices.products, allow_tf32)

    @contextmanager
    def computing(self, caching: bool = True) -> Iterator[None]:
        """Return the context manager in which a model is to be called.

        Args:
            caching: Whether casts of parameters are kept within the block.
        """
        is_mixed_precision = self.dtype != torch.float32
        autocast = torch.autocast(
            self.device.type, dtype=self.dtype, enabled=is_mixed_precision, cache_enabled=caching
        )
        with self.applied(), autocast:
            yield

    def describe(self) -> str:
        """Return one line about the runtime, for the start of a log."""
        if self.device.type == "cuda":
            name = torch.cuda.get_device_name(self.device)
        else:
            name = read_processor().name or platform.processor() or platform.machine()
        kept = ", freed memory kept" if self.device.type == "cpu" and self.keeps_memory else ""
        return (
            f"device {self.device} ({name}), {self._describe_precision()}{kept}, "
            f"{format_count(self.threads, 'thread', 'threads')}, torch {torch.__version__}"
        )

    def _describe_precision(self) -> str:
        precision, speeds = self.choices.precision, self.choices.speeds
        if self.device.type == "cpu" and self.choices.products == "medium":
            precision += " (products by oneDNN)"
        if not speeds:
            return precision
        figures = ", ".join(f"{name} {speed:.0f}" for name, speed in speeds.items())
        return f"{precision} (measured, {self.choices.unit} a core: {figures})"


@dataclass(frozen=True)
class _TorchSettings:
    """The settings that torch keeps for the whole process."""

    threads: int
    products: str
    allow_tf32: bool

    @classmethod
    def current(cls) -> "_TorchSettings":
        return cls(
            torch.get_num_threads(),
            torch.get_float32_matmul_precision(),
            torch.backends.cudnn.allow_tf32,
        )

    def set(self) -> None:
        current = _TorchSettings.current()
        if current.threads != self.threads:  # torch drops its kernels when the number is set
            torch.set_num_threads(self.threads)
        if current.products != self.products:
            torch.set_float32_matmul_precision(self.products)
        if current.allow_tf32 != self.allow_tf32:
            torch.backends.cudnn.allow_tf32 = self.allow_tf32


@dataclass(eq=False)
class _KernelBlock:
    """A running block: the kernels that it set and the number of its thread."""

    kernels: _TorchSettings
    thread: int


_lock = threading.Lock()
_blocks: list[_KernelBlock] = []
_kernels_before_blocks: list[_TorchSettings] = []
"""The settings before the first of the running blocks."""


@contextmanager
def _kernels_set(kernels: _TorchSettings) -> Iterator[None]:
    block = _KernelBlock(kernels, threading.get_ident())
    with _lock:
        before = _TorchSettings.current()
        if not _blocks:
            _kernels_before_blocks[:] = [before]
        elif all(other.thread != block.thread for other in _blocks):
            # A thread that began during another thread's block has inherited its thread count.
            threads = {other.kernels.threads for other in _blocks}
            if before.threads in threads:
                before = replace(before, threads=_kernels_before_blocks[0].threads)
        _blocks.append(block)
        kernels.set()
    try:
        yield
    finally:
        with _lock:
            _blocks.remove(block)
            shared = _blocks[-1].kernels if _blocks else _kernels_before_blocks[0]
            replace(shared, threads=before.threads).set()


@dataclass(frozen=True)
class SpeedTrial:
    """A small sample of the actual work, whose speed decides between float32 and bfloat16.

    Attributes:
        make: Returns a call that does the work with a given runtime.
        work: The amount of work of one call.
        unit: The unit of the speed.
    """

    make: Callable[[Runtime], Callable[[], object]]
    work: float
    unit: str


def prepare_runtime(
    settings: RuntimeSettings,
    exact: bool = False,
    choices: Choices | None = None,
    shapes: Sequence[ProductShape] = _USUAL_SHAPES,
    trial: Callable[[], SpeedTrial | None] | None = None,
) -> Runtime:
    """Choose device, precision, kernels and threads.

    In a process of the command line they are also set. Elsewhere they are only set within
    `Runtime.applied` and `Runtime.computing`.

    Args:
        settings: The settings of the user.
        exact: Whether `auto` precision means float32, in which results do not depend on the batch.
        choices: The choices of an earlier run. They are kept as far as settings and machine allow.
        shapes: The most frequent products of the model, for the probe.
        trial: Returns a sample of the work, for the probe of bfloat16. Without one, products
            decide.

    Returns:
        The runtime.

    Raises:
        ResourceError: The device does not exist or cannot compute in the given precision.
        UsageError: The number of threads is too high.
    """
    world = World.from_environment()
    device = find_device(settings)
    threads = settings.threads or _default_threads(world, choices)
    if threads > _MOST_THREADS:
        name = "threads" if settings.threads else "OMP_NUM_THREADS"
        raise UsageError(f"{name}: {threads} is too many; use at most {_MOST_THREADS}.")
    keeps_memory = False
    if owns_process():
        if exact:
            fix_summation_order()
        if device.type == "cpu":
            enlarge_kernel_cache(world.local_size)
        keeps_memory = keep_freed_memory()
    if choices is None or not _is_still_valid(choices, settings, device):
        choices = _choose_precision_and_kernels(settings, device, exact, shapes, trial)
    runtime = Runtime(device, replace(choices, threads=threads), keeps_memory)
    if owns_process():
        runtime.apply()
        if device.type == "cpu":
            adapt_thread_waiting(runtime.threads)
    return runtime


def find_device(settings: RuntimeSettings) -> torch.device:
    """Return the device that the settings name.

    Where they name no GPU, the processes of one machine take different ones, by their local rank.

    Raises:
        ResourceError: The device does not exist.
    """
    name, world = settings.device, World.from_environment()
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cuda":
        count = torch.cuda.device_count()
        if count == 0:
            raise ResourceError(
                f"device {name}: no CUDA device is available. Set `runtime.device` or --device to "
                "cpu, or to auto, which uses a GPU if there is one."
            )
        if device.index is not None and device.index >= count:
            raise ResourceError(
                f"device {name}: this machine has {count} CUDA devices. Choose cuda:0 to "
                f"cuda:{count - 1}."
            )
        if device.index is None and world.size > 1:
            return torch.device("cuda", world.local_rank % count)
    return device


def fix_summation_order() -> None:
    """Let MKL sum a product's row in one order, for any number of rows and threads.

    That is more than Intel promises of its strict reproducible mode;
    `tests/search/test_exact_batches.py` checks it. A value set by the user stays. Call it before
    the first product of the process.
    """
    os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")


def _is_still_valid(choices: Choices, settings: RuntimeSettings, device: torch.device) -> bool:
    """Return whether the choices of an earlier run hold for these settings and this machine."""
    precision_matches = settings.precision in ("auto", choices.precision)
    if settings.precision == "auto" and choices.precision == _BFLOAT16:
        on_cpu = device.type == "cpu"
        precision_matches = read_processor().has_bfloat16 if on_cpu else _gpu_has_bfloat16()
    is_exact = choices.products == "highest" or _medium_is_exact()
    return choices.device == device.type and precision_matches and is_exact


def _gpu_has_bfloat16() -> bool:
    """Return whether the GPU has bfloat16 products without emulation."""
    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def _choose_precision_and_kernels(
    settings: RuntimeSettings,
    device: torch.device,
    exact: bool,
    shapes: Sequence[ProductShape],
    trial: Callable[[], SpeedTrial | None] | None,
) -> Choices:
    precision: str = settings.precision
    if device.type == "cuda":
        if precision == "auto":
            precision = _BFLOAT16 if _gpu_has_bfloat16() and not exact else _FLOAT32
        return Choices("cuda", precision, "highest")
    if precision == "float16":
        raise ResourceError(
            "precision float16 needs a GPU. On a CPU, set `runtime.precision: bfloat16` or `auto`."
        )
    may_use_bfloat16 = precision == "auto" and not exact and read_processor().has_bfloat16
    speed_trial = trial() if may_use_bfloat16 and trial is not None else None
    candidates = _product_candidates(with_bfloat16=may_use_bfloat16 and speed_trial is None)
    speeds, unit = _measure_products(candidates, shapes), _GIGAFLOPS
    float32_speeds = {name: speed for name, speed in speeds.items() if name != _BFLOAT16}
    fastest_float32 = (
        clearly_fastest(float32_speeds, _FLOAT32, _CLEAR_RATIO) if float32_speeds else _FLOAT32
    )
    products: Products = "medium" if fastest_float32 == _ONEDNN else "highest"
    if speed_trial is not None:
        speeds, unit, fastest_float32 = (
            _measure_trial(speed_trial, device, products),
            speed_trial.unit,
            _FLOAT32,
        )
    if precision == "auto":
        is_faster = may_use_bfloat16 and speeds[_BFLOAT16] >= _CLEAR_RATIO * speeds[fastest_float32]
        precision = _BFLOAT16 if is_faster else _FLOAT32
    return Choices("cpu", precision, products, speeds=speeds, unit=unit)


def _measure_trial(trial: SpeedTrial, device: torch.device, products: Products) -> dict[str, float]:
    """Return the speed of a trial in float32 and in bfloat16, rounded."""
    calls = {
        name: trial.make(Runtime(device, Choices("cpu", name, products, threads=1)))
        for name in (_FLOAT32, _BFLOAT16)
    }
    return {
        name: round(rate, 1)
        for name, rate in measure_rates(calls, trial.work, _PROBE_SECONDS).items()
    }


def _product_candidates(with_bfloat16: bool) -> list[str]:
    """Return the ways to compute products that are worth timing. Processor flags exclude some.

    On Intel's processors oneDNN does not beat Intel's own library, torch's default. A bfloat16
    product takes seconds where the processor has no instruction for it.
    """
    candidates = [_FLOAT32]
    if read_processor().vendor != "GenuineIntel" and _medium_is_exact():
        candidates.append(_ONEDNN)
    if with_bfloat16:
        candidates.append(_BFLOAT16)
    return candidates


def _measure_products(
    candidates: Sequence[str], shapes: Sequence[ProductShape]
) -> dict[str, float]:
    """Return the speed of each candidate on one core in GFLOP/s, rounded.

    A single candidate is not measured.
    """
    if len(candidates) < 2:
        return {}
    calls = {name: _product_call(name, shapes) for name in candidates}
    operations = sum(2.0 * rows * inputs * outputs for rows, inputs, outputs in shapes)
    speeds = measure_gigaflops(calls, operations, _PROBE_SECONDS)
    return {name: round(speed, 1) for name, speed in speeds.items()}


def _product_call(name: str, shapes: Sequence[ProductShape]) -> Callable[[], None]:
    """Return a call that computes one product of each shape in the named way."""
    dtype = torch.bfloat16 if name == _BFLOAT16 else torch.float32
    products: Products = "medium" if name == _ONEDNN else "highest"
    pairs = [
        (
            torch.full((rows, inputs), 0.5, dtype=dtype),
            torch.full((outputs, inputs), 0.5, dtype=dtype),
        )
        for rows, inputs, outputs in shapes
    ]

    def call() -> None:
        with (
            _kernels_set(replace(_TorchSettings.current(), products=products)),
            torch.inference_mode(),
        ):
            for x, weight in pairs:
                torch.nn.functional.linear(x, weight)

    return call


def _medium_is_exact() -> bool:
    """Return whether torch's `medium` float32 products are as exact as float32.

    Processors with bfloat16 products may compute them in bfloat16.
    """
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(256, 512, generator=generator)
    b = torch.randn(512, 256, generator=generator)
    with _kernels_set(replace(_TorchSettings.current(), products="medium")):
        product = a @ b
    exact = a.double() @ b.double()
    return bool((product - exact).abs().max() / exact.abs().max() < _LARGEST_ERROR)


def _default_threads(world: World, earlier: Choices | None) -> int:
    """Return the number of threads where the settings give none.

    It is OMP_NUM_THREADS where it is set, else that of an earlier run, else an equal share of the
    cores that this process may use. With several processes on a machine a value of 1 is ignored,
    because torchrun sets it by default.
    """
    omp_threads = os.environ.get("OMP_NUM_THREADS", "")
    by_launcher = omp_threads == "1" and world.local_size > 1
    if omp_threads.isdecimal() and int(omp_threads) > 0 and not by_launcher:
        return int(omp_threads)
    share = max(1, count_cores() // world.local_size)
    if earlier is not None and 0 < earlier.threads <= share and world.local_size == 1:
        return earlier.threads
    return share

"""The machine: device, precision, threads, and how large buffers are handed back.

What `auto` stands for follows from what the processor says it can do, never from a stopwatch: the
same seed on the same machine must give the same model, however busy the machine is. A checkpoint
keeps the answers, so that a resumed run computes with the same kernels.
"""

import os
import platform
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal

import torch

from nmt.config.settings.runtime import RuntimeSettings
from nmt.errors import ResourceError, UsageError
from nmt.runtime.distributed import World
from nmt.runtime.memory import keep_freed_memory, keep_kernels
from nmt.runtime.processor import cores, processor

_MOST_THREADS = 512

Products = Literal["highest", "medium"]


@dataclass(frozen=True)
class Choices:
    """What `auto` came to. device: cpu or cuda; precision: float32, bfloat16 or float16; products:
    how float32 matrix products are computed, torch's `highest` (MKL on x86) or `medium` (oneDNN).
    """

    device: str
    precision: str
    products: Products


@dataclass(frozen=True)
class Runtime:
    """A prepared machine. keeps_memory: whether large freed buffers are used again, not returned to
    the system.
    """

    device: torch.device
    choices: Choices
    threads: int
    keeps_memory: bool

    @property
    def dtype(self) -> torch.dtype:
        """The type that products are computed in."""
        dtype = getattr(torch, self.choices.precision)
        assert isinstance(dtype, torch.dtype)
        return dtype

    def autocast(self, caching: bool = True) -> AbstractContextManager[object]:
        """The context in which the model is to be called. caching: whether casts of parameters may
        be kept while it lasts.
        """
        return torch.autocast(
            self.device.type,
            dtype=self.dtype,
            enabled=self.dtype != torch.float32,
            cache_enabled=caching,
        )

    def describe(self) -> str:
        """One line for the start of a log."""
        name = platform.processor() or platform.machine()
        if self.device.type == "cuda":
            name = torch.cuda.get_device_name(self.device)
        products = {"highest": "default", "medium": "oneDNN"}[self.choices.products]
        kernels = f", {products} float32 products" if self.device.type == "cpu" else ""
        kernels += ", freed memory kept" if self.device.type == "cpu" and self.keeps_memory else ""
        return (
            f"device {self.device} ({name}), {self.choices.precision}{kernels}, "
            f"{self.threads} threads, torch {torch.__version__}"
        )


def prepare_runtime(
    settings: RuntimeSettings, exact: bool = False, choices: Choices | None = None
) -> Runtime:
    """Set threads, allocator and kernels for this process.

    exact: `auto` precision means float32, in which results do not depend on the batch; choices:
    those of an earlier run to be continued, kept as far as settings and machine allow. Raises
    ResourceError when the device is not there or cannot compute in the precision asked for,
    UsageError for a number of threads that would only harm.
    """
    if exact:
        keep_order_of_sums()
    world = World.of_environment()
    device = _device(settings.device, world)
    threads = settings.threads or _default_threads(world)
    if threads > _MOST_THREADS:
        raise UsageError(
            f"threads: {threads} is more than any machine takes; at most {_MOST_THREADS}."
        )
    torch.set_num_threads(threads)
    if device.type == "cpu":
        keep_kernels(world.local_size)
    if choices is None or not _still_holds(choices, settings, device):
        choices = _choose(settings, device, exact)
    torch.set_float32_matmul_precision(choices.products)
    # cuDNN's recurrent kernels otherwise round float32 to TensorFloat-32.
    torch.backends.cudnn.allow_tf32 = choices.precision != "float32"
    return Runtime(device, choices, threads, keep_freed_memory())


def _device(name: str, world: World) -> torch.device:
    """Processes of one machine that name no GPU take one after the other, by their local rank."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cuda":
        count = torch.cuda.device_count()
        if count == 0:
            raise ResourceError(
                f"device {name}: no CUDA device is to be seen here. Set `runtime.device: cpu` "
                "(or --device cpu), or `auto` to take a GPU only where there is one."
            )
        if device.index is not None and device.index >= count:
            raise ResourceError(
                f"device {name}: there are {count} CUDA devices here, cuda:0 to cuda:{count - 1}."
            )
        if device.index is None and world.size > 1:
            return torch.device("cuda", world.local_rank % count)
    return device


def _still_holds(choices: Choices, settings: RuntimeSettings, device: torch.device) -> bool:
    """Whether what an earlier run chose is right here: the machine may be another one now."""
    return (
        choices.device == device.type
        and settings.precision in ("auto", choices.precision)
        and (choices.products == "highest" or _medium_is_exact())
    )


def _choose(settings: RuntimeSettings, device: torch.device, exact: bool) -> Choices:
    precision: str = settings.precision
    if device.type == "cuda":
        if precision == "auto":
            fast = torch.cuda.is_bf16_supported(including_emulation=False) and not exact
            precision = "bfloat16" if fast else "float32"
        return Choices("cuda", precision, "highest")
    if precision == "float16":
        raise ResourceError(
            "precision float16 is for GPUs. On a CPU set `runtime.precision: bfloat16` or `auto`."
        )
    machine = processor()
    products: Products = "highest"
    if machine.vendor == "AuthenticAMD" and _medium_is_exact():
        # MKL, the default, runs at less than half of oneDNN's speed on these processors (measured:
        # 184 against 409 GFLOP/s on a Zen 5 with AVX-512).
        products = "medium"
    if precision == "auto":
        fast = machine.has_bfloat16 and not exact
        precision = "bfloat16" if fast else "float32"
    return Choices("cpu", precision, products)


def keep_order_of_sums() -> None:
    """Let MKL add up a product's row in one order, however many rows and threads there are.

    That is more than Intel promises of its strict reproducible mode; `tests/search/
    test_exact_batches.py` sees to it. What the user has set stays. To be called before the first
    product.
    """
    os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")


_LARGEST_ERROR = 1e-5


def _medium_is_exact() -> bool:
    """Whether torch's `medium` float32 products keep float32's exactness: they may, on processors
    that multiply bfloat16, be done in that instead.
    """
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(256, 512, generator=generator)
    b = torch.randn(512, 256, generator=generator)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    product = a @ b
    torch.set_float32_matmul_precision(before)
    exact = a.double() @ b.double()
    return bool((product - exact).abs().max() / exact.abs().max() < _LARGEST_ERROR)


def _default_threads(world: World) -> int:
    """OMP_NUM_THREADS where it is set, else a fair share of the cores that this process may use.

    Of several processes on a machine 1 tells nothing: torchrun sets it where nobody did.
    """
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    by_launcher = wanted == "1" and world.local_size > 1
    if wanted.isdecimal() and int(wanted) > 0 and not by_launcher:
        return int(wanted)
    return max(1, cores() // world.local_size)

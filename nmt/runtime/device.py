"""The machine: device, precision, threads, and how large buffers are handed back.

Nothing here is assumed of the hardware: what `auto` stands for is measured in a few hundredths of a
second when the work starts. A checkpoint keeps the answers, so that a resumed run computes with the
same kernels whatever a second measurement would say.
"""

import ctypes
import os
import platform
import sys
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal

import torch

from nmt.config.settings.runtime import RuntimeSettings
from nmt.errors import ResourceError

Products = Literal["highest", "medium"]


@dataclass(frozen=True)
class Choices:
    """What `auto` came to. precision: float32, bfloat16 or float16; products: how float32 matrix
    products are computed, torch's `highest` (MKL on x86) or `medium` (oneDNN).
    """

    precision: str
    products: Products


@dataclass(frozen=True)
class Runtime:
    """A prepared machine."""

    device: torch.device
    choices: Choices
    threads: int

    @property
    def dtype(self) -> torch.dtype:
        """The type that products are computed in."""
        dtype = getattr(torch, self.choices.precision)
        assert isinstance(dtype, torch.dtype)
        return dtype

    def autocast(self) -> AbstractContextManager[object]:
        """The context in which the model is to be called."""
        return torch.autocast(
            self.device.type, dtype=self.dtype, enabled=self.dtype != torch.float32
        )

    def describe(self) -> str:
        """One line for the start of a log."""
        name = platform.processor() or platform.machine()
        if self.device.type == "cuda":
            name = torch.cuda.get_device_name(self.device)
        products = {"highest": "default", "medium": "oneDNN"}[self.choices.products]
        kernels = f", {products} float32 products" if self.device.type == "cpu" else ""
        return (
            f"device {self.device} ({name}), {self.choices.precision}{kernels}, "
            f"{self.threads} threads, torch {torch.__version__}"
        )


def prepare_runtime(
    settings: RuntimeSettings, exact: bool = False, choices: Choices | None = None
) -> Runtime:
    """Set threads, allocator and kernels for this process.

    exact: `auto` precision means float32, in which results do not depend on the batch; choices:
    those of an earlier run to be continued. Raises ResourceError when the device is not there.
    """
    device = _device(settings.device)
    threads = settings.threads or len(_usable_cores())
    torch.set_num_threads(threads)
    if choices is None:
        choices = _choose(settings, device, exact)
    torch.set_float32_matmul_precision(choices.products)
    keep_freed_memory()
    return Runtime(device, choices, threads)


def keep_freed_memory() -> None:
    """Let glibc keep large freed buffers for the next batch.

    Returning them to the kernel costs a page fault for every 4 KiB of every buffer of every
    update. Elsewhere (musl, macOS, Windows, another allocator preloaded) it does nothing.
    """
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc" or "LD_PRELOAD" in os.environ:
        return
    trim_threshold, mmap_max = -1, -4
    mallopt = ctypes.CDLL(None).mallopt
    mallopt(mmap_max, 0)
    mallopt(trim_threshold, -1)


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
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
    return device


def _choose(settings: RuntimeSettings, device: torch.device, exact: bool) -> Choices:
    precision: str = settings.precision
    if device.type == "cuda":
        if precision == "auto":
            fast = torch.cuda.is_bf16_supported(including_emulation=False) and not exact
            precision = "bfloat16" if fast else "float32"
        return Choices(precision, "highest")
    if precision == "float16":
        raise ResourceError(
            "precision float16 is for GPUs. On a CPU set `runtime.precision: bfloat16` or `auto`."
        )
    seconds = _product_seconds()
    products: Products = "medium" if seconds["medium"] < 0.8 * seconds["highest"] else "highest"
    if precision == "auto":
        fast = seconds["bfloat16"] < 0.8 * seconds[products] and not exact
        precision = "bfloat16" if fast else "float32"
    return Choices(precision, products)


_ROWS, _INNER, _COLUMNS = 256, 512, 2048
_LARGEST_ERROR = 1e-5


def _product_seconds() -> dict[str, float]:
    """Seconds of one product of a recurrent layer's shape, by float32 kernel and in bfloat16.

    The `medium` kernel counts as infinitely slow where it is not as exact as float32 should be.
    """
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(_ROWS, _INNER, generator=generator)
    b = torch.randn(_INNER, _COLUMNS, generator=generator)
    seconds = {}
    before = torch.get_float32_matmul_precision()
    for products in ("highest", "medium"):
        torch.set_float32_matmul_precision(products)
        seconds[products] = _best_time(a, b)
        exact = a.double() @ b.double()
        error = ((a @ b) - exact).abs().max() / exact.abs().max()
        if products == "medium" and error > _LARGEST_ERROR:
            seconds[products] = float("inf")
    torch.set_float32_matmul_precision(before)
    seconds["bfloat16"] = _best_time(a.bfloat16(), b.bfloat16())
    return seconds


def _best_time(a: torch.Tensor, b: torch.Tensor) -> float:
    times = []
    for _ in range(8):
        begin = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - begin)
    return min(times[2:])


def _usable_cores() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))

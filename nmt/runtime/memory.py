"""Available and used memory, and settings that keep freed memory for reuse."""

import ctypes
import gc
import os
import platform
import re
import sys
from pathlib import Path

import torch

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]  # tested below

_MEMINFO = Path("/proc/meminfo")
_CGROUP = Path("/sys/fs/cgroup")

_CACHE_VARIABLES = (
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY",
    "DNNL_PRIMITIVE_CACHE_CAPACITY",
)  # newer, older
_MIN_KERNELS = 1024  # oneDNN's default
_MAX_KERNELS = 8192
_KERNEL_BYTES = 1 << 20  # AMX kernels are the largest: measured 0.8 to 1.4 MiB


def available_bytes(device: torch.device) -> int | None:
    """Return the free memory of a GPU, or of the machine within the limits of a container.

    The limits are those of cgroups, version 2. None where the system does not report it.
    """
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    free = [size for size in (_machine_bytes(), _container_bytes()) if size is not None]
    return min(free, default=None)


def peak_bytes(device: torch.device) -> int | None:
    """Return the peak memory use so far, in bytes.

    On a GPU it is the memory that torch reserved, else the memory of this process. None where the
    system does not report it.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device)
    if resource is None:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def keep_freed_memory() -> bool:
    """Let glibc keep large freed buffers for the next batch.

    Returning them to the kernel costs a page fault for every 4 KiB of every buffer of every update.
    Other allocators (musl, macOS, Windows, a preloaded one) are left as they are.

    Returns:
        Whether glibc keeps them.
    """
    if sys.platform != "linux" or platform.libc_ver()[0] != "glibc" or "LD_PRELOAD" in os.environ:
        return False
    trim_threshold, mmap_max = -1, -4
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(mmap_max, 0)) and bool(mallopt(trim_threshold, -1))


def enlarge_kernel_cache(processes: int = 1) -> None:
    """Let oneDNN, which computes torch's products on a CPU, cache kernels for more shapes.

    It compiles one kernel for each shape of a product, and keeps the 1,024 used last; batches of a
    whole corpus have some thousands. The cache takes at most a quarter of the free memory. A value
    set by the user stays. Call it before the first product.

    Args:
        processes: The number of processes that share the free memory.
    """
    if any(name in os.environ for name in _CACHE_VARIABLES):
        return
    free = available_bytes(torch.device("cpu"))
    if free is not None:
        capacity = free // (4 * _KERNEL_BYTES * processes)
        os.environ[_CACHE_VARIABLES[0]] = str(max(_MIN_KERNELS, min(capacity, _MAX_KERNELS)))


def return_freed_memory() -> None:
    """Return cached memory to the system and to the GPU, after memory ran out.

    Not every allocator can use the cache of another one.
    """
    gc.collect()  # tensors of a failed backward pass may be in reference cycles
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if sys.platform == "linux" and platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


def _machine_bytes() -> int | None:
    try:
        text = _MEMINFO.read_text(encoding="ascii")
    except OSError:
        return None
    match = re.search(r"^MemAvailable:\s*(\d+) kB$", text, re.MULTILINE)
    return None if match is None else 1024 * int(match[1])


def _container_bytes() -> int | None:
    try:
        limit = (_CGROUP / "memory.max").read_text(encoding="ascii").strip()
        used = (_CGROUP / "memory.current").read_text(encoding="ascii").strip()
    except OSError:
        return None
    return None if limit == "max" else max(0, int(limit) - int(used))

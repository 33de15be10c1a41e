"""The machine that a benchmark runs on, and the precisions that it is made for."""

import platform
import sys
from collections.abc import Sequence

import torch

from nmt.runtime.processor import count_cores, read_processor


def describe_machine() -> str:
    """Return the processor's name, its number of cores, and the GPU's name if there is one."""
    name = read_processor().name or platform.processor() or platform.machine()
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{name}, {count_cores()} cores{gpu}"


def fast_precisions(names: Sequence[str]) -> list[str]:
    """Return the precisions that the machine is made for, and report the others on stderr.

    Args:
        names: Precisions to measure, such as float32, bfloat16 and int8.
    """
    if torch.cuda.is_available() or read_processor().has_bfloat16:
        return list(names)
    if "bfloat16" in names:
        print("left out: bfloat16, which this processor emulates", file=sys.stderr)
    return [name for name in names if name != "bfloat16"]

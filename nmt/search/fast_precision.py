"""Choice of the fast precision that search computes in on a CPU.

A precision that is requested for speed is never slower than the default, float32. Where the
processor has no fast products in it, search stays with float32 and reports that.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nmt.console import say
from nmt.model.kernels.int8 import Int8Product, has_int8_products
from nmt.runtime.distributed import World
from nmt.runtime.processor import read_processor
from nmt.runtime.timing import clearly_fastest, measure_gigaflops

_ROWS = 64
"""Rows of the product that is timed, about the beams of a small batch."""

_MOST_OUTPUTS = 1024
"""Maximum number of rows of the output matrix that are timed.

One product then takes about a millisecond, less than the time slice of another process. Most
products are therefore undisturbed on a busy machine too.
"""

_SECONDS = 0.03
"""Duration of one measurement. A busy machine needs several."""

_LEAST_WEIGHTS = 1 << 16
"""Minimum number of weights of a timed product. The calls dominate the time of smaller ones."""


@dataclass(frozen=True)
class FastPrecision:
    """Precision to compute in.

    Attributes:
        products: float32 or bfloat16.
        int8_vocabulary: Whether the product with the vocabulary is computed in 8-bit integers.
    """

    products: str
    int8_vocabulary: bool = False


def choose_precision(requested: str, output_weight: Tensor, measured: bool) -> FastPrecision:
    """Choose the requested precision, or float32 with a message on stderr.

    Args:
        requested: The requested precision, bfloat16 or int8.
        output_weight: The matrix of the product with the vocabulary, float32, `[out, in]`.
        measured: Whether to time products. Otherwise the flags of the processor decide alone, so
            that all processes of a machine, and later ones, choose the same.

    Returns:
        The precision. With int8, the other products are in bfloat16 where that is faster.
    """
    candidates = ["float32"]
    if read_processor().has_bfloat16:
        candidates.append("bfloat16")
    if requested == "int8" and has_int8_products():
        candidates.append("int8")
    if requested not in candidates:
        reason = "this processor does not support it"
        if requested == "int8":
            reason = "this build of torch has no oneDNN"
        _report_fallback(requested, reason)
        return FastPrecision("float32")
    if not measured or output_weight.numel() < _LEAST_WEIGHTS:
        if requested == "bfloat16":
            return FastPrecision("bfloat16")
        fast = read_processor().has_fast_bfloat16
        return FastPrecision("bfloat16" if fast else "float32", int8_vocabulary=True)
    speeds = _speeds(output_weight, candidates)
    if (
        clearly_fastest({name: speeds[name] for name in ("float32", requested)}, "float32")
        != requested
    ):
        _report_fallback(
            requested,
            "not clearly faster than float32 on this processor "
            f"({speeds[requested]:.0f} against {speeds['float32']:.0f} GFLOP/s)",
        )
        return FastPrecision("float32")
    others = {name: speed for name, speed in speeds.items() if name != "int8"}
    return FastPrecision(clearly_fastest(others, "float32"), int8_vocabulary=requested == "int8")


def _speeds(output_weight: Tensor, names: list[str]) -> dict[str, float]:
    """Return the speed of the product with the vocabulary in each precision, in GFLOP/s."""
    weight = output_weight.detach()[:_MOST_OUTPUTS].float()
    x = torch.randn(_ROWS, weight.shape[1], generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        candidates = {name: _make_product(name, x, weight) for name in names}
        return measure_gigaflops(candidates, 2 * _ROWS * weight.numel(), _SECONDS)


def _make_product(name: str, x: Tensor, weight: Tensor) -> Callable[[], Tensor]:
    if name == "int8":
        product = Int8Product(weight)
        return lambda: product(x)
    dtype = torch.bfloat16 if name == "bfloat16" else torch.float32
    cast_weight = weight.to(dtype)
    return lambda: nn.functional.linear(x.to(dtype), cast_weight).float()


def _report_fallback(requested: str, reason: str) -> None:
    if World.from_environment().rank == 0:
        say(f"{requested}: {reason}; using float32.")

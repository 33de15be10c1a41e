"""The precision that search computes in on a CPU, where a fast one was asked for.

An option for speed is never slower than the default, float32: where the processor has no fast
products of the kind, search stays with the default and says so.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nmt.model.kernels.int8 import Int8Product, has_int8_products
from nmt.runtime.console import say
from nmt.runtime.distributed import World
from nmt.runtime.processor import processor
from nmt.runtime.product_speed import clearly_fastest, gigaflops

_ROWS = 64
"""The rows of the product that is timed: beams of a small batch."""

_MOST_OUTPUTS = 1024
"""The first rows of the output matrix that are timed.

One product then takes about a millisecond, less than the time for which another process is given
the core. Most products are therefore undisturbed on a busy machine too.
"""

_SECONDS = 0.03
"""The time of one measurement, of which a busy machine takes a few."""

_LEAST_WEIGHTS = 1 << 16
"""Smaller products are not timed: their time is spent on the calls, not on the arithmetic."""


@dataclass(frozen=True)
class FastPrecision:
    """The precision to compute in.

    products: float32 or bfloat16; int8_vocabulary: whether the product with the vocabulary is in
    8 bits.
    """

    products: str
    int8_vocabulary: bool = False


def choose_precision(asked: str, output_weight: Tensor, measured: bool) -> FastPrecision:
    """Keep to the precision asked for, or fall back to float32 and say so in one line.

    Args:
        asked: bfloat16 or int8.
        output_weight: The matrix of the product with the vocabulary, float32, `[out, in]`.
        measured: Whether products are timed. Otherwise only the processor's flags decide, so that
            all processes of a machine, and later ones, choose alike.

    Returns:
        What to compute in. With int8 the other products are in bfloat16 where that is faster.
    """
    candidates = ["float32"]
    if processor().has_bfloat16:
        candidates.append("bfloat16")
    if asked == "int8" and has_int8_products():
        candidates.append("int8")
    if asked not in candidates:
        reason = "this processor does not multiply in it"
        if asked == "int8":
            reason = "this build of torch has no oneDNN"
        _say_fallback(asked, reason)
        return FastPrecision("float32")
    if not measured or output_weight.numel() < _LEAST_WEIGHTS:
        if asked == "bfloat16":
            return FastPrecision("bfloat16")
        fast = processor().has_fast_bfloat16
        return FastPrecision("bfloat16" if fast else "float32", int8_vocabulary=True)
    speeds = _speeds(output_weight, candidates)
    if clearly_fastest({name: speeds[name] for name in ("float32", asked)}, "float32") != asked:
        _say_fallback(
            asked,
            "not clearly faster than float32 on this processor "
            f"({speeds[asked]:.0f} against {speeds['float32']:.0f} GFLOP/s)",
        )
        return FastPrecision("float32")
    others = {name: speed for name, speed in speeds.items() if name != "int8"}
    return FastPrecision(clearly_fastest(others, "float32"), int8_vocabulary=asked == "int8")


def _speeds(output_weight: Tensor, names: list[str]) -> dict[str, float]:
    """Measure the product with the vocabulary in each precision, in GFLOP/s."""
    weight = output_weight.detach()[:_MOST_OUTPUTS].float()
    x = torch.randn(_ROWS, weight.shape[1], generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        candidates = {name: _product(name, x, weight) for name in names}
        return gigaflops(candidates, 2 * _ROWS * weight.numel(), _SECONDS)


def _product(name: str, x: Tensor, weight: Tensor) -> Callable[[], Tensor]:
    if name == "int8":
        product = Int8Product(weight)
        return lambda: product(x)
    dtype = torch.bfloat16 if name == "bfloat16" else torch.float32
    narrow = weight.to(dtype)
    return lambda: nn.functional.linear(x.to(dtype), narrow).float()


def _say_fallback(asked: str, reason: str) -> None:
    if World.of_environment().rank == 0:
        say(f"{asked}: {reason}; computing in float32.")

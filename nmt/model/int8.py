"""Products with a matrix of 8-bit integers, for search on a CPU."""

from functools import cache

import torch
from torch import Tensor

from nmt.errors import ResourceError

_STEPS = 127
_STEPS_IN_16_BITS = 63


class Int8Product:
    """`x W^T` with the rows of both rounded to 127 steps either side of zero (those of W to 63 on
    processors that add pairs of products in 16 bits, where more would not fit), each row by itself,
    and sums of whole numbers, which are exact: what a row gives does not depend on the others.
    """

    def __init__(self, weight: Tensor) -> None:
        """weight: W, `[out, in]`. Raises ResourceError when it is not on the CPU."""
        if weight.device.type != "cpu":
            raise ResourceError(
                f"precision int8 is for CPUs, and the model is on {weight.device}. Choose bfloat16 "
                "or float32, or --device cpu."
            )
        scale, rounded = _rounded(weight.detach().float(), _steps_of_weights())
        # Measured on a Zen 5: with 192 rows of 512, 8,000 results take a third of the time they
        # take in bfloat16; with 5 rows two thirds, with one row a fifth.
        self._matrix = rounded.t()
        self._scale = scale.squeeze(1)

    def __call__(self, x: Tensor) -> Tensor:
        """`[.., in]` to `[.., out]`, in float32."""
        scale, rounded = _rounded(x.float().flatten(0, -2), _STEPS)
        # The one 8-bit product that torch keeps (its quantised tensors are going away).
        product: Tensor = torch._int_mm(rounded, self._matrix).float()
        product.mul_(scale).mul_(self._scale)
        return product.view(*x.shape[:-1], -1)


@cache
def _steps_of_weights() -> int:
    """As many as this processor multiplies exactly."""
    signs = torch.randint(2, (64, 256), generator=torch.Generator().manual_seed(0)) * 2 - 1
    signs[:2] = torch.tensor([[1], [-1]])
    extreme = signs * _STEPS
    found = torch._int_mm(extreme.to(torch.int8), extreme.to(torch.int8).t())
    return _STEPS if torch.equal(found.long(), extreme @ extreme.t()) else _STEPS_IN_16_BITS


def _rounded(x: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """The size of a step for each row, `[rows, 1]`, and the rows in steps."""
    scale = x.abs().amax(1, keepdim=True) / steps
    scale = scale.clamp(min=torch.finfo(torch.float32).tiny)
    return scale, (x / scale).round_().to(torch.int8)

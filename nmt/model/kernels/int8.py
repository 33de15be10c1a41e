"""Products with a matrix of 8-bit integers, for search on a CPU."""

from functools import cache

import torch
from torch import Tensor

from nmt.errors import ResourceError

_STEPS = 127
_STEPS_IN_16_BITS = 63
_ZERO = 128  # the unsigned number that stands for zero


class Int8Product:
    """A product `x W^T` in 8 bits, by oneDNN.

    Each row of x and of W is rounded by itself, to 127 steps on either side of zero. W has 63 steps
    on processors that add pairs of products in 16 bits. Sums of integers are exact, so that the
    results of a row do not depend on the other rows.
    """

    def __init__(self, weight: Tensor) -> None:
        """Round and pack a matrix.

        Args:
            weight: W, `[out, in]`.

        Raises:
            ResourceError: The matrix is not on the CPU, or torch was built without oneDNN.
        """
        if weight.device.type != "cpu":
            raise ResourceError(
                f"precision int8 needs a CPU, but the model is on {weight.device}. Choose "
                "bfloat16 or float32, or --device cpu."
            )
        if not has_int8_products():
            raise ResourceError(
                "precision int8: this build of torch has no oneDNN. Choose float32 or bfloat16."
            )
        scale, rounded = _quantize_rows(weight.detach().float(), _steps_of_weights())
        self._matrix = _PackedMatrix(rounded.to(torch.int8), scale.squeeze(1))

    def __call__(self, x: Tensor) -> Tensor:
        """Return the product of `x [.., in]`, `[.., out]`, in float32."""
        scale, rounded = _quantize_rows(x.float().flatten(0, -2), _STEPS)
        product = self._matrix(rounded.add_(_ZERO).to(torch.uint8)).mul_(scale)
        return product.view(*x.shape[:-1], product.shape[-1])


def has_int8_products() -> bool:
    """Return whether torch was built with the library that `Int8Product` calls."""
    return bool(torch.backends.mkldnn.is_available())


class _PackedMatrix:
    """A matrix `[out, in]` of signed integers, in the memory layout of oneDNN.

    `torch._int_mm` is a plain loop (3 GFLOP/s) where a processor lacks AVX512-VNNI. torch's
    quantised tensors, which call FBGEMM, are deprecated.
    """

    def __init__(self, rounded: Tensor, scale: Tensor) -> None:
        """Pack a matrix.

        Args:
            rounded: The matrix in steps, int8, `[out, in]`.
            scale: The size of a step of each row, float32, `[out]`.
        """
        self._packed = torch.ops.onednn.qlinear_prepack(rounded, None)
        self._scale = scale
        self._zeros = torch.zeros(len(rounded), dtype=torch.int32)

    def __call__(self, x: Tensor) -> Tensor:
        """Return the product of `x [rows, in]`, `[rows, out]`, in float32.

        `x` is uint8, with 128 for zero. Processors without AMX multiply unsigned numbers fast.
        """
        product: Tensor = torch.ops.onednn.qlinear_pointwise(
            x,
            1.0,
            _ZERO,
            self._packed,
            self._scale,
            self._zeros,
            None,
            1.0,
            0,
            torch.float32,
            "none",
            [],
            "",
        )
        return product


@cache
def _steps_of_weights() -> int:
    """Return the most steps of weights that this processor multiplies without an overflow."""
    signs = torch.randint(2, (64, 256), generator=torch.Generator().manual_seed(0)) * 2 - 1
    signs[:2] = torch.tensor([[1], [-1]])
    extreme = signs * _STEPS
    matrix = _PackedMatrix(extreme.to(torch.int8), torch.ones(len(extreme)))
    result = matrix((extreme + _ZERO).to(torch.uint8))
    exact = torch.equal(result.long(), extreme @ extreme.t())
    return _STEPS if exact else _STEPS_IN_16_BITS


def _quantize_rows(x: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Return the size of a step of each row, `[rows, 1]`, and the rows in whole steps, float32."""
    scale = x.abs().amax(1, keepdim=True) / steps
    scale = scale.clamp(min=torch.finfo(torch.float32).tiny)
    return scale, (x / scale).round_()

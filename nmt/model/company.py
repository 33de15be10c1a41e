"""Results that depend on nothing but their own row, however many rows are computed with it.

Libraries multiply by a single row in other kernels than by several, which add up in another order.
In search a single row therefore gets a copy of itself for company. (What MKL does by the number of
rows beyond that, `nmt.runtime.device` turns off.)
"""

import math

import torch
from torch import Tensor, nn

from nmt.model.exporting import is_exporting

SOURCE_MULTIPLE = 16
"""Sources are filled up to a multiple of so many tokens in search: the sums that attention forms
over the source then run alike, however long the batch's longest sentence is.
"""

_LEAST_WORK = 4096
"""Multiplications up to which torch may form a product by itself, or by another library."""


def is_exact(device: torch.device) -> bool:
    """Whether results must be the same bits whatever else is computed with them: in search (under
    `torch.inference_mode`), on a CPU, where products are not narrowed.
    """
    return (
        torch.is_inference_mode_enabled()
        and device.type == "cpu"
        and not torch.is_autocast_enabled("cpu")
        and not is_exporting()
    )


def in_company(x: Tensor, axis: int = 0) -> Tensor:
    """`x`, or twice itself along an axis where that is 1 long and `is_exact`."""
    return torch.cat((x, x), axis) if x.shape[axis] == 1 and is_exact(x.device) else x


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`x W^T + b`, `[.., in] -> [.., out]`."""
    if not is_exact(x.device):
        return nn.functional.linear(x, weight, bias)
    several = in_company(weight)
    # Of one matrix: torch may take several as a batch of products, each with kernels of its own.
    rows = _enough(x.reshape(-1, x.shape[-1]), several.numel())
    result = nn.functional.linear(rows, several, None if bias is None else in_company(bias))
    return result[: x.shape[:-1].numel(), : len(weight)].view(*x.shape[:-1], len(weight))


def products(x: Tensor, matrices: Tensor) -> Tensor:
    """x M, `[.., queries, n]` and `[.., n, m]` give `[.., queries, m]`."""
    if not is_exact(x.device):
        return x @ matrices
    enough = _enough(x, matrices.shape[-2] * matrices.shape[-1])
    return (enough @ matrices)[..., : x.shape[-2], :]


def _enough(x: Tensor, multiplications: int) -> Tensor:
    """`x [.., rows, n]` with its rows repeated until they are two and work enough; multiplications:
    of each row.
    """
    rows = max(1, x.shape[-2])
    copies = math.ceil(max(2, _LEAST_WORK // max(1, multiplications) + 1) / rows)
    return x if copies == 1 else torch.cat((x,) * copies, -2)

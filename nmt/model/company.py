"""Results that depend on nothing but their own row, however many rows are computed with it.

Libraries multiply by a single row in other kernels than by several, which add up in another order.
Where nothing is learned a single row therefore gets a copy of itself for company. (What MKL does by
the number of rows beyond that, `nmt.runtime.device` turns off.)
"""

import torch
from torch import Tensor, nn

from nmt.model.exporting import is_exporting

SOURCE_MULTIPLE = 16
"""Sources are filled up to a multiple of so many tokens where nothing is learned: the sums that
attention forms over the source then run alike, however long the batch's longest sentence is.
"""


def in_company(x: Tensor, axis: int = 0) -> Tensor:
    """`x`, or twice itself along an axis where that is 1 long and nothing is learned."""
    return torch.cat((x, x), axis) if _is_exact(x) and x.shape[axis] == 1 else x


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`x W^T + b`, `[.., in] -> [.., out]`."""
    if not _is_exact(x):
        return nn.functional.linear(x, weight, bias)
    # Of one matrix: torch may take several as a batch of products, each with kernels of its own.
    rows = in_company(x.reshape(-1, x.shape[-1]))
    several = in_company(weight)
    result = nn.functional.linear(rows, several, None if bias is None else in_company(bias))
    return result[: x.shape[:-1].numel(), : len(weight)].view(*x.shape[:-1], len(weight))


def products(x: Tensor, matrices: Tensor) -> Tensor:
    """x M, `[.., queries, n]` and `[.., n, m]` give `[.., queries, m]`."""
    if x.shape[-2] > 1 or not _is_exact(x):
        return x @ matrices
    return (in_company(x, -2) @ matrices)[..., :1, :]


def _is_exact(x: Tensor) -> bool:
    """Whether it is search, on a CPU: training need not pay for it."""
    return x.device.type == "cpu" and not torch.is_grad_enabled() and not is_exporting()

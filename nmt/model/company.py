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

_LEAST_WORK = 400
"""Multiplications from which on torch gives each of a batch of products to a library."""


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
    # Of one matrix: torch may take several as a batch of products, each with kernels of its own.
    rows = in_company(x.reshape(-1, x.shape[-1]))
    several = in_company(weight)
    result = nn.functional.linear(rows, several, None if bias is None else in_company(bias))
    return result[: x.shape[:-1].numel(), : len(weight)].view(*x.shape[:-1], len(weight))


def products(x: Tensor, matrices: Tensor) -> Tensor:
    """x M, `[.., queries, n]` and `[.., n, m]` give `[.., queries, m]`."""
    if not is_exact(x.device):
        return x @ matrices
    queries = x.shape[-2]
    least = max(2, math.ceil(_LEAST_WORK / (x.shape[-1] * matrices.shape[-1])))
    if queries >= least:
        return x @ matrices
    repeated = torch.cat((x,) * math.ceil(least / queries), -2)
    return (repeated @ matrices)[..., :queries, :]

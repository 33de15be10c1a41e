"""Guided alignment: attention is led towards links that are known: Chen et al. 2016, "Guided
Alignment Training for Topic-Aware Neural Machine Translation".
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Cost = Callable[[Tensor, Tensor], Tensor]
"""The sum over target tokens, a scalar, from attention weights and what they should be, each
`[batch, target_len, source_len]`; a target token without links costs nothing.
"""


@dataclass(frozen=True)
class Guidance:
    """Where attention should look.

    shares: `[batch, target_len, source_len]`, rows that sum to one, or to zero where nothing is
    known; weight: what the cost counts in the loss.
    """

    shares: Tensor
    weight: float
    cost: Cost


def cross_entropy(weights: Tensor, shares: Tensor) -> Tensor:
    """- sum_ij g_ij log a_ij."""
    tiny = torch.finfo(weights.dtype).tiny  # below it a logarithm has no gradient to give
    return -(shares.to(weights.dtype) * weights.clamp_min(tiny).log()).sum()


def squared_error(weights: Tensor, shares: Tensor) -> Tensor:
    """sum_ij (g_ij - a_ij)^2."""
    linked = shares.sum(2, keepdim=True) > 0
    return ((shares.to(weights.dtype) - weights).square() * linked).sum()

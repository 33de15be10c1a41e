"""How attention scores become weights: never below zero, adding up to one over the source.

Each takes scores `[.., source_len]`, minus infinity where nothing may be seen, in float32 or wider,
and gives weights of the same shape, exactly zero there.
"""

from typing import Any

import torch
from torch import Tensor

from nmt.model.autograd import call


def softmax(scores: Tensor) -> Tensor:
    """exp(z_j) / sum_k exp(z_k)."""
    return torch.softmax(scores, -1)


def sparsemax(scores: Tensor) -> Tensor:
    """max(0, z_j - tau), the simplex's point nearest to z (Martins and Astudillo 2016, eq. 2)."""
    weights: Tensor = call(_Sparsemax, scores)
    return weights


def entmax15(scores: Tensor) -> Tensor:
    """max(0, z_j / 2 - tau)^2: alpha-entmax with alpha = 1.5 (Peters et al. 2019, eq. 6)."""
    weights: Tensor = call(_Entmax15, scores)
    return weights


class _Sparsemax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, scores: Tensor) -> Tensor:
        scores = scores - scores.amax(-1, keepdim=True)
        ranked = scores.sort(-1, descending=True).values
        # Where nothing may be seen the rank is never in the support; infinities would only spread.
        ranked = ranked.clamp_min(-2.0)
        rank = torch.arange(1, scores.shape[-1] + 1, device=scores.device, dtype=scores.dtype)
        total = ranked.cumsum(-1) - 1.0
        support = (ranked * rank > total).sum(-1, keepdim=True)
        threshold = total.gather(-1, support - 1) / support
        weights = (scores - threshold).clamp_min(0.0)
        ctx.save_for_backward(weights)
        return weights

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Tensor:
        """On the support: the gradient less its mean there (Martins and Astudillo 2016, eq. 9)."""
        weights: Tensor = ctx.saved_tensors[0]
        support = (weights > 0).to(weights.dtype)
        gradient: Tensor = gradients[0] * support
        mean = gradient.sum(-1, keepdim=True) / support.sum(-1, keepdim=True)
        return gradient - mean * support


class _Entmax15(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, scores: Tensor) -> Tensor:
        scores = (scores - scores.amax(-1, keepdim=True)) / 2
        # tau is never below -1 here, so what lies lower is outside the support, infinities too.
        ranked = scores.sort(-1, descending=True).values.clamp_min(-2.0)
        rank = torch.arange(1, scores.shape[-1] + 1, device=scores.device, dtype=scores.dtype)
        mean = ranked.cumsum(-1) / rank
        spread = rank * ((ranked * ranked).cumsum(-1) / rank - mean * mean)
        thresholds = mean - ((1.0 - spread) / rank).clamp_min(0.0).sqrt()
        support = (thresholds <= ranked).sum(-1, keepdim=True)
        threshold = thresholds.gather(-1, support - 1)
        weights = (scores - threshold).clamp_min(0.0).square()
        ctx.save_for_backward(weights)
        return weights

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Tensor:
        """Peters et al. 2019, proposition 2: s = p^(2 - alpha)."""
        weights: Tensor = ctx.saved_tensors[0]
        root = weights.sqrt()
        gradient: Tensor = gradients[0] * root
        mean = gradient.sum(-1, keepdim=True) / root.sum(-1, keepdim=True)
        return gradient - mean * root

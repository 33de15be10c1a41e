"""Dropout of vectors and of whole words."""

import math

import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """Dropout of vectors `[batch, length, size]`.

    rate: share of the elements put to zero in training, the others grow by 1 / (1 - rate);
    variational: the same elements at each step of a sentence (Gal and Ghahramani 2016).
    """

    def __init__(self, rate: float, variational: bool) -> None:
        super().__init__()
        self.rate = rate
        self.variational = variational

    def mask(self, like: Tensor, size: int) -> Tensor | None:
        """What one sentence's vectors are multiplied by at each step, `[batch, 1, size]`, where
        `like` is `[batch, ..]`; None where each step draws its own.
        """
        if not self.variational or not self.training or self.rate == 0.0:
            return None
        return _mask(like, (like.shape[0], 1, size), self.rate)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """x `[batch, length, size]`; mask: from `mask`, for a part of a sentence's steps."""
        if not self.training or self.rate == 0.0:
            return x
        if not self.variational:
            if x.device.type == "cpu":
                return x * _mask(x, tuple(x.shape), self.rate)
            return nn.functional.dropout(x, self.rate)
        if mask is None:
            mask = self.mask(x, x.shape[-1])
            assert mask is not None
        return x * mask.to(x.dtype)


class WordDropout(nn.Module):
    """Puts whole vectors to zero, each with probability `rate`, as Nematus does; the others stay as
    large as they are times 1 / (1 - rate).
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """x `[.., size]`."""
        if not self.training or self.rate == 0.0:
            return x
        return x * _mask(x, (*x.shape[:-1], 1), self.rate)


def recurrent_mask(like: Tensor, size: int, rate: float, training: bool) -> Tensor | None:
    """What a hidden vector is multiplied by in all recurrent products of a sentence, `[batch,
    size]`, where `like` is `[batch, ..]`; None without recurrent dropout.
    """
    if not training or rate == 0.0:
        return None
    return _mask(like, (like.shape[0], size), rate)


def _mask(like: Tensor, shape: tuple[int, ...], rate: float) -> Tensor:
    if like.device.type == "cpu":
        return _cpu_mask(like.dtype, shape, rate)
    kept = torch.empty(shape, dtype=like.dtype, device=like.device).bernoulli_(1.0 - rate)
    return kept.div_(1.0 - rate)


_STEPS = 1 << 16


def _cpu_mask(dtype: torch.dtype, shape: tuple[int, ...], rate: float) -> Tensor:
    """The same from 16 random bits an element, four of which one draw gives: `bernoulli_` draws
    for each. The rate is rounded to a multiple of 2^-16.
    """
    count = math.prod(shape)
    draws = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(1 << 63), None)
    dropped = min(round(rate * _STEPS), _STEPS - 1)
    kept = draws.view(torch.int16)[:count] >= dropped - _STEPS // 2
    return kept.to(dtype).mul_(1.0 / (1.0 - rate)).view(shape)

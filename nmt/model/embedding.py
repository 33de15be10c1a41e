"""Word vectors, and dropout of vectors and of whole words."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nmt.config.settings.model import ModelSettings


class Embedding(nn.Embedding):
    """Word vectors, with dropout of whole words and of vectors."""

    def __init__(self, vocabulary: int, settings: ModelSettings, word_dropout: float) -> None:
        super().__init__(vocabulary, settings.embedding_size)
        self.word_dropout = WordDropout(word_dropout)
        self.dropout = Dropout(settings.embedding_dropout, settings.variational_dropout)

    def reset_parameters(self) -> None:
        """Draw the vectors, unless the embedding is on the meta device, which holds no values.

        There torch would import its compiler, which takes more than a second.
        """
        if not self.weight.is_meta:
            super().reset_parameters()

    def mask(self, input: Tensor) -> Tensor | None:
        """Return a new `Dropout.mask` for sentences of token ids, `[batch, length]`."""
        return self.dropout.mask(self.weight.new_empty(len(input), 0), self.embedding_dim)

    def forward(self, input: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the vectors of token ids, `[batch, length] -> [batch, length, embedding]`.

        Args:
            input: The ids, `[batch, length]`.
            mask: The result of `mask`, `[batch, 1, embedding]`. None draws one for this call.
        """
        embedded: Tensor = self.dropout(self.word_dropout(super().forward(input)), mask)
        return embedded


class Dropout(nn.Module):
    """Dropout of vectors `[batch, length, size]`."""

    def __init__(self, rate: float, variational: bool) -> None:
        """Keep the settings.

        Args:
            rate: The share of the elements set to zero in training, from 0 to 1. The others are
                multiplied by 1 / (1 - rate).
            variational: Whether the same elements are dropped at each step of a sentence (Gal and
                Ghahramani 2016).
        """
        super().__init__()
        self.rate = rate
        self.variational = variational

    def mask(self, like: Tensor, size: int) -> Tensor | None:
        """Draw a mask that all steps of a sentence share.

        Args:
            like: A tensor `[batch, ..]` of the type and device of the vectors.
            size: The size of the vectors.

        Returns:
            The mask, `[batch, 1, size]`. None where steps share no mask.
        """
        if not self.variational or not self.training or self.rate == 0.0:
            return None
        return _dropout_mask(like, (like.shape[0], 1, size), self.rate)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return vectors with some elements dropped in training, `[batch, length, size]`.

        Args:
            x: The vectors, `[batch, length, size]`.
            mask: The result of `mask`, `[batch, 1, size]`, when `x` is a part of the sentences'
                steps. None draws one for this call.
        """
        if not self.training or self.rate == 0.0:
            return x
        if not self.variational:
            if x.device.type == "cpu":
                return x * _dropout_mask(x, tuple(x.shape), self.rate)
            return nn.functional.dropout(x, self.rate)
        if mask is None:
            mask = self.mask(x, x.shape[-1])
            assert mask is not None
        return x * mask.to(x.dtype)


class WordDropout(nn.Module):
    """Dropout of whole vectors, each with probability `rate`, as in Nematus.

    The others are multiplied by 1 / (1 - rate).
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Return `x [.., size]` with some vectors dropped in training."""
        if not self.training or self.rate == 0.0:
            return x
        return x * _dropout_mask(x, (*x.shape[:-1], 1), self.rate)


@dataclass(frozen=True)
class DropoutMasks:
    """The dropout masks of a decoder for a batch. A mask is None without such dropout.

    Attributes:
        between_layers: The masks of the input of each layer above the bottom one, then of the
            state that enters the output layer, `[batch, 1, hidden]`.
        features: The mask of the features, `[batch, 1, feature]`.
        recurrent: The masks of each layer's hidden vector in the recurrent product,
            `[batch, 1, hidden]`.
    """

    between_layers: tuple[Tensor | None, ...]
    features: Tensor | None
    recurrent: tuple[Tensor | None, ...]


def recurrent_mask(like: Tensor, size: int, rate: float, training: bool) -> Tensor | None:
    """Draw a mask of the hidden vector for all recurrent products of a sentence.

    Args:
        like: A tensor `[batch, ..]` of the type and device of the mask.
        size: The size of the hidden vector.
        rate: The share of the elements set to zero, from 0 to 1.
        training: Whether the model trains. Otherwise there is no dropout.

    Returns:
        The mask, `[batch, size]`. None without recurrent dropout.
    """
    if not training or rate == 0.0:
        return None
    return _dropout_mask(like, (like.shape[0], size), rate)


def _dropout_mask(like: Tensor, shape: tuple[int, ...], rate: float) -> Tensor:
    """Draw a mask of zeros, at the rate, and of 1 / (1 - rate) elsewhere."""
    if like.device.type == "cpu":
        return _cpu_mask(like.dtype, shape, rate)
    kept = torch.empty(shape, dtype=like.dtype, device=like.device).bernoulli_(1.0 - rate)
    return kept.div_(1.0 - rate)


_STEPS = 1 << 16


def _cpu_mask(dtype: torch.dtype, shape: tuple[int, ...], rate: float) -> Tensor:
    """Draw a mask from 16 random bits an element, four elements from one draw.

    The rate is rounded to a multiple of 2^-16. Existing runs need the same draws to resume.
    """
    count = math.prod(shape)
    draws = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(1 << 63), None)
    dropped = min(round(rate * _STEPS), _STEPS - 1)
    kept = draws.view(torch.int16)[:count] >= dropped - _STEPS // 2
    return kept.to(dtype).mul_(1.0 / (1.0 - rate)).view(shape)

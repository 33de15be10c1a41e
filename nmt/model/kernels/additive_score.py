"""The scores of additive attention, without its hidden layer in memory.

It replaces `torch.tanh(queries.unsqueeze(2) + keys.unsqueeze(1)) @ energy` of `AdditiveAttention`
in nmt/model/attention.py. It saves memory and gives batch invariance. Plain automatic
differentiation keeps the layer of all steps, 200 MB for 80 sentences of 25 tokens and a size of
1,000. Gain: 1.06 on configs/textbook/gnmt-small.yaml.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from nmt.model.kernels.activations import sigmoid_
from nmt.model.kernels.precision import upcast_dtype

_BUFFER_BYTES = {"cpu": 1 << 21, "cuda": 1 << 28}
"""The size of the hidden layer's part that is computed at a time. On a CPU its cache holds it."""


def additive_score(queries: Tensor, keys: Tensor, energy: Tensor) -> Tensor:
    """Return v . tanh(q + k) for every query and key, `[batch, queries, source_len]`.

    Args:
        queries: q, `[batch, queries, size]`.
        keys: k, `[batch, source_len, size]`, in the type to compute in.
        energy: v, `[size]`.
    """
    dtype = keys.dtype
    # Autocast would cast the largest tensor here to a narrower type.
    with torch.autocast(keys.device.type, enabled=False):
        scores: Tensor = _AdditiveScore.apply(queries.to(dtype), keys, energy.to(dtype))
    return scores


class _AdditiveScore(torch.autograd.Function):
    """v . tanh(q + k) = 2 v . sigmoid(2 q + 2 k) - sum(v).

    The hidden layer `[batch, queries, source_len, size]` is computed for a few sentences at a time,
    in one buffer, and recomputed in the backward pass.
    """

    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, energy: Tensor) -> Tensor:
        ctx.save_for_backward(queries, keys, energy)
        dtype = upcast_dtype(queries.dtype)
        scores = queries.new_empty(*queries.shape[:2], keys.shape[1], dtype=dtype)
        for rows, hidden in HiddenLayers(keys, queries.shape[1]).blocks(2 * queries):
            torch.sum(hidden.mul_(energy), -1, dtype=dtype, out=scores[rows])
        return scores.mul_(2).sub_(energy.sum(dtype=dtype))

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, Tensor, Tensor]:
        queries, keys, energy = ctx.saved_tensors
        d_scores = gradients[0].to(queries.dtype)
        d_queries, d_keys = torch.empty_like(queries), torch.empty_like(keys)
        d_energy = torch.zeros_like(energy)
        for rows, hidden in HiddenLayers(keys, queries.shape[1]).blocks(2 * queries):
            gradient = d_scores[rows]
            d_energy += (gradient.reshape(1, -1) @ hidden.view(-1, len(energy))).squeeze(0)
            slope = torch.addcmul(hidden, hidden, hidden, value=-1, out=hidden)
            weighted = slope.mul_(gradient.unsqueeze(-1))
            torch.sum(weighted, 2, out=d_queries[rows])
            torch.sum(weighted, 1, out=d_keys[rows])
        # The slope of tanh is 4 sigmoid (1 - sigmoid).
        d_energy.mul_(2).sub_(d_scores.sum())
        return d_queries.mul_(4 * energy), d_keys.mul_(4 * energy), d_energy


class HiddenLayers:
    """sigmoid(2 q + 2 k) of changing queries and fixed keys, for a few sentences at a time."""

    def __init__(self, keys: Tensor, queries: int = 1) -> None:
        """Allocate the buffer.

        Args:
            keys: k, `[batch, source_len, size]`.
            queries: The number of queries a sentence.
        """
        batch, source_len, size = keys.shape
        self._keys = keys.unsqueeze(1)
        row_bytes = max(1, queries * source_len * size * keys.itemsize)
        rows = min(batch, max(1, _BUFFER_BYTES.get(keys.device.type, 1 << 21) // row_bytes))
        self._buffer = keys.new_empty(rows, queries, source_len, size)

    def blocks(self, doubled: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Yield slices of the batch, each with its layer, `[rows, queries, source_len, size]`.

        The next layer overwrites it.

        Args:
            doubled: 2 q, `[batch, queries, size]`.
        """
        for begin in range(0, len(doubled), len(self._buffer)):
            rows = slice(begin, min(begin + len(self._buffer), len(doubled)))
            layer = self._buffer[: rows.stop - begin]
            torch.add(doubled[rows].unsqueeze(2), self._keys[rows], alpha=2, out=layer)
            yield rows, sigmoid_(layer)

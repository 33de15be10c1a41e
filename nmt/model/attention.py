"""Attention: how much each annotation counts for each query.

Every kind is a score function; the softmax over the source and the weighted sum of the annotations
are the same for all and written once, in `Attention.forward`. The query has a length axis: in
training it may hold all target steps, in search it holds the beams, so nothing of the source is
ever copied per beam.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nmt.config.settings.model import AttentionSettings
from nmt.model.autograd import call
from nmt.model.linear import Linear
from nmt.model.precision import widened


@dataclass(frozen=True)
class Memory:
    """What attention knows of the source, prepared once per sentence.

    annotations: `[batch, source_len, annotation]`; keys: what the score function compares queries
    with, `[batch, source_len, key]`; bias: `[batch, 1, source_len]`, zero at tokens and minus
    infinity at padding.
    """

    annotations: Tensor
    keys: Tensor
    bias: Tensor

    def select(self, rows: Tensor) -> "Memory":
        """The memory of some of the sentences, `rows [new_batch]`."""
        return Memory(self.annotations[rows], self.keys[rows], self.bias[rows])


class Attention(nn.Module, ABC):
    """`prepare` once per sentence, then ask with any number of queries.

    query_size: H; annotation_size: D.
    """

    def __init__(self, settings: AttentionSettings, query_size: int, annotation_size: int) -> None:
        super().__init__()
        self.query_size = query_size
        self.annotation_size = annotation_size
        self.dropout = nn.Dropout(settings.dropout)

    def prepare(self, annotations: Tensor, mask: Tensor) -> Memory:
        """annotations `[batch, source_len, D]` and mask `[batch, source_len]`, true at tokens."""
        bias = torch.zeros(mask.shape, device=mask.device, dtype=torch.float32)
        bias = bias.masked_fill(~mask, float("-inf")).unsqueeze(1)
        return Memory(annotations, self.keys(annotations), bias)

    def forward(self, query: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """Context `[batch, queries, D]` and weights `[batch, queries, source_len]` (float32 or
        wider) for queries `[batch, queries, H]`. Weights at padding are exactly zero.
        """
        scores = self.score(query, memory.keys)
        weights = torch.softmax(widened(scores) + memory.bias, -1)
        context = self.dropout(weights).to(memory.annotations.dtype) @ memory.annotations
        return context, weights

    @abstractmethod
    def keys(self, annotations: Tensor) -> Tensor:
        """What depends on the annotations alone, `[batch, source_len, key]`."""

    @abstractmethod
    def score(self, query: Tensor, keys: Tensor) -> Tensor:
        """One score for each query and annotation, `[batch, queries, source_len]`."""

    def initialize(self) -> None:
        """Glorot maps."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)


class AdditiveAttention(Attention):
    """e_ij = v . tanh(W s + U h_j): Bahdanau et al. 2014, appendix A.1.2."""

    def __init__(self, settings: AttentionSettings, query_size: int, annotation_size: int) -> None:
        super().__init__(settings, query_size, annotation_size)
        size = settings.size or query_size
        self.query_map = Linear(query_size, size, bias=False)
        self.key_map = Linear(annotation_size, size, bias=False)
        self.energy = nn.Parameter(torch.empty(size))

    def initialize(self) -> None:
        """Glorot maps; the energy vector as one row of such a map."""
        super().initialize()
        nn.init.xavier_uniform_(self.energy.data.view(1, -1))

    def keys(self, annotations: Tensor) -> Tensor:
        """U h_j."""
        keys: Tensor = self.key_map(annotations)
        return keys

    def score(self, query: Tensor, keys: Tensor) -> Tensor:
        """v . tanh(W s + U h_j)."""
        return _additive_score(self.query_map(query), keys, self.energy.to(keys.dtype))


class DotAttention(Attention):
    """e_ij = s . h_j: Luong et al. 2015, eq. 8."""

    def keys(self, annotations: Tensor) -> Tensor:
        """The annotations themselves."""
        return annotations

    def score(self, query: Tensor, keys: Tensor) -> Tensor:
        """s . h_j."""
        return query.to(keys.dtype) @ keys.transpose(1, 2)


class GeneralAttention(Attention):
    """e_ij = s . W h_j: Luong et al. 2015, eq. 8."""

    def __init__(self, settings: AttentionSettings, query_size: int, annotation_size: int) -> None:
        super().__init__(settings, query_size, annotation_size)
        self.key_map = Linear(annotation_size, query_size, bias=False)

    def keys(self, annotations: Tensor) -> Tensor:
        """W h_j."""
        keys: Tensor = self.key_map(annotations)
        return keys

    def score(self, query: Tensor, keys: Tensor) -> Tensor:
        """s . W h_j."""
        return query.to(keys.dtype) @ keys.transpose(1, 2)


class _AdditiveScore(torch.autograd.Function):
    """Keeps no `[batch, queries, source_len, size]` tanh for the backward pass: makes it again."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, keys: Tensor, energy: Tensor) -> Tensor:
        ctx.save_for_backward(query, keys, energy)
        return torch.tanh(query.unsqueeze(2) + keys.unsqueeze(1)) @ energy

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, Tensor, Tensor]:
        query, keys, energy = ctx.saved_tensors
        gradient = gradients[0].to(keys.dtype)
        squashed = torch.tanh(query.unsqueeze(2) + keys.unsqueeze(1))
        d_energy = gradient.reshape(-1) @ squashed.view(-1, squashed.shape[-1])
        d_sum = torch.addcmul(energy, squashed * energy, squashed, value=-1)
        d_sum = d_sum.mul_(gradient.unsqueeze(-1))
        d_keys = d_sum.squeeze(1) if d_sum.shape[1] == 1 else d_sum.sum(1)
        return d_sum.sum(2), d_keys, d_energy


def _additive_score(query: Tensor, keys: Tensor, energy: Tensor) -> Tensor:
    """`[batch, queries, source_len]` of queries `[batch, queries, size]`, keys, energy `[size]`."""
    scores: Tensor = call(_AdditiveScore, query, keys, energy)
    return scores

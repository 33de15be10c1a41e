"""Attention: how much each annotation counts for each query.

Every kind is a score function; the window, the normaliser and the weighted sum of the annotations
are the same for all and written once, in `Attention.forward`. The query has a length axis: in
training it may hold all target steps, in search it holds the beams, so nothing of the source is
ever copied per beam.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nmt.config.kinds import NORMALIZERS, WINDOWS
from nmt.config.settings.attention import AttentionSettings
from nmt.model.linear import Linear
from nmt.model.precision import widened
from nmt.model.shared_product import shared_product
from nmt.model.windows import Window


@dataclass(frozen=True)
class Memory:
    """What attention knows of the source, prepared once per sentence.

    annotations: what contexts are made of, `[batch, source_len, annotation]`; keys: what the score
    function compares queries with, `[batch, source_len, key]`; bias: `[batch, 1, source_len]`, zero
    at tokens and minus infinity at padding; lengths: `[batch]`, tokens.
    """

    annotations: Tensor
    keys: Tensor
    bias: Tensor
    lengths: Tensor

    def select(self, rows: Tensor) -> "Memory":
        """The memory of some of the sentences, `rows [new_batch]`."""
        return Memory(self.annotations[rows], self.keys[rows], self.bias[rows], self.lengths[rows])


@dataclass(frozen=True)
class Query:
    """What attention is asked with.

    vectors: `[batch, queries, H]`; positions: `[queries]` or `[1]`, their target positions, from 0;
    covered: `[batch, queries, source_len]`, the weights that each annotation has got at the
    positions before, where coverage is kept.
    """

    vectors: Tensor
    positions: Tensor
    covered: Tensor | None = None


class Attention(nn.Module, ABC):
    """`prepare` once per sentence, then ask with any number of queries.

    query_size: H; annotation_size: D.
    """

    heads = 1

    def __init__(self, settings: AttentionSettings, query_size: int, annotation_size: int) -> None:
        super().__init__()
        self.query_size = query_size
        self.annotation_size = annotation_size
        self.normalize = NORMALIZERS.resolve(settings.normalizer)
        self.window: Window = WINDOWS.resolve(settings.window)(settings, query_size)
        self.dropout = nn.Dropout(settings.dropout)

    def prepare(self, annotations: Tensor, mask: Tensor) -> Memory:
        """annotations `[batch, source_len, D]` and mask `[batch, source_len]`, true at tokens."""
        bias = torch.zeros(mask.shape, device=mask.device, dtype=torch.float32)
        bias = bias.masked_fill(~mask, float("-inf")).unsqueeze(1)
        return Memory(self.values(annotations), self.keys(annotations), bias, mask.sum(1))

    def forward(self, query: Query, memory: Memory) -> tuple[Tensor, Tensor | None]:
        """Context `[batch, queries, D]` and weights `[batch, queries, source_len]` (float32 or
        wider; None without attention). Weights at padding are exactly zero.
        """
        weights = self.weigh(self.scores(query, memory), query, memory)
        kept = self.dropout(weights).to(memory.annotations.dtype)
        return shared_product(kept, memory.annotations), weights

    def head_weights(self, query: Query, memory: Memory) -> Tensor:
        """The weights of each head by itself, `[batch, heads, queries, source_len]`, to look at."""
        return self.weigh(self.scores(query, memory), query, memory).unsqueeze(1)

    def weigh(self, scores: Tensor, query: Query, memory: Memory) -> Tensor:
        """Weights of scores, `[batch, queries, source_len]` or `[batch, heads, queries,
        source_len]`.
        """
        outside, nearness = self.window(
            query.vectors, query.positions, memory.lengths, memory.bias.shape[2]
        )
        bias = memory.bias if outside is None else memory.bias + outside
        if scores.dim() == 4:
            bias = bias.unsqueeze(1)
            nearness = None if nearness is None else nearness.unsqueeze(1)
        weights: Tensor = self.normalize(widened(scores) + bias)
        return weights if nearness is None else weights * nearness

    def values(self, annotations: Tensor) -> Tensor:
        """What contexts are sums of, `[batch, source_len, D]`."""
        return annotations

    @abstractmethod
    def keys(self, annotations: Tensor) -> Tensor:
        """What depends on the annotations alone, `[batch, source_len, key]`."""

    def scores(self, query: Query, memory: Memory) -> Tensor:
        """One score for each query and annotation, `[batch, queries, source_len]`."""
        return self.score(query.vectors, memory.keys)

    @abstractmethod
    def score(self, query: Tensor, keys: Tensor) -> Tensor:
        """The same from the vectors alone, `[batch, queries, H]` and `[batch, source_len, key]`."""

    def initialize(self) -> None:
        """Glorot maps, biases zero."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)


class NoAttention(Attention):
    """Nothing but the encoder's final state goes across: Sutskever et al. 2014."""

    def forward(self, query: Query, memory: Memory) -> tuple[Tensor, Tensor | None]:
        """An empty context, `[batch, queries, 0]`, and no weights."""
        return query.vectors.new_empty(*query.vectors.shape[:2], 0), None

    def keys(self, annotations: Tensor) -> Tensor:
        """There is nothing to compare with."""
        return annotations[..., :0]

    def score(self, query: Tensor, keys: Tensor) -> Tensor:
        """All alike."""
        return query.new_zeros(*query.shape[:2], keys.shape[1])


class DotAttention(Attention):
    """e_ij = s . h_j: Luong et al. 2015, eq. 8."""

    def keys(self, annotations: Tensor) -> Tensor:
        """The annotations themselves."""
        return annotations

    def score(self, query: Tensor, keys: Tensor) -> Tensor:
        """s . h_j."""
        return shared_product(query.to(keys.dtype), keys, transposed=True)


class ScaledDotAttention(DotAttention):
    """e_ij = s . h_j / sqrt(D): Vaswani et al. 2017, eq. 1."""

    def score(self, query: Tensor, keys: Tensor) -> Tensor:
        """s . h_j / sqrt(D)."""
        return super().score(query, keys) / math.sqrt(keys.shape[-1])


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
        return shared_product(query.to(keys.dtype), keys, transposed=True)


class LocationAttention(Attention):
    """e_ij = row j of W [s; y] + b, y the previous embedding: scores of places, not of what stands
    there (Luong et al. 2015, eq. 8, location; the decoder of PyTorch's tutorial).

    Places from `max_positions` on get nothing.
    """

    def __init__(self, settings: AttentionSettings, query_size: int, annotation_size: int) -> None:
        super().__init__(settings, query_size, annotation_size)
        self.place_map = Linear(query_size, settings.max_positions)

    def prepare(self, annotations: Tensor, mask: Tensor) -> Memory:
        """See `Attention.prepare`."""
        known = torch.arange(mask.shape[1], device=mask.device) < self.place_map.out_features
        return super().prepare(annotations, mask & known)

    def keys(self, annotations: Tensor) -> Tensor:
        """Nothing: only how many there are counts."""
        return annotations[..., :0]

    def score(self, query: Tensor, keys: Tensor) -> Tensor:
        """Rows of W [s; y] + b."""
        scores: Tensor = self.place_map(query)
        missing = keys.shape[1] - scores.shape[2]
        return nn.functional.pad(scores, (0, missing))

"""Attention in several subspaces at once."""

import math

from torch import Tensor

from nmt.config.settings.attention import AttentionSettings
from nmt.model.attention import Attention, Memory, Query
from nmt.model.kernels.batch_invariance import is_exact, products
from nmt.model.linear import Linear


class MultiHeadAttention(Attention):
    """W_o [head_1; ..], head_k = softmax(Q_k s . K_k h / sqrt(d)) V_k h, d the size of a head:
    Vaswani et al. 2017, section 3.2.2. The weights shown are the mean of the heads'.
    """

    def __init__(self, settings: AttentionSettings, query_size: int, annotation_size: int) -> None:
        super().__init__(settings, query_size, annotation_size)
        size = settings.size or query_size
        self.heads = settings.heads
        self.query_map = Linear(query_size, size, bias=False)
        self.key_map = Linear(annotation_size, size, bias=False)
        self.value_map = Linear(annotation_size, size, bias=False)
        self.context_map = Linear(size, annotation_size, bias=False)

    def keys(self, annotations: Tensor) -> Tensor:
        """K h, all heads side by side."""
        keys: Tensor = self.key_map(annotations)
        return keys

    def values(self, annotations: Tensor) -> Tensor:
        """V h, all heads side by side."""
        values: Tensor = self.value_map(annotations)
        return values

    def score(self, query: Tensor, keys: Tensor) -> Tensor:
        """Scores of each head, `[batch, heads, queries, source_len]`."""
        queries = self._apart(self.query_map(query).to(keys.dtype))
        scores = products(queries, self._apart(keys).transpose(2, 3))
        return scores / math.sqrt(queries.shape[-1])

    def forward(self, query: Query, memory: Memory) -> tuple[Tensor, Tensor | None]:
        """See `Attention.forward`."""
        weights = self.head_weights(query, memory)
        values = self._apart(memory.annotations)
        contexts = products(self.dropout(weights).to(values.dtype), values)
        context: Tensor = self.context_map(contexts.transpose(1, 2).flatten(2))
        return context, _mean(weights)

    def head_weights(self, query: Query, memory: Memory) -> Tensor:
        """See `Attention.head_weights`."""
        return self.weigh(self.score(query.vectors, memory.keys), query, memory)

    def _apart(self, x: Tensor) -> Tensor:
        """`[batch, length, size] -> [batch, heads, length, size / heads]`."""
        apart: Tensor = x.unflatten(2, (self.heads, -1))
        return apart.transpose(1, 2)


def _mean(weights: Tensor) -> Tensor:
    """Over the heads; torch's own adds up in an order that depends on the place in the source."""
    if not is_exact(weights.device):
        return weights.mean(1)
    return weights.cumsum(1)[:, -1] / weights.shape[1]

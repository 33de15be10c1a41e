"""Attention: the weights of the annotations for each query, and the context.

    e_ij = score(s, h_j)                        `Attention.score`: Luong et al. 2015, section 3.1
    a_ij = exp(e_ij) / sum_k exp(e_ik)          `compute_weights`: Bahdanau et al. 2014, eq. 6
    c_i = sum_j a_ij h_j                        `forward`: Bahdanau et al. 2014, eq. 5

The query s is s_{i-1} (Bahdanau) or s_i (Luong). The decoder chooses it, in nmt/model/decoder.py.
Every kind of attention is a score function. To add one, write `keys` and `score` of a subclass of
`Attention`, and a line in `ATTENTIONS` of nmt/config/registry.py. CONTRIBUTING.md has an example.
Local attention (Luong et al. 2015, eq. 9-10) and other normalizers than softmax are in
nmt/model/attention_weights.py.

Queries have a length axis. In training it may hold all target steps. In search it holds the beams,
so that the source is never copied for each beam.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nmt.config.registry import NORMALIZERS, WINDOWS
from nmt.config.settings.attention import AttentionSettings
from nmt.model.attention_weights import Window
from nmt.model.kernels.additive_score import additive_score
from nmt.model.kernels.batch_invariance import invariant_linear
from nmt.model.kernels.kernel_module import KernelModule, Linear
from nmt.model.kernels.precision import upcast


@dataclass(frozen=True)
class Memory:
    """The source in the form that attention needs, prepared once for each sentence.

    Attributes:
        annotations: The vectors that contexts are sums of, `[batch, source_len, annotation]`.
        keys: The vectors that queries are compared with, `[batch, source_len, key]`.
        bias: The bias of the scores, `[batch, 1, source_len]`, zero at tokens and minus infinity
            at padding.
        lengths: The number of tokens, `[batch]`.
    """

    annotations: Tensor
    keys: Tensor
    bias: Tensor
    lengths: Tensor

    def select(self, rows: Tensor) -> "Memory":
        """Return the memory of the sentences `rows [new_batch]`."""
        return Memory(self.annotations[rows], self.keys[rows], self.bias[rows], self.lengths[rows])


@dataclass(frozen=True)
class Query:
    """The queries of some steps or beams.

    Attributes:
        vectors: The query vectors, `[batch, queries, H]`.
        positions: The target positions, from 0, `[queries]` or `[1]`.
        coverage: The sum of each annotation's weights at the positions before,
            `[batch, queries, source_len]`. None without coverage.
    """

    vectors: Tensor
    positions: Tensor
    coverage: Tensor | None = None


class AttentionOutput(NamedTuple):
    """The result of attention.

    Attributes:
        contexts: c_i, `[batch, queries, annotation]`.
        weights: a_ij before dropout, `[batch, queries, source_len]`, in float32 or wider, exactly
            zero at padding. None without attention.
    """

    contexts: Tensor
    weights: Tensor | None


class Attention(KernelModule, ABC):
    """A kind of attention: `prepare` once for each sentence, then call with any queries.

    A subclass has `keys` and `score`. Few need more.
    """

    heads = 1

    def __init__(self, settings: AttentionSettings, query_size: int, annotation_size: int) -> None:
        """Create the parts that all kinds share.

        Args:
            settings: The normalizer, the window and the dropout of the weights.
            query_size: H, the size of a query vector.
            annotation_size: D, the size of an annotation.
        """
        super().__init__()
        self.query_size = query_size
        self.annotation_size = annotation_size
        self.normalize = NORMALIZERS.resolve(settings.normalizer)
        self.window: Window = WINDOWS.resolve(settings.window)(settings, query_size)
        self.dropout = nn.Dropout(settings.dropout)

    def prepare(self, annotations: Tensor, mask: Tensor) -> Memory:
        """Return the memory of a batch, which depends on the source alone.

        Args:
            annotations: h_j, `[batch, source_len, D]`.
            mask: `[batch, source_len]`, true at tokens.
        """
        bias = torch.zeros(mask.shape, device=mask.device, dtype=torch.float32)
        bias = bias.masked_fill(~mask, float("-inf")).unsqueeze(1)
        return Memory(self.values(annotations), self.keys(annotations), bias, mask.sum(1))

    def forward(self, query: Query, memory: Memory) -> AttentionOutput:
        """Compute c_i = sum_j a_ij h_j: Bahdanau et al. 2014, eq. 5.

        Args:
            query: s_i, `[batch, queries, H]`, with positions and coverage.
            memory: The source, prepared by `prepare`.

        Returns:
            The contexts and the weights.
        """
        weights = self.compute_weights(self.scores(query, memory), query, memory)
        dropped_out = self.dropout(weights).to(memory.annotations.dtype)
        return AttentionOutput(self.matmul(dropped_out, memory.annotations), weights)

    def head_weights(self, query: Query, memory: Memory) -> Tensor:
        """Return the weights of each head by itself, `[batch, heads, queries, source_len]`.

        Args:
            query: s_i, `[batch, queries, H]`, with positions and coverage.
            memory: The source, with keys `[batch, source_len, key]`.
        """
        return self.compute_weights(self.scores(query, memory), query, memory).unsqueeze(1)

    def compute_weights(self, scores: Tensor, query: Query, memory: Memory) -> Tensor:
        """Compute a_ij = exp(e_ij) / sum_k exp(e_ik), Bahdanau et al. 2014, eq. 6, in a window.

        Args:
            scores: e_ij, `[batch, queries, source_len]` or `[batch, heads, queries, source_len]`.
            query: The queries, `[batch, queries, H]`, from which a window computes its centre.
            memory: The source, with the bias of padding, `[batch, 1, source_len]`.

        Returns:
            The weights, of the shape of the scores.
        """
        window_bias, gaussian = self.window(
            query.vectors, query.positions, memory.lengths, memory.bias.shape[2]
        )
        bias = memory.bias if window_bias is None else memory.bias + window_bias
        if scores.dim() == 4:
            bias = bias.unsqueeze(1)
            gaussian = None if gaussian is None else gaussian.unsqueeze(1)
        weights: Tensor = self.normalize(upcast(scores) + bias)
        return weights if gaussian is None else weights * gaussian

    def values(self, annotations: Tensor) -> Tensor:
        """Return the vectors that contexts are sums of, `[batch, source_len, D]`."""
        return annotations

    @abstractmethod
    def keys(self, annotations: Tensor) -> Tensor:
        """Return the vectors that queries are compared with, `[batch, source_len, key]`."""

    def scores(self, query: Query, memory: Memory) -> Tensor:
        """Return e_ij of each query and annotation, `[batch, queries, source_len]`, with coverage.

        Args:
            query: s_i, `[batch, queries, H]`, with coverage.
            memory: The source, with keys `[batch, source_len, key]`.
        """
        return self.score(query.vectors, memory.keys)

    @abstractmethod
    def score(self, query: Tensor, keys: Tensor) -> Tensor:
        """Return e_ij from the vectors alone, `[batch, queries, source_len]`.

        Args:
            query: s_i, `[batch, queries, H]`.
            keys: The result of `keys`, `[batch, source_len, key]`.
        """

    def initialize(self) -> None:
        """Draw Glorot maps; biases are zero."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)


class NoAttention(Attention):
    """No attention: only the encoder's final state reaches the decoder, Sutskever et al. 2014."""

    def forward(self, query: Query, memory: Memory) -> AttentionOutput:
        """See `Attention.forward`. The context is empty, `[batch, queries, 0]`."""
        return AttentionOutput(query.vectors.new_empty(*query.vectors.shape[:2], 0), None)

    def keys(self, annotations: Tensor) -> Tensor:
        """Return empty vectors, `[batch, source_len, 0]`."""
        return annotations[..., :0]

    def score(self, query: Tensor, keys: Tensor) -> Tensor:
        """See `Attention.score`. All scores are zero."""
        return query.new_zeros(*query.shape[:2], keys.shape[1])


class AdditiveAttention(Attention):
    """e_ij = v . tanh(W s + U h_j): Bahdanau et al. 2014, appendix A.1.2.

    With coverage it is v . tanh(W s + U h_j + w c_ij). c_ij is the sum of the weights of h_j at the
    positions before (See et al. 2017, eq. 11).
    """

    has_bias = False

    def __init__(self, settings: AttentionSettings, query_size: int, annotation_size: int) -> None:
        super().__init__(settings, query_size, annotation_size)
        size = settings.size or query_size
        self.query_map = Linear(query_size, size, bias=False)
        self.key_map = Linear(annotation_size, size, bias=self.has_bias)
        self.energy = nn.Parameter(torch.empty(size))
        self.coverage_map = nn.Parameter(torch.empty(size)) if settings.coverage else None

    def initialize(self) -> None:
        """Draw Glorot maps. The energy vector is drawn as one row of such a map."""
        super().initialize()
        nn.init.xavier_uniform_(self.energy.data.view(1, -1))
        if self.coverage_map is not None:
            nn.init.xavier_uniform_(self.coverage_map.data.view(1, -1))

    def keys(self, annotations: Tensor) -> Tensor:
        """Return U h_j (+ b), `[batch, source_len, size]`, in float32 or wider on a CPU.

        A CPU does elementwise work faster in float32.
        """
        keys: Tensor = self.key_map(annotations)
        return upcast(keys) if keys.device.type == "cpu" else keys

    def scores(self, query: Query, memory: Memory) -> Tensor:
        """See `Attention.scores`. Coverage adds w c_ij inside tanh."""
        if self.coverage_map is None:
            return self.score(query.vectors, memory.keys)
        assert query.coverage is not None
        coverage = query.coverage.to(memory.keys.dtype).unsqueeze(-1)
        summed = self.query_map(query.vectors).unsqueeze(2) + memory.keys.unsqueeze(1)
        hidden = self.tanh(summed + coverage * self.coverage_map.to(coverage.dtype))
        energy = self.energy_vector().to(hidden.dtype)
        if self.is_batch_invariant:
            return invariant_linear(hidden, energy.unsqueeze(0)).squeeze(-1)
        return hidden @ energy

    def score(self, query: Tensor, keys: Tensor) -> Tensor:
        """See `Attention.score`. The score is v . tanh(W s + U h_j), without coverage."""
        queries = self.query_map(query).to(keys.dtype)
        energy = self.energy_vector().to(keys.dtype)
        if self.kernels == "fast":
            return additive_score(queries, keys, energy)
        return torch.tanh(queries.unsqueeze(2) + keys.unsqueeze(1)) @ energy

    def energy_vector(self) -> Tensor:
        """Return v of the score, `[size]`."""
        return self.energy


class NormalizedAdditiveAttention(AdditiveAttention):
    """e_ij = g v / |v| . tanh(W s + U h_j + b): the normalized score of GNMT.

    The energy vector has weight normalization (Salimans and Kingma 2016). g starts at
    sqrt(1 / size), b at zero.
    """

    has_bias = True

    def __init__(self, settings: AttentionSettings, query_size: int, annotation_size: int) -> None:
        super().__init__(settings, query_size, annotation_size)
        self.gain = nn.Parameter(torch.tensor(math.sqrt(1.0 / len(self.energy))))

    def initialize(self) -> None:
        """See `AdditiveAttention.initialize`."""
        super().initialize()
        nn.init.constant_(self.gain, math.sqrt(1.0 / len(self.energy)))

    def energy_vector(self) -> Tensor:
        """Return g v / |v|, `[size]`."""
        energy: Tensor = self.gain * self.energy / self.energy.norm()
        return energy


class ConcatAttention(AdditiveAttention):
    """e_ij = v . tanh(W [s; h_j] + b): Luong et al. 2015, section 3.1, with W as two matrices."""

    has_bias = True


class DotAttention(Attention):
    """e_ij = s . h_j: Luong et al. 2015, section 3.1."""

    def keys(self, annotations: Tensor) -> Tensor:
        """Return the annotations."""
        return annotations

    def score(self, query: Tensor, keys: Tensor) -> Tensor:
        """See `Attention.score`."""
        return self.matmul(query.to(keys.dtype), keys.transpose(1, 2))


class ScaledDotAttention(DotAttention):
    """e_ij = s . h_j / sqrt(D): Vaswani et al. 2017, eq. 1."""

    def score(self, query: Tensor, keys: Tensor) -> Tensor:
        """See `Attention.score`."""
        return super().score(query, keys) / math.sqrt(keys.shape[-1])


class GeneralAttention(Attention):
    """e_ij = s . W h_j: Luong et al. 2015, section 3.1."""

    def __init__(self, settings: AttentionSettings, query_size: int, annotation_size: int) -> None:
        super().__init__(settings, query_size, annotation_size)
        self.key_map = Linear(annotation_size, query_size, bias=False)

    def keys(self, annotations: Tensor) -> Tensor:
        """Return W h_j, `[batch, source_len, H]`."""
        keys: Tensor = self.key_map(annotations)
        return keys

    def score(self, query: Tensor, keys: Tensor) -> Tensor:
        """See `Attention.score`."""
        return self.matmul(query.to(keys.dtype), keys.transpose(1, 2))


class LocationAttention(Attention):
    """e_ij = row j of W [s; y] + b, y the previous embedding: Luong et al. 2015, eq. 8, location.

    The score of a source position does not depend on its annotation, as in the decoder of PyTorch's
    tutorial. Positions from `max_positions` on have a weight of zero.
    """

    def __init__(self, settings: AttentionSettings, query_size: int, annotation_size: int) -> None:
        super().__init__(settings, query_size, annotation_size)
        self.place_map = Linear(query_size, settings.max_positions)

    def prepare(self, annotations: Tensor, mask: Tensor) -> Memory:
        """See `Attention.prepare`."""
        known = torch.arange(mask.shape[1], device=mask.device) < self.place_map.out_features
        return super().prepare(annotations, mask & known)

    def keys(self, annotations: Tensor) -> Tensor:
        """Return empty vectors, `[batch, source_len, 0]`. Only their number matters."""
        return annotations[..., :0]

    def score(self, query: Tensor, keys: Tensor) -> Tensor:
        """See `Attention.score`."""
        scores: Tensor = self.place_map(query)
        missing = keys.shape[1] - scores.shape[2]
        return nn.functional.pad(scores, (0, missing))


class MultiHeadAttention(Attention):
    """W_o [head_1; ..], head_k = softmax(Q_k s . K_k h / sqrt(d)) V_k h, d the size of a head.

    Vaswani et al. 2017, section 3.2.2. The returned weights are the mean over the heads.
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
        """Return K h, the heads side by side, `[batch, source_len, size]`."""
        keys: Tensor = self.key_map(annotations)
        return keys

    def values(self, annotations: Tensor) -> Tensor:
        """Return V h, the heads side by side, `[batch, source_len, size]`."""
        values: Tensor = self.value_map(annotations)
        return values

    def score(self, query: Tensor, keys: Tensor) -> Tensor:
        """See `Attention.score`. Each head has scores, `[batch, heads, queries, source_len]`."""
        queries = self._split_heads(self.query_map(query).to(keys.dtype))
        scores = self.matmul(queries, self._split_heads(keys).transpose(2, 3))
        return scores / math.sqrt(queries.shape[-1])

    def forward(self, query: Query, memory: Memory) -> AttentionOutput:
        """See `Attention.forward`."""
        weights = self.head_weights(query, memory)
        values = self._split_heads(memory.annotations)
        contexts = self.matmul(self.dropout(weights).to(values.dtype), values)
        context: Tensor = self.context_map(contexts.transpose(1, 2).flatten(2))
        # The order in which torch's mean adds up depends on the source position.
        return AttentionOutput(context, weights.cumsum(1)[:, -1] / self.heads)

    def head_weights(self, query: Query, memory: Memory) -> Tensor:
        """See `Attention.head_weights`."""
        return self.compute_weights(self.score(query.vectors, memory.keys), query, memory)

    def _split_heads(self, x: Tensor) -> Tensor:
        """Return `[batch, length, size]` as `[batch, heads, length, size / heads]`."""
        split: Tensor = x.unflatten(2, (self.heads, -1))
        return split.transpose(1, 2)

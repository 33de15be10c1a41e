"""Additive attention and its kin: a hidden layer between query and annotation."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from nmt.config.settings.attention import AttentionSettings
from nmt.model.activations import sigmoid_, tanh
from nmt.model.attention import Attention, Memory, Query
from nmt.model.autograd import call
from nmt.model.exporting import is_exporting
from nmt.model.kernels.batch_invariance import product
from nmt.model.linear import Linear
from nmt.model.loop import Gathered, current_loop, share
from nmt.model.precision import wide_dtype


class AdditiveAttention(Attention):
    """e_ij = v . tanh(W s + U h_j): Bahdanau et al. 2014, appendix A.1.2.

    With coverage v . tanh(W s + U h_j + w c_ij), c_ij the sum of the weights that h_j got before
    (See et al. 2017, eq. 11).
    """

    def __init__(self, settings: AttentionSettings, query_size: int, annotation_size: int) -> None:
        super().__init__(settings, query_size, annotation_size)
        size = settings.size or query_size
        self.query_map = Linear(query_size, size, bias=False)
        self.key_map = Linear(annotation_size, size, bias=self.has_bias)
        self.energy = nn.Parameter(torch.empty(size))
        self.coverage_map = nn.Parameter(torch.empty(size)) if settings.coverage else None

    has_bias = False

    def initialize(self) -> None:
        """Glorot maps; the energy vector as one row of such a map."""
        super().initialize()
        nn.init.xavier_uniform_(self.energy.data.view(1, -1))
        if self.coverage_map is not None:
            nn.init.xavier_uniform_(self.coverage_map.data.view(1, -1))

    def keys(self, annotations: Tensor) -> Tensor:
        """2 (U h_j + b): tanh is computed by way of the sigmoid of twice its argument. With
        coverage U h_j + b.
        """
        keys: Tensor = self.key_map(annotations)
        keys = keys.to(_elementwise_dtype(keys))
        return keys * 2 if self.coverage_map is None else keys

    def scores(self, query: Query, memory: Memory) -> Tensor:
        """See `Attention.scores`; here coverage enters."""
        if self.coverage_map is None:
            return self.score(query.vectors, memory.keys)
        assert query.covered is not None
        covered = query.covered.to(memory.keys.dtype).unsqueeze(-1)
        summed = self.query_map(query.vectors).unsqueeze(2) + memory.keys.unsqueeze(1)
        hidden = tanh(summed + covered * self.coverage_map.to(covered.dtype))
        energy = self.final_energy().to(hidden.dtype)
        return product(hidden, energy.unsqueeze(0)).squeeze(-1)

    def score(self, query: Tensor, keys: Tensor) -> Tensor:
        """v . tanh(W s + U h_j)."""
        return _additive_score(self.query_map(query), keys, self.final_energy())

    def final_energy(self) -> Tensor:
        """v, `[size]`."""
        return self.energy


class NormalizedAdditiveAttention(AdditiveAttention):
    """e_ij = g v / |v| . tanh(W s + U h_j + b): weight normalisation (Salimans and Kingma 2016) of
    the energy vector, as in GNMT. g starts at sqrt(1 / size), b at zero.
    """

    has_bias = True

    def __init__(self, settings: AttentionSettings, query_size: int, annotation_size: int) -> None:
        super().__init__(settings, query_size, annotation_size)
        self.gain = nn.Parameter(torch.tensor(math.sqrt(1.0 / len(self.energy))))

    def initialize(self) -> None:
        """See `AdditiveAttention.initialize`."""
        super().initialize()
        nn.init.constant_(self.gain, math.sqrt(1.0 / len(self.energy)))

    def final_energy(self) -> Tensor:
        """g v / |v|."""
        energy: Tensor = self.gain * self.energy / self.energy.norm()
        return energy


class ConcatAttention(AdditiveAttention):
    """e_ij = v . tanh(W [s; h_j] + b): Luong et al. 2015, eq. 8; W's halves are kept apart."""

    has_bias = True


_BUFFER_BYTES = {"cpu": 1 << 21, "cuda": 1 << 28}
"""How much of the hidden layer is made at a time: on a CPU as much as its cache holds."""


class _AdditiveScore(torch.autograd.Function):
    """v . tanh(q + k) = 2 v . sigmoid(2 q + 2 k) - sum(v), of doubled queries and keys.

    Holds no `[batch, queries, source_len, size]` hidden layer: it is made for a few sentences at a
    time, in one buffer, and made again for the backward pass. What does not depend on the place in
    the source, v among it, is multiplied after the sum over the places, and in a loop over time
    (`gathered`) the keys' gradients are added up where they lie.
    """

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, keys: Tensor, energy: Tensor, gathered: "_KeyGradients | None"
    ) -> Tensor:
        ctx.save_for_backward(query, keys, energy)
        ctx.gathered = gathered
        wide = wide_dtype(query.dtype)
        scores = query.new_empty(*query.shape[:2], keys.shape[1], dtype=wide)
        for rows, hidden in _hidden_layers(query, keys):
            torch.sum(hidden.mul_(energy), -1, dtype=wide, out=scores[rows])
        return scores.mul_(2).sub_(energy.sum(dtype=wide))

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        query, keys, energy = ctx.saved_tensors
        gathered = _KeyGradients(energy) if ctx.gathered is None else ctx.gathered
        gathered.begin()
        d_scores = gradients[0].to(query.dtype)
        d_query, d_energy = torch.empty_like(query), torch.zeros_like(energy)
        for rows, hidden in _hidden_layers(query, keys):
            gradient = d_scores[rows]
            d_energy += (gradient.reshape(1, -1) @ hidden.view(-1, len(energy))).squeeze(0)
            slope = torch.addcmul(hidden, hidden, hidden, value=-1, out=hidden)
            weighted = slope.mul_(gradient.unsqueeze(-1))
            torch.sum(weighted, 2, out=d_query[rows])
            if ctx.needs_input_grad[1]:
                gathered.add(keys, rows, weighted)
        d_energy.mul_(2).sub_(d_scores.sum())
        own = gathered.take()[0] if ctx.gathered is None else None
        return d_query.mul_(2 * energy), own, d_energy, None


class _KeyGradients(Gathered):
    """The sum over the steps of the keys' gradients, in float32 or wider, still to be multiplied by
    2 v, which is the same at all steps.
    """

    def __init__(self, energy: Tensor) -> None:
        super().__init__()
        self.energy = energy.detach()
        self.total: Tensor | None = None

    def clear(self) -> None:
        """See `Gathered.clear`."""
        self.total = None

    def add(self, keys: Tensor, rows: slice, weighted: Tensor) -> None:
        """Those of some rows of the batch at one step, `[rows, queries, source_len, size]`."""
        if self.total is None:
            self.total = torch.zeros_like(keys, dtype=wide_dtype(keys.dtype))
        self.total[rows].add_(weighted.squeeze(1) if weighted.shape[1] == 1 else weighted.sum(1))

    def take(self) -> tuple[Tensor | None, ...]:
        """See `Gathered.take`."""
        if self.total is None:
            return (None,)
        gradient = self.total.mul_(2 * self.energy).to(self.energy.dtype)
        self.clear()
        return (gradient,)


def _hidden_layers(query: Tensor, keys: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """sigmoid(query + keys), `[rows, queries, source_len, size]`, of some rows of the batch at a
    time, to be used before the next.
    """
    batch, queries, size = query.shape
    source_len = keys.shape[1]
    row_bytes = max(1, queries * source_len * size * query.itemsize)
    count = min(batch, max(1, _BUFFER_BYTES.get(query.device.type, 1 << 21) // row_bytes))
    buffer = query.new_empty(count, queries, source_len, size)
    parts = zip(query.unsqueeze(2).split(count), keys.unsqueeze(1).split(count), strict=True)
    for number, (few_queries, few_keys) in enumerate(parts):
        hidden = buffer[: len(few_keys)]
        torch.add(few_queries, few_keys, out=hidden)
        yield slice(number * count, number * count + len(few_keys)), sigmoid_(hidden)


def _additive_score(query: Tensor, keys: Tensor, energy: Tensor) -> Tensor:
    """`[batch, queries, source_len]` of queries `[batch, queries, size]`, doubled keys `[batch,
    source_len, size]` and energy `[size]`.
    """
    if is_exporting():
        return torch.tanh(query.unsqueeze(2) + (keys / 2).unsqueeze(1)) @ energy
    dtype = _elementwise_dtype(keys)
    # Autocast would copy the largest tensor here into a narrower one.
    with torch.autocast(keys.device.type, enabled=False):
        energy, loop = energy.to(dtype), current_loop()
        shared, gathered = keys.to(dtype), None
        if loop is not None:
            shared, gathered = loop.once(keys, lambda: _shared_keys(keys.to(dtype), energy))
        doubled = query.to(dtype) * 2
        scores: Tensor = call(_AdditiveScore, doubled, shared, energy, gathered)
    return scores


def _shared_keys(keys: Tensor, energy: Tensor) -> tuple[Tensor, _KeyGradients]:
    gathered = _KeyGradients(energy)
    (shared,) = share(gathered, keys)
    return shared, gathered


def _elementwise_dtype(x: Tensor) -> torch.dtype:
    """A GPU does elementwise work faster in a narrow type, a CPU in float32."""
    return wide_dtype(x.dtype) if x.device.type == "cpu" else x.dtype

"""The decoder's state from step to step, its first value s_0, and the results of a step."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nmt.config.settings.model import ModelSettings
from nmt.model.cells import Cell, CellState
from nmt.model.encoder import Annotations
from nmt.model.kernels.kernel_module import KernelModule, Linear
from nmt.model.kernels.precision import upcast


@dataclass(frozen=True)
class DecoderState:
    """The results of earlier steps that the next step needs, for each sentence and beam.

    Attributes:
        layers: s_{i-1} of each layer, bottom first, each part `[batch, beams, hidden]`.
        previous_features: The features of step i - 1, `[batch, beams, feature]`. None without
            input feeding.
        coverage: The sum of the attention weights so far, `[batch, beams, source_len]`. None
            without coverage.
        position: The position of the next target token, from 0.
    """

    layers: tuple[CellState, ...]
    previous_features: Tensor | None
    coverage: Tensor | None
    position: int

    def next(
        self, layers: tuple[CellState, ...], features: Tensor | None, weights: Tensor | None
    ) -> "DecoderState":
        """Return the state after a step.

        Args:
            layers: s_i of each layer, each part `[batch, beams, hidden]`.
            features: The features of the step, `[batch, beams, feature]`. Only input feeding needs
                them.
            weights: The attention weights of the step, `[batch, beams, source_len]`. None without
                attention.
        """
        coverage = self.coverage
        if coverage is not None and weights is not None:
            coverage = coverage + weights
        previous_features = None if self.previous_features is None else features
        return DecoderState(layers, previous_features, coverage, self.position + 1)

    def select(self, rows: Tensor) -> "DecoderState":
        """Return the states of the sentences `rows [new_batch]`."""
        return self._map(lambda part: part[rows])

    def reorder(self, beams: Tensor) -> "DecoderState":
        """Return the states of each sentence's beams in a new order, `beams [batch, new_beams]`."""
        rows = torch.arange(beams.shape[0], device=beams.device).unsqueeze(1)
        return self._map(lambda part: part[rows, beams])

    def _map(self, change: Callable[[Tensor], Tensor]) -> "DecoderState":
        return DecoderState(
            tuple(tuple(change(part) for part in layer) for layer in self.layers),
            None if self.previous_features is None else change(self.previous_features),
            None if self.coverage is None else change(self.coverage),
            self.position,
        )


@dataclass(frozen=True)
class RecurrentOutput:
    """The result of a step's recurrence and attention, before the output layer.

    Attributes:
        layers: s_i of each layer, each part `[batch, beams, hidden]`.
        top: The hidden vector that enters the output layer, `[batch, beams, hidden]`.
        context: c_i, `[batch, beams, annotation]`.
        weights: a_ij, `[batch, beams, source_len]`. None without attention.
    """

    layers: tuple[CellState, ...]
    top: Tensor
    context: Tensor
    weights: Tensor | None


@dataclass(frozen=True)
class Step:
    """The result of a step.

    Attributes:
        state: The state before the next step.
        features: The result of the output layer, `[batch, beams, feature]`.
        weights: a_ij, `[batch, beams, source_len]`. None without attention.
        gate: The logit of p_gen, `[batch, beams]`. None without copying.
    """

    state: DecoderState
    features: Tensor
    weights: Tensor | None
    gate: Tensor | None


@dataclass(frozen=True)
class Unrolled:
    """All steps of a target.

    Attributes:
        features: The results of the output layer, `[batch, target_len, feature]`.
        weights: a_ij, `[batch, target_len, source_len]`. None without attention.
        gate: The logits of p_gen, `[batch, target_len]`. None without copying.
    """

    features: Tensor
    weights: Tensor | None
    gate: Tensor | None

    def span(self, begin: int, end: int) -> "Unrolled":
        """Return some of the steps, `[batch, end - begin, ..]`.

        Args:
            begin: The first step, from 0.
            end: The step after the last one.
        """
        return Unrolled(
            self.features[:, begin:end],
            None if self.weights is None else self.weights[:, begin:end],
            None if self.gate is None else self.gate[:, begin:end],
        )


class DecoderStart(KernelModule, ABC):
    """The first state of each decoder layer, s_0."""

    def __init__(self, settings: ModelSettings, cells: Sequence[Cell]) -> None:
        """Keep the sizes of the decoder's states.

        Args:
            settings: The architecture, which some kinds need.
            cells: The decoder's cells, bottom first.
        """
        super().__init__()
        self.parts = [(cell.state_parts, cell.hidden_size) for cell in cells]

    @abstractmethod
    def forward(self, annotations: Annotations) -> tuple[CellState, ...]:
        """Return s_0 of each layer, each part `[batch, hidden]`."""


class ZeroStart(DecoderStart):
    """States of zero."""

    def forward(self, annotations: Annotations) -> tuple[CellState, ...]:
        """See `DecoderStart.forward`."""
        batch = annotations.mask.shape[0]
        return tuple(
            (annotations.final[-1][0].new_zeros(batch, size),) * count for count, size in self.parts
        )


class CopyStart(DecoderStart):
    """The encoder's final states, layer by layer (Sutskever et al. 2014, Luong et al. 2015)."""

    def forward(self, annotations: Annotations) -> tuple[CellState, ...]:
        """See `DecoderStart.forward`."""
        return annotations.final


class _MappedStart(DecoderStart):
    """A linear map for each part of each layer's state."""

    def __init__(self, settings: ModelSettings, cells: Sequence[Cell]) -> None:
        super().__init__(settings, cells)
        self.maps = nn.ModuleList(
            nn.ModuleList(Linear(self.input_size(settings, layer), size) for _ in range(count))
            for layer, (count, size) in enumerate(self.parts)
        )

    def input_size(self, settings: ModelSettings, layer: int) -> int:
        """Return the size of the vector that a layer's state is mapped from."""
        return settings.encoder.output_size(min(layer, settings.encoder.layers - 1))

    def _map_vectors(self, layer: int, vectors: CellState) -> CellState:
        """Return the state of a layer. Parts without a vector are mapped from the last vector."""
        maps = self.maps[layer]
        assert isinstance(maps, nn.ModuleList)
        last = len(vectors) - 1
        return tuple(upcast(part(vectors[min(i, last)])) for i, part in enumerate(maps))

    def _apply_tanh(self, layers: tuple[CellState, ...]) -> tuple[CellState, ...]:
        """Return tanh of each state."""
        return tuple(tuple(self.tanh(part) for part in layer) for layer in layers)


class LinearStart(_MappedStart):
    """W f + b, f the encoder's final state of the layer as high as the decoder's.

    Where the decoder has more layers than the encoder, the upper ones start from the top one. An
    LSTM decoder above a GRU encoder maps the one hidden vector twice.
    """

    def forward(self, annotations: Annotations) -> tuple[CellState, ...]:
        """See `DecoderStart.forward`."""
        top = len(annotations.final) - 1
        return tuple(
            self._map_vectors(layer, annotations.final[min(layer, top)])
            for layer in range(len(self.maps))
        )


class BridgeStart(LinearStart):
    """tanh(W f + b), f as in `LinearStart`: Bahdanau et al. 2014, appendix A.2.2.

    Of a bidirectional encoder, f has the final states of both directions. The paper has the
    backward one alone.
    """

    def forward(self, annotations: Annotations) -> tuple[CellState, ...]:
        """See `DecoderStart.forward`."""
        return self._apply_tanh(super().forward(annotations))


class MeanStart(_MappedStart):
    """tanh(W m + b), m the mean of the annotations (Nematus, Marian)."""

    def input_size(self, settings: ModelSettings, layer: int) -> int:
        """See `_MappedStart.input_size`."""
        return settings.encoder.annotation_size

    def forward(self, annotations: Annotations) -> tuple[CellState, ...]:
        """See `DecoderStart.forward`."""
        mask = annotations.mask.unsqueeze(-1)
        total = annotations.vectors.masked_fill(~mask, 0.0).sum(1)
        mean = total / mask.sum(1).to(total.dtype)
        return self._apply_tanh(
            tuple(self._map_vectors(layer, (mean,)) for layer in range(len(self.maps)))
        )

"""How the decoder's first state is made from what the encoder gives."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import nn

from nmt.config.settings.model import ModelSettings
from nmt.model.activations import tanh
from nmt.model.cells import Cell, CellState
from nmt.model.encoder import Annotations
from nmt.model.linear import Linear
from nmt.model.precision import widened


class Start(nn.Module, ABC):
    """Gives one state per decoder layer, each part `[batch, hidden]`.

    cells: the decoder's cells, bottom first.
    """

    def __init__(self, settings: ModelSettings, cells: Sequence[Cell]) -> None:
        super().__init__()
        self.parts = [(cell.state_parts, cell.hidden_size) for cell in cells]

    @abstractmethod
    def forward(self, annotations: Annotations) -> tuple[CellState, ...]:
        """The states before the first target token."""


class ZeroStart(Start):
    """All states are zero."""

    def forward(self, annotations: Annotations) -> tuple[CellState, ...]:
        """See `Start.forward`."""
        batch = annotations.mask.shape[0]
        return tuple(
            (annotations.final[-1][0].new_zeros(batch, size),) * count for count, size in self.parts
        )


class CopyStart(Start):
    """The encoder's final states, layer by layer (Sutskever et al. 2014, Luong et al. 2015)."""

    def forward(self, annotations: Annotations) -> tuple[CellState, ...]:
        """See `Start.forward`."""
        return annotations.final


class _MappedStart(Start):
    """A linear map for each part of each layer's state."""

    def __init__(self, settings: ModelSettings, cells: Sequence[Cell]) -> None:
        super().__init__(settings, cells)
        self.maps = nn.ModuleList(
            nn.ModuleList(Linear(self.input_size(settings, layer), size) for _ in range(count))
            for layer, (count, size) in enumerate(self.parts)
        )

    def input_size(self, settings: ModelSettings, layer: int) -> int:
        """Size of what a layer's state is mapped from."""
        return settings.encoder.output_size(min(layer, settings.encoder.layers - 1))

    def _mapped(self, layer: int, vectors: CellState) -> CellState:
        """The state of a layer; the last vector serves the parts that have none of their own."""
        maps = self.maps[layer]
        assert isinstance(maps, nn.ModuleList)
        last = len(vectors) - 1
        return tuple(widened(part(vectors[min(i, last)])) for i, part in enumerate(maps))


class LinearStart(_MappedStart):
    """W f + b, f the encoder's final state of the layer as high as the decoder's.

    Where the decoder has more layers than the encoder, the upper ones start from the top one; an
    LSTM decoder above a GRU encoder maps the one hidden vector twice.
    """

    def forward(self, annotations: Annotations) -> tuple[CellState, ...]:
        """See `Start.forward`."""
        top = len(annotations.final) - 1
        return tuple(
            self._mapped(layer, annotations.final[min(layer, top)])
            for layer in range(len(self.maps))
        )


class BridgeStart(LinearStart):
    """tanh(W f + b), f as in `LinearStart`."""

    def forward(self, annotations: Annotations) -> tuple[CellState, ...]:
        """See `Start.forward`."""
        return _squashed(super().forward(annotations))


class MeanStart(_MappedStart):
    """tanh(W m + b), m the mean of the annotations (Nematus, Marian)."""

    def input_size(self, settings: ModelSettings, layer: int) -> int:
        """See `_MappedStart.input_size`."""
        return settings.encoder.annotation_size

    def forward(self, annotations: Annotations) -> tuple[CellState, ...]:
        """See `Start.forward`."""
        mask = annotations.mask.unsqueeze(-1)
        total = annotations.vectors.masked_fill(~mask, 0.0).sum(1)
        mean = total / mask.sum(1).to(total.dtype)
        return _squashed(tuple(self._mapped(layer, (mean,)) for layer in range(len(self.maps))))


def _squashed(layers: tuple[CellState, ...]) -> tuple[CellState, ...]:
    return tuple(tuple(tanh(part) for part in layer) for layer in layers)

"""How the decoder's first state is made from what the encoder gives."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nmt.config.settings.model import ModelSettings
from nmt.model.encoder import Annotations
from nmt.model.linear import Linear
from nmt.model.recurrent import Cell, CellState


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


class BridgeStart(Start):
    """tanh(W f + b), f the encoder's final state of the layer as high as the decoder's.

    Where the decoder has more layers than the encoder, the upper ones start from the top one; an
    LSTM decoder above a GRU encoder maps the one hidden vector twice.
    """

    def __init__(self, settings: ModelSettings, cells: Sequence[Cell]) -> None:
        super().__init__(settings, cells)
        size = settings.encoder.annotation_size
        self.maps = nn.ModuleList(
            nn.ModuleList(Linear(size, hidden) for _ in range(count))
            for count, hidden in self.parts
        )

    def forward(self, annotations: Annotations) -> tuple[CellState, ...]:
        """See `Start.forward`."""
        states = []
        for layer, maps in enumerate(self.maps):
            assert isinstance(maps, nn.ModuleList)
            final = annotations.final[min(layer, len(annotations.final) - 1)]
            states.append(
                tuple(_squash(part(final[min(i, len(final) - 1)])) for i, part in enumerate(maps))
            )
        return tuple(states)


class MeanStart(Start):
    """tanh(W m + b), m the mean of the annotations (Nematus, Marian)."""

    def __init__(self, settings: ModelSettings, cells: Sequence[Cell]) -> None:
        super().__init__(settings, cells)
        size = settings.encoder.annotation_size
        self.maps = nn.ModuleList(
            nn.ModuleList(Linear(size, hidden) for _ in range(count))
            for count, hidden in self.parts
        )

    def forward(self, annotations: Annotations) -> tuple[CellState, ...]:
        """See `Start.forward`."""
        mask = annotations.mask.unsqueeze(-1)
        total = annotations.vectors.masked_fill(~mask, 0.0).sum(1)
        mean = total / mask.sum(1).to(total.dtype)
        states = []
        for maps in self.maps:
            assert isinstance(maps, nn.ModuleList)
            states.append(tuple(_squash(part(mean)) for part in maps))
        return tuple(states)


def _squash(x: Tensor) -> Tensor:
    """tanh in float32 or wider: a state is kept exact however its map was multiplied."""
    return torch.tanh(x.to(torch.promote_types(x.dtype, torch.float32)))

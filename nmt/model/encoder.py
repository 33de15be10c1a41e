"""The encoder: one annotation per source token."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nmt.config.kinds import CELLS
from nmt.config.settings.model import EncoderSettings
from nmt.model.attention import Memory
from nmt.model.recurrent import Cell, CellState, run


@dataclass(frozen=True)
class Annotations:
    """What the encoder gives.

    vectors: `[batch, source_len, annotation]`, without meaning at padding; mask: `[batch,
    source_len]`, true at tokens; final: for each layer the state after the last token, each part
    `[batch, annotation]`.
    """

    vectors: Tensor
    mask: Tensor
    final: tuple[CellState, ...]


@dataclass(frozen=True)
class EncodedSource:
    """An encoded batch of source sentences, ready for the decoder."""

    annotations: Annotations
    memory: Memory

    def select(self, rows: Tensor) -> "EncodedSource":
        """Some of the sentences, `rows [new_batch]`."""
        memory = self.memory.select(rows)
        shared = self.memory.annotations is self.annotations.vectors
        annotations = Annotations(
            memory.annotations if shared else self.annotations.vectors[rows],
            self.annotations.mask[rows],
            tuple(tuple(part[rows] for part in layer) for layer in self.annotations.final),
        )
        return EncodedSource(annotations, memory)


class Encoder(nn.Module):
    """A stack of recurrent layers, each in one or in both directions.

    input_size: size of the source embeddings.
    """

    def __init__(self, settings: EncoderSettings, input_size: int) -> None:
        super().__init__()
        cell = CELLS.resolve(settings.cell)
        directions = 2 if settings.direction == "bidirectional" else 1
        self.layers = nn.ModuleList(
            nn.ModuleList(
                cell([input_size if layer == 0 else settings.annotation_size], settings.hidden_size)
                for _ in range(directions)
            )
            for layer in range(settings.layers)
        )
        self.dropout = nn.Dropout(settings.dropout)

    def forward(self, embedded: Tensor, mask: Tensor) -> Annotations:
        """Annotations of `embedded [batch, source_len, embedding]`, mask true at tokens."""
        hidden, final = embedded, []
        padding = None if embedded.device.type == "cpu" and bool(mask.all()) else mask
        for position, layer in enumerate(self.layers):
            cells = _cells(layer)
            if position > 0:
                hidden = self.dropout(hidden)
            zero = cells[0].zero_state(hidden, len(cells), hidden.shape[0])
            hidden, state = run(cells, hidden, zero, padding)
            final.append(state)
        return Annotations(hidden, mask, tuple(final))

    def initialize(self, forget_bias: float) -> None:
        """Each cell by its own rule."""
        for layer in self.layers:
            for cell in _cells(layer):
                cell.initialize(forget_bias)


def length_mask(lengths: Tensor, longest: int) -> Tensor:
    """`[batch, longest]`, true at the first `lengths [batch]` positions."""
    return torch.arange(longest, device=lengths.device) < lengths.unsqueeze(1)


def _cells(layer: nn.Module) -> list[Cell]:
    assert isinstance(layer, nn.ModuleList)
    return [cell for cell in layer if isinstance(cell, Cell)]

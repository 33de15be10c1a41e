"""The encoder: one annotation h_j per source token, and the final state of each layer."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nmt.config.settings.model import EncoderSettings
from nmt.model.attention import Memory
from nmt.model.cells import Cell, CellState, make_cell
from nmt.model.embedding import Dropout, recurrent_mask
from nmt.model.kernels.kernel_module import KernelModule
from nmt.model.recurrent_layer import run_cells


@dataclass(frozen=True)
class Annotations:
    """The result of the encoder.

    Attributes:
        vectors: h_j, `[batch, source_len, annotation]`, meaningless at padding.
        mask: `[batch, source_len]`, true at tokens.
        final: The state of each layer after the last token that it reads, each part
            `[batch, size of the layer]`.
    """

    vectors: Tensor
    mask: Tensor
    final: tuple[CellState, ...]


@dataclass(frozen=True)
class EncodedSource:
    """An encoded batch of source sentences, ready for the decoder.

    Attributes:
        tokens: The ids, `[batch, source_len]`.
        annotations: The result of the encoder.
        memory: The annotations in the form that attention needs.
    """

    tokens: Tensor
    annotations: Annotations
    memory: Memory

    def select(self, rows: Tensor) -> "EncodedSource":
        """Return the sentences `rows [new_batch]`."""
        memory = self.memory.select(rows)
        shared = self.memory.annotations is self.annotations.vectors
        annotations = Annotations(
            memory.annotations if shared else self.annotations.vectors[rows],
            self.annotations.mask[rows],
            tuple(tuple(part[rows] for part in layer) for layer in self.annotations.final),
        )
        return EncodedSource(self.tokens[rows], annotations, memory)


class Encoder(KernelModule):
    """A stack of recurrent layers, which give the annotations h_j.

    - Both directions: Bahdanau et al. 2014, section 3.2; in the bottom layer alone: GNMT.
    - Residual stack: the input of a layer is added to its output, GNMT, Wu et al. 2016, eq. 6.
    - Reversed source: Sutskever et al. 2014.
    """

    def __init__(self, settings: EncoderSettings, input_size: int, variational: bool) -> None:
        """Create the layers.

        Args:
            settings: The cell, the layers and their directions.
            input_size: The size of the source embeddings.
            variational: Whether dropout between layers keeps its mask over time, see `Dropout`.
        """
        super().__init__()
        self.settings = settings
        self.layers = nn.ModuleList(
            nn.ModuleList(
                make_cell(
                    settings.cell,
                    [input_size if layer == 0 else settings.output_size(layer - 1)],
                    settings.hidden_size,
                    settings.transition_depth,
                )
                for _ in settings.directions(layer)
            )
            for layer in range(settings.layers)
        )
        self.dropout = Dropout(settings.dropout, variational)

    def forward(self, embedded: Tensor, mask: Tensor) -> Annotations:
        """Return the annotations of a batch.

        Args:
            embedded: The source embeddings, `[batch, source_len, embedding]`.
            mask: `[batch, source_len]`, true at tokens.
        """
        order = _reversal_order(mask) if self.settings.reverse_source else None
        hidden, final = _permute(embedded, order), []
        padding = None if self._has_no_padding(mask) else mask
        for number, layer in enumerate(self.layers):
            below = self.dropout(hidden) if number > 0 else hidden
            hidden, state = self._run_layer(number, _cells(layer), below, padding)
            if self._is_residual(number):
                hidden = hidden + below.to(hidden.dtype)
            final.append(state)
        # Some kernels return time before batch, which attention's products would copy at each step.
        vectors = _permute(hidden, order).contiguous()
        return Annotations(vectors, mask, tuple(final))

    def initialize(self, forget_bias: float) -> None:
        """Draw the weights of each cell by its own rule; see `Cell.initialize`."""
        for layer in self.layers:
            for cell in _cells(layer):
                cell.initialize(forget_bias)

    def _run_layer(
        self, number: int, cells: list[Cell], x: Tensor, mask: Tensor | None
    ) -> tuple[Tensor, CellState]:
        size, rate = self.settings.hidden_size, self.settings.recurrent_dropout
        return run_cells(
            cells,
            [x],
            [cell.zero_state(x, x.shape[0]) for cell in cells],
            self.settings.directions(number),
            mask,
            [recurrent_mask(x, size, rate, self.training) for _ in cells],
        )

    def _has_no_padding(self, mask: Tensor) -> bool:
        """Return whether the batch is known to have no padding, which only a CPU checks.

        Products then have one column less. In evaluation no result may depend on that.
        """
        is_free = self.kernels == "fast" and self.training and mask.device.type == "cpu"
        return is_free and bool(mask.all())

    def _is_residual(self, number: int) -> bool:
        first = self.settings.residual_from
        return first is not None and number + 1 >= first


def length_mask(lengths: Tensor, longest: int) -> Tensor:
    """Return a mask that is true at tokens, `[batch, longest]`.

    Args:
        lengths: The number of tokens of each sentence, `[batch]`.
        longest: The length of the mask.
    """
    return torch.arange(longest, device=lengths.device) < lengths.unsqueeze(1)


def _reversal_order(mask: Tensor) -> Tensor:
    """Return the position that each position takes its word from in reverse order.

    The end mark and the padding stay. The result, `[batch, source_len]`, is its own inverse.
    """
    positions = torch.arange(mask.shape[1], device=mask.device).expand_as(mask)
    end = mask.sum(1, keepdim=True) - 1
    return torch.where(positions < end, end - 1 - positions, positions)


def _permute(x: Tensor, order: Tensor | None) -> Tensor:
    if order is None:
        return x
    return x.gather(1, order.unsqueeze(-1).expand_as(x))


def _cells(layer: nn.Module) -> list[Cell]:
    assert isinstance(layer, nn.ModuleList)
    return [cell for cell in layer if isinstance(cell, Cell)]

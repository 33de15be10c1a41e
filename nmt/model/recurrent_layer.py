"""Recurrences of the cells of one layer over right-padded sequences, by a loop or by a kernel.

Stacks of layers and residual connections are in `encoder.py` and `Decoder._recurrent_step`.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from nmt.model.cells import GRU, Cell, CellState
from nmt.model.kernels.native_rnn import run_sequence
from nmt.model.kernels.precision import upcast
from nmt.model.onnx_ops import onnx_recurrence


def run_cells(
    cells: Sequence[Cell],
    parts: Sequence[Tensor],
    states: Sequence[CellState],
    directions: Sequence[str],
    mask: Tensor | None = None,
    recurrent_masks: Sequence[Tensor | None] = (None, None),
) -> tuple[Tensor, CellState]:
    """Run the cells of a layer along a right-padded sequence, each in its direction.

    Args:
        cells: One cell, or one for each direction.
        parts: The parts of the input, each `[batch, length, size]`.
        states: The state of each cell before its first step, each part `[batch, hidden]`. It must
            be zero for a cell that reads padding first.
        directions: The direction of each cell, forward or backward.
        mask: `[batch, length]`, true at tokens. None without padding.
        recurrent_masks: The dropout mask of each cell's hidden vector in the recurrent product,
            `[batch, hidden]`, or None.

    Returns:
        The hidden vectors, `[batch, length, cells * hidden]`, meaningless at padding; and the state
        after each cell's last token, each part `[batch, cells * hidden]`.
    """
    first = cells[0]
    if first.kernels == "onnx" and mask is not None:
        weights = [_gate_weights(cell) for cell in cells]
        return onnx_recurrence(torch.cat(list(parts), -1), mask, weights, directions)
    has_masks = any(hidden_mask is not None for hidden_mask in recurrent_masks)
    if first.kernels == "fast" and first.has_sequence_kernel and not has_masks:
        weights = [_gate_weights(cell) for cell in cells]
        return run_sequence(parts, states, mask, weights, directions, first.training)
    results = [
        _run_by_step(cell, parts, state, direction, mask, recurrent_mask)
        for cell, state, direction, recurrent_mask in zip(
            cells, states, directions, recurrent_masks[: len(cells)], strict=True
        )
    ]
    hidden = torch.cat([result[0] for result in results], -1)
    return hidden, tuple(
        torch.cat(part, -1) for part in zip(*(result[1] for result in results), strict=True)
    )


def _run_by_step(
    cell: Cell,
    parts: Sequence[Tensor],
    state: CellState,
    direction: str,
    mask: Tensor | None,
    recurrent_mask: Tensor | None,
) -> tuple[Tensor, CellState]:
    """Run a cell step by step, after one product of all inputs. Padding keeps the state."""
    projected: Tensor | None = None
    for number, part in enumerate(parts):
        projected = cell.project(part, number, projected)
    assert projected is not None
    inputs = projected.unbind(1)
    hidden: list[Tensor] = [inputs[0]] * len(inputs)
    order = range(len(inputs)) if direction == "forward" else reversed(range(len(inputs)))
    state = tuple(upcast(part) for part in state)
    for time in order:
        new = cell.advance(inputs[time], state, recurrent_mask)
        if mask is not None:
            real = mask[:, time].unsqueeze(1)
            new = tuple(
                torch.where(real, after, before.to(after.dtype))
                for after, before in zip(new, state, strict=True)
            )
        state = new
        hidden[time] = new[0]
    return torch.stack(hidden, 1), state


def _gate_weights(cell: Cell) -> tuple[Tensor, ...]:
    """Return the weights of all gates in the layout of torch.

    Returns:
        W, `[gates * hidden, input]`; U, `[gates * hidden, hidden]`; the bias and the bias inside
        the recurrent product, `[gates * hidden]`.
    """
    matrix = torch.cat(cell.input_weights, 1)
    recurrent_bias = torch.zeros_like(cell.bias)
    if isinstance(cell, GRU):
        zeros = recurrent_bias[: 2 * cell.hidden_size]
        recurrent_bias = torch.cat((zeros, cell.recurrent_bias))
    return matrix, cell.recurrent.weight, cell.bias, recurrent_bias

"""Running cells over a whole right-padded sequence."""

from collections.abc import Sequence

import torch
from torch import Tensor

from nmt.model.cells import GRU, LSTM, Cell, CellState
from nmt.model.exported import run_exported
from nmt.model.exporting import is_exporting
from nmt.model.kernels.batch_invariance import is_exact, recurrence_rows
from nmt.model.loop import gathered_gradients
from nmt.model.precision import product_dtype, widened


def run(
    cells: Sequence[Cell],
    parts: Sequence[Tensor],
    states: Sequence[CellState],
    directions: Sequence[str],
    mask: Tensor | None = None,
    recurrent_masks: Sequence[Tensor | None] = (None, None),
) -> tuple[Tensor, CellState]:
    """Run cells along a right-padded sequence, side by side, each in its direction.

    parts: of the input, each `[batch, length, size]`; states: of each cell before its first step,
    each part `[batch, hidden]`, zero where it reads padding first; directions: of each cell,
    forward or backward; mask: `[batch, length]`, true at tokens; None: no padding; recurrent_masks:
    of each cell, see `Cell.advance`.

    Gives the hidden vectors `[batch, length, cells * hidden]`, those at padding without meaning,
    and the state after each cell's last token, each part `[batch, cells * hidden]`.
    """
    if is_exporting() and mask is not None:
        return run_exported(list(cells), torch.cat(list(parts), -1), tuple(directions), mask)
    whole = cells[0].runs_whole and all(each is None for each in recurrent_masks)
    if whole and tuple(directions) in (("forward",), ("forward", "backward")):
        return _run_whole(cells, parts, states, mask)
    if whole and tuple(directions) == ("backward",):
        turned = None if mask is None else mask.flip(1)
        hidden, final = _run_whole(cells, [part.flip(1) for part in parts], states, turned)
        return hidden.flip(1), final
    results = [
        _run_by_step(cell, parts, state, direction, mask, recurrent_mask)
        for cell, state, direction, recurrent_mask in zip(
            cells, states, directions, recurrent_masks[: len(cells)], strict=True
        )
    ]
    hidden = torch.cat([result[0] for result in results], -1)
    return hidden, tuple(
        torch.cat(each, -1) for each in zip(*(result[1] for result in results), strict=True)
    )


def _run_by_step(
    cell: Cell,
    parts: Sequence[Tensor],
    state: CellState,
    direction: str,
    mask: Tensor | None,
    recurrent_mask: Tensor | None,
) -> tuple[Tensor, CellState]:
    """A loop over time, with all that the input brings multiplied before it; the state rests at
    padding.
    """
    projected = sum(cell.project(part, number) for number, part in enumerate(parts))
    assert isinstance(projected, Tensor)
    inputs = projected.unbind(1)
    hidden: list[Tensor] = [inputs[0]] * len(inputs)
    order = range(len(inputs)) if direction == "forward" else reversed(range(len(inputs)))
    state = tuple(widened(part) for part in state)
    with gathered_gradients():
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


def _run_whole(
    cells: Sequence[Cell], parts: Sequence[Tensor], states: Sequence[CellState], mask: Tensor | None
) -> tuple[Tensor, CellState]:
    """One call of torch's kernel: a cell that reads forward, or one in each direction. The padding,
    if any, is on one side.
    """
    dtype = product_dtype(parts[0])
    x = parts[0].to(dtype) if len(parts) == 1 else torch.cat([part.to(dtype) for part in parts], -1)
    state = tuple(torch.stack(each).to(dtype).contiguous() for each in zip(*states, strict=True))
    weights = [weight.to(dtype) for cell in cells for weight in _library_weights(cell)]
    if mask is not None:
        x, weights = _freeze_padding(cells, x, weights, mask)
    batch = len(x)
    if is_exact(x.device):
        x, state = _filled(x, state, cells[0], len(cells))
    options = (True, 1, 0.0, cells[0].training, len(cells) == 2, True)
    # Inside autocast cuDNN would be given float16, whatever type was asked for.
    with torch.autocast(x.device.type, enabled=False):
        if isinstance(cells[0], LSTM):
            hidden, last, memory = torch.lstm(x, state, weights, *options)
            final: CellState = (last, memory)
        else:
            hidden, last = torch.gru(x, state[0], weights, *options)
            final = (last,)
    if len(hidden) > batch:
        hidden, final = hidden[:batch], tuple(part[:, :batch] for part in final)
    if mask is not None:
        final = (_last_hidden(hidden, mask, len(cells)), *final[1:])
    return hidden, tuple(_side_by_side(part) for part in final)


def _filled(
    x: Tensor, state: tuple[Tensor, ...], cell: Cell, directions: int
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Add sentences of zeros, so that no sentence's result depends on how many others there are."""
    rows = recurrence_rows(len(x), cell.gates, x.shape[2], cell.hidden_size, directions, x.dtype)
    missing = rows - len(x)
    if missing == 0:
        return x, state
    pad = torch.nn.functional.pad
    return pad(x, (0, 0, 0, 0, 0, missing)), tuple(pad(part, (0, 0, 0, missing)) for part in state)


def _library_weights(cell: Cell) -> list[Tensor]:
    """A cell's weights as torch's whole-sequence kernels take them."""
    inputs = cell.input_weights
    no_bias = torch.zeros_like(cell.bias)
    if isinstance(cell, GRU):
        no_bias = torch.cat((no_bias[: 2 * cell.hidden_size], cell.recurrent_bias))
    joined = inputs[0] if len(inputs) == 1 else torch.cat(inputs, 1)
    return [joined, cell.recurrent.weight, cell.bias, no_bias]


_SHUT = 1e4
"""Added to a gate's input it makes the sigmoid exactly one (zero with a minus)."""


def _freeze_padding(
    cells: Sequence[Cell], x: Tensor, weights: list[Tensor], mask: Tensor
) -> tuple[Tensor, list[Tensor]]:
    """One more input, 1 at padding, whose weights hold the state there: an LSTM's forget gate is
    open and its input gate shut, a GRU's update gate is open. Whole-sequence kernels then do right
    by padded batches at no cost, which is faster than packing them.
    """
    x = torch.cat((x, (~mask).unsqueeze(-1).to(x.dtype)), -1)
    weights = list(weights)
    for position, cell in enumerate(cells):
        column = weights[4 * position].new_zeros(cell.gates, cell.hidden_size)
        column[1] = _SHUT
        if isinstance(cell, LSTM):
            column[0] = -_SHUT
        weights[4 * position] = torch.cat((weights[4 * position], column.view(-1, 1)), 1)
    return x, weights


def _last_hidden(hidden: Tensor, mask: Tensor, directions: int) -> Tensor:
    """`[directions, batch, hidden]`: an LSTM's output gate is not held at padding, and a GRU's
    state but for rounding, so the forward direction's last is fetched from where its sentence ends.
    """
    size = hidden.shape[-1] // directions
    rows = torch.arange(len(mask), device=mask.device)
    places = torch.arange(mask.shape[1], device=mask.device)
    last = [hidden[rows, (places * mask).amax(1), :size]]
    if directions == 2:
        last.append(hidden[:, 0, size:])
    return torch.stack(last)


def _side_by_side(part: Tensor) -> Tensor:
    """`[cells, batch, hidden] -> [batch, cells * hidden]`."""
    return part.transpose(0, 1).reshape(part.shape[1], -1)

"""Whole-sequence recurrences as operations of their own, while a model is exported.

A program for elsewhere has no kernels of ours, and torch's would be written out step by step for
one length. These operations stand for them: they are those of ONNX of the same names, in its layout
of the weights, so that nothing is left to translate.
"""

import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from nmt.model.cells import GRU, LSTM, Cell, CellState

_LSTM_ORDER = (0, 3, 1, 2)  # torch has i f g o, ONNX i o f g
_GRU_ORDER = (1, 0, 2)  # torch has r z n, ONNX z r n


def run_exported(
    cells: list[Cell], x: Tensor, directions: tuple[str, ...], mask: Tensor
) -> tuple[Tensor, CellState]:
    """What `nmt.model.recurrent.run` gives, from states of zero.

    Raises TypeError for a cell that has no operation.
    """
    direction = "bidirectional" if len(directions) == 2 else directions[0]
    lengths = mask.sum(1)
    weights = [torch.stack(each) for each in zip(*map(_weights, cells), strict=True)]
    if isinstance(cells[0], LSTM):
        hidden, last, memory = torch.ops.nmt.lstm(x, lengths, *weights, direction)
        return hidden, (last, memory)
    hidden, last = torch.ops.nmt.gru(x, lengths, *weights, direction)
    return hidden, (last,)


def _weights(cell: Cell) -> tuple[Tensor, Tensor, Tensor]:
    """W `[gates * hidden, input]`, R `[gates * hidden, hidden]`, B `[2 * gates * hidden]`."""
    if not isinstance(cell, LSTM | GRU):
        raise TypeError(f"{type(cell).__name__} has no operation of a whole sequence")
    order = _LSTM_ORDER if isinstance(cell, LSTM) else _GRU_ORDER
    own = torch.zeros_like(cell.bias)
    if isinstance(cell, GRU):
        own = torch.cat((own[: 2 * cell.hidden_size], cell.recurrent_bias))
    matrix = torch.cat(cell.input_weights, 1)
    bias = torch.cat((_ordered(cell.bias, order), _ordered(own, order)))
    return _ordered(matrix, order), _ordered(cell.recurrent.weight, order), bias


def _ordered(stacked: Tensor, order: tuple[int, ...]) -> Tensor:
    gates = stacked.chunk(len(order))
    return torch.cat([gates[place] for place in order])


def _undone(stacked: Tensor, order: tuple[int, ...]) -> Tensor:
    gates = stacked.chunk(len(order))
    return torch.cat([gates[order.index(place)] for place in range(len(order))])


@torch.library.custom_op("nmt::lstm", mutates_args=())
def lstm(
    x: Tensor, lengths: Tensor, w: Tensor, r: Tensor, b: Tensor, direction: str
) -> tuple[Tensor, Tensor, Tensor]:
    """x: `[batch, length, input]`; lengths: `[batch]`; w, r, b: of each direction, see `_weights`;
    direction: forward, backward or bidirectional. Gives hidden vectors `[batch, length, directions
    * hidden]`, and the last hidden vectors and memories `[batch, directions * hidden]`.
    """
    layer = torch.nn.LSTM(x.shape[2], r.shape[2], batch_first=True, bidirectional=len(w) == 2)
    hidden, (last, memory) = _computed(layer, x, lengths, (w, r, b), direction, _LSTM_ORDER)
    return hidden, last, memory


@torch.library.custom_op("nmt::gru", mutates_args=())
def gru(
    x: Tensor, lengths: Tensor, w: Tensor, r: Tensor, b: Tensor, direction: str
) -> tuple[Tensor, Tensor]:
    """As `lstm`, without memories."""
    layer = torch.nn.GRU(x.shape[2], r.shape[2], batch_first=True, bidirectional=len(w) == 2)
    hidden, (last,) = _computed(layer, x, lengths, (w, r, b), direction, _GRU_ORDER)
    return hidden, last


@lstm.register_fake
def _(
    x: Tensor, lengths: Tensor, w: Tensor, r: Tensor, b: Tensor, direction: str
) -> tuple[Tensor, Tensor, Tensor]:
    size = r.shape[0] * r.shape[2]
    last = x.new_empty(x.shape[0], size)
    return x.new_empty(x.shape[0], x.shape[1], size), last, torch.empty_like(last)


@gru.register_fake
def _(
    x: Tensor, lengths: Tensor, w: Tensor, r: Tensor, b: Tensor, direction: str
) -> tuple[Tensor, Tensor]:
    size = r.shape[0] * r.shape[2]
    return x.new_empty(x.shape[0], x.shape[1], size), x.new_empty(x.shape[0], size)


def _computed(
    layer: torch.nn.RNNBase,
    x: Tensor,
    lengths: Tensor,
    weights: tuple[Tensor, Tensor, Tensor],
    direction: str,
    order: tuple[int, ...],
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """By torch, over sentences without their padding."""
    backward = direction == "backward"
    with torch.no_grad():
        for number, suffix in enumerate(("", "_reverse")[: len(weights[0])]):
            w, r, b = (each[number] for each in weights)
            biases = b.chunk(2)
            for name, value in zip(
                ("weight_ih", "weight_hh", "bias_ih", "bias_hh"), (w, r, *biases), strict=True
            ):
                getattr(layer, f"{name}_l0{suffix}").copy_(_undone(value, order))
        layer.to(x.dtype)
        given = _turned(x, lengths) if backward else x
        packed = pack_padded_sequence(given, lengths, batch_first=True, enforce_sorted=False)
        hidden, final = layer(packed)
        hidden, _ = pad_packed_sequence(hidden, batch_first=True, total_length=x.shape[1])
    states = final if isinstance(final, tuple) else (final,)
    joined = tuple(state.transpose(0, 1).flatten(1).contiguous() for state in states)
    return (_turned(hidden, lengths) if backward else hidden).contiguous(), joined


def _turned(x: Tensor, lengths: Tensor) -> Tensor:
    """Each sentence backward, its padding where it was."""
    places = torch.arange(x.shape[1]).expand(x.shape[:2])
    last = lengths.unsqueeze(1) - 1
    order = torch.where(places <= last, last - places, places)
    return x.gather(1, order.unsqueeze(-1).expand_as(x))

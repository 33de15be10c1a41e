"""Whole-sequence recurrences as single operations, for a model that is exported to ONNX.

torch would export its recurrences step by step, for one length. These operations replace them. They
equal the ONNX operators of the same names and have the same layout of the weights, so that the
export needs no translation.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

_LSTM_ORDER = (0, 3, 1, 2)  # torch has i f g o, ONNX i o f g
_GRU_ORDER = (1, 0, 2)  # torch has r z n, ONNX z r n


def onnx_recurrence(
    x: Tensor,
    mask: Tensor,
    weights: Sequence[tuple[Tensor, ...]],
    directions: Sequence[str],
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run a layer of LSTMs or GRUs from states of zero, as `nmt.model.recurrent_layer.run` does.

    Args:
        x: The input, `[batch, length, size]`.
        mask: `[batch, length]`, true at tokens.
        weights: The input matrix, the recurrent matrix and their biases for each direction, in the
            layout of torch.
        directions: forward, backward, or both in this order.

    Returns:
        The hidden vectors, `[batch, length, directions * hidden]`, and the state after the last
        token, each part `[batch, directions * hidden]`.
    """
    direction = "bidirectional" if len(directions) == 2 else directions[0]
    lengths = mask.sum(1)
    matrix, recurrent = weights[0][:2]
    is_lstm = len(matrix) == 4 * recurrent.shape[1]
    order = _LSTM_ORDER if is_lstm else _GRU_ORDER
    w, r, b = (
        torch.stack(part) for part in zip(*(_onnx_weights(w, order) for w in weights), strict=True)
    )
    if is_lstm:
        hidden, last, memory = torch.ops.nmt.lstm(x, lengths, w, r, b, direction)
        return hidden, (last, memory)
    hidden, last = torch.ops.nmt.gru(x, lengths, w, r, b, direction)
    return hidden, (last,)


def _onnx_weights(
    weights: tuple[Tensor, ...], order: tuple[int, ...]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return W `[gates * hidden, input]`, R `[gates * hidden, hidden]`, and both biases joined."""
    matrix, recurrent, bias, recurrent_bias = (_to_onnx_order(part, order) for part in weights)
    return matrix, recurrent, torch.cat((bias, recurrent_bias))


def _to_onnx_order(stacked: Tensor, order: tuple[int, ...]) -> Tensor:
    gates = stacked.chunk(len(order))
    return torch.cat([gates[gate] for gate in order])


def _to_torch_order(stacked: Tensor, order: tuple[int, ...]) -> Tensor:
    gates = stacked.chunk(len(order))
    return torch.cat([gates[order.index(gate)] for gate in range(len(order))])


@torch.library.custom_op("nmt::lstm", mutates_args=())
def lstm(
    x: Tensor, lengths: Tensor, w: Tensor, r: Tensor, b: Tensor, direction: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Run a layer of LSTMs.

    Args:
        x: The input, `[batch, length, input]`.
        lengths: The number of tokens of each sentence, `[batch]`.
        w: The input matrices, `[directions, 4 * hidden, input]`, with gates in the order of ONNX.
        r: The recurrent matrices, `[directions, 4 * hidden, hidden]`.
        b: The biases of both products, `[directions, 8 * hidden]`.
        direction: forward, backward or bidirectional.

    Returns:
        The hidden vectors, `[batch, length, directions * hidden]`, and the last hidden vectors and
        memories, `[batch, directions * hidden]`.
    """
    layer = torch.nn.LSTM(x.shape[2], r.shape[2], batch_first=True, bidirectional=len(w) == 2)
    hidden, (last, memory) = _run_torch_layer(layer, x, lengths, (w, r, b), direction, _LSTM_ORDER)
    return hidden, last, memory


@torch.library.custom_op("nmt::gru", mutates_args=())
def gru(
    x: Tensor, lengths: Tensor, w: Tensor, r: Tensor, b: Tensor, direction: str
) -> tuple[Tensor, Tensor]:
    """Run a layer of GRUs.

    Args:
        x: The input, `[batch, length, input]`.
        lengths: The number of tokens of each sentence, `[batch]`.
        w: The input matrices, `[directions, 3 * hidden, input]`, with gates in the order of ONNX.
        r: The recurrent matrices, `[directions, 3 * hidden, hidden]`.
        b: The biases of both products, `[directions, 6 * hidden]`.
        direction: forward, backward or bidirectional.

    Returns:
        The hidden vectors, `[batch, length, directions * hidden]`, and the last hidden vectors,
        `[batch, directions * hidden]`.
    """
    layer = torch.nn.GRU(x.shape[2], r.shape[2], batch_first=True, bidirectional=len(w) == 2)
    hidden, (last,) = _run_torch_layer(layer, x, lengths, (w, r, b), direction, _GRU_ORDER)
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


def _run_torch_layer(
    layer: torch.nn.RNNBase,
    x: Tensor,
    lengths: Tensor,
    weights: tuple[Tensor, Tensor, Tensor],
    direction: str,
    order: tuple[int, ...],
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Compute a layer by torch's recurrence over the tokens, without the padding."""
    backward = direction == "backward"
    with torch.no_grad():
        for number, suffix in enumerate(("", "_reverse")[: len(weights[0])]):
            w, r, b = (part[number] for part in weights)
            biases = b.chunk(2)
            for name, value in zip(
                ("weight_ih", "weight_hh", "bias_ih", "bias_hh"), (w, r, *biases), strict=True
            ):
                getattr(layer, f"{name}_l0{suffix}").copy_(_to_torch_order(value, order))
        layer.to(x.dtype)
        inputs = _reverse_sentences(x, lengths) if backward else x
        packed = pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
        hidden, final = layer(packed)
        hidden, _ = pad_packed_sequence(hidden, batch_first=True, total_length=x.shape[1])
    states = final if isinstance(final, tuple) else (final,)
    joined = tuple(state.transpose(0, 1).flatten(1).contiguous() for state in states)
    return (_reverse_sentences(hidden, lengths) if backward else hidden).contiguous(), joined


def _reverse_sentences(x: Tensor, lengths: Tensor) -> Tensor:
    """Return each sentence in reverse order, with its padding in place."""
    positions = torch.arange(x.shape[1]).expand(x.shape[:2])
    last = lengths.unsqueeze(1) - 1
    order = torch.where(positions <= last, last - positions, positions)
    return x.gather(1, order.unsqueeze(-1).expand_as(x))

"""The recurrent cells, and running one over a whole right-padded sequence.

A cell takes its input in parts (embedding, fed-back features, context) that have a weight matrix
each: what does not depend on the recurrence is multiplied for all steps at once, outside any loop.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from nmt.model.autograd import call
from nmt.model.linear import Linear
from nmt.model.precision import product_dtype

CellState = tuple[Tensor, ...]
"""A cell's state, the hidden vector first; each `[..., hidden]`. LSTM: (hidden, memory)."""


class Cell(nn.Module, ABC):
    """One recurrent transition.

    input_sizes: size of each part of the input; the parts' products are added.
    """

    gates: ClassVar[int]
    state_parts: ClassVar[int]

    def __init__(self, input_sizes: Sequence[int], hidden_size: int) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.inputs = nn.ModuleList(
            Linear(size, self.gates * hidden_size, bias=part == 0)
            for part, size in enumerate(input_sizes)
        )
        self.recurrent = Linear(hidden_size, self.gates * hidden_size, bias=False)

    def project(self, x: Tensor, part: int = 0) -> Tensor:
        """A part of the input, `[..., input] -> [..., gates * hidden]`, ready for `advance`."""
        projected: Tensor = self.inputs[part](x)
        return projected

    @abstractmethod
    def advance(self, projected: Tensor, state: CellState) -> CellState:
        """One step: the sum of the projected parts `[..., gates * hidden]` and the state."""

    @abstractmethod
    def initialize(self, forget_bias: float) -> None:
        """Orthogonal recurrent maps and Glorot input maps, gate by gate; biases zero."""

    def zero_state(self, like: Tensor, *shape: int) -> CellState:
        """A state of zeros, `[*shape, hidden]`, of the device of `like`."""
        zero = like.new_zeros(*shape, self.hidden_size)
        return (zero,) * self.state_parts

    def _initialize_maps(self) -> None:
        with torch.no_grad():
            for gate in self.recurrent.weight.chunk(self.gates):
                nn.init.orthogonal_(gate)
            fan_in = sum(_linear(part).in_features for part in self.inputs)
            bound = math.sqrt(6.0 / (fan_in + self.hidden_size))
            for part in self.inputs:
                nn.init.uniform_(_linear(part).weight, -bound, bound)
            nn.init.zeros_(_linear(self.inputs[0]).bias)


class LSTM(Cell):
    """Hochreiter and Schmidhuber 1997 with forget gate (Gers et al. 2000).

    i, f, g, o = W x + U h + b; c' = sigmoid(f) c + sigmoid(i) tanh(g); h' = sigmoid(o) tanh(c').
    """

    gates = 4
    state_parts = 2

    def advance(self, projected: Tensor, state: CellState) -> CellState:
        """See `Cell.advance`."""
        hidden, memory = state
        gates = projected + self.recurrent(hidden)
        return _lstm_gates(gates, memory)

    def initialize(self, forget_bias: float) -> None:
        """See `Cell.initialize`; the forget gate's bias starts at `forget_bias`."""
        self._initialize_maps()
        with torch.no_grad():
            bias = _linear(self.inputs[0]).bias
            bias[self.hidden_size : 2 * self.hidden_size] = forget_bias


class GRU(Cell):
    """Cho et al. 2014 with the reset gate applied after the product (as cuDNN has it).

    r, z = sigmoid(W x + U h + b); n = tanh(W_n x + b_n + r (U_n h + b_hn)); h' = (1 - z) n + z h.
    """

    gates = 3
    state_parts = 1

    def __init__(self, input_sizes: Sequence[int], hidden_size: int) -> None:
        super().__init__(input_sizes, hidden_size)
        self.recurrent_bias = nn.Parameter(torch.zeros(hidden_size))

    def advance(self, projected: Tensor, state: CellState) -> CellState:
        """See `Cell.advance`."""
        (hidden,) = state
        return (_gru_gates(projected, self.recurrent(hidden), self.recurrent_bias, hidden),)

    def initialize(self, forget_bias: float) -> None:
        """See `Cell.initialize`; a GRU has no forget gate."""
        self._initialize_maps()
        nn.init.zeros_(self.recurrent_bias)


def run(
    cells: Sequence[Cell], x: Tensor, state: CellState, mask: Tensor | None = None
) -> tuple[Tensor, CellState]:
    """Run a cell along a right-padded sequence, or two that read it in opposite directions.

    cells: one (first to last token) or two (the second reads from the last token to the first);
    x: `[batch, length, input]`; state: before the first step, each part `[cells, batch, hidden]`;
    mask: `[batch, length]`, true at tokens; None: no padding.

    Gives the hidden vectors `[batch, length, cells * hidden]`, those at padding without meaning,
    and the state after each cell's last token, each part `[batch, cells * hidden]`.
    """
    dtype = product_dtype(x)
    x, state = x.to(dtype), tuple(part.to(dtype) for part in state)
    weights = [weight.to(dtype) for cell in cells for weight in _library_weights(cell)]
    if mask is not None:
        x, weights = _freeze_padding(cells, x, weights, mask)
    options = (True, 1, 0.0, cells[0].training, len(cells) == 2, True)
    # Inside autocast cuDNN would be given float16, whatever type was asked for.
    with torch.autocast(x.device.type, enabled=False):
        if isinstance(cells[0], LSTM):
            hidden, last, memory = torch.lstm(x, state, weights, *options)
            final: CellState = (last, memory)
        else:
            hidden, last = torch.gru(x, state[0], weights, *options)
            final = (last,)
    if mask is not None and isinstance(cells[0], LSTM):
        final = (_last_hidden(hidden, mask, len(cells)), *final[1:])
    return hidden, tuple(_side_by_side(part) for part in final)


def _library_weights(cell: Cell) -> list[Tensor]:
    """A cell's weights as torch's whole-sequence kernels take them."""
    first = _linear(cell.inputs[0])
    no_bias = torch.zeros_like(first.bias)
    if isinstance(cell, GRU):
        no_bias = torch.cat((no_bias[: 2 * cell.hidden_size], cell.recurrent_bias))
    return [first.weight, cell.recurrent.weight, first.bias, no_bias]


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
    """`[directions, batch, hidden]`: an LSTM's output gate is not held at padding, so the forward
    direction's last hidden vector is fetched from where its sentence ends.
    """
    size = hidden.shape[-1] // directions
    rows = torch.arange(len(mask), device=mask.device)
    last = [hidden[rows, mask.sum(1) - 1, :size]]
    if directions == 2:
        last.append(hidden[:, 0, size:])
    return torch.stack(last)


def _side_by_side(part: Tensor) -> Tensor:
    """`[cells, batch, hidden] -> [batch, cells * hidden]`."""
    return part.transpose(0, 1).reshape(part.shape[1], -1)


def _linear(module: nn.Module) -> Linear:
    assert isinstance(module, Linear)
    return module


class _LSTMGates(torch.autograd.Function):
    """The LSTM's gates in one node of the graph: activations saved once, no intermediate kept."""

    @staticmethod
    def forward(ctx: Any, gates: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        wide = gates.to(memory.dtype)
        size = memory.shape[-1]
        activations = torch.empty_like(wide)
        torch.sigmoid(wide, out=activations)
        torch.tanh(wide[..., 2 * size : 3 * size], out=activations[..., 2 * size : 3 * size])
        i, f, g, o = activations.split(size, -1)
        new_memory = torch.addcmul(f * memory, i, g)
        squashed = torch.tanh(new_memory)
        ctx.save_for_backward(activations, memory, squashed)
        ctx.gates_dtype = gates.dtype
        return (o * squashed).to(gates.dtype), new_memory

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, Tensor]:
        activations, memory, squashed = ctx.saved_tensors
        i, f, g, o = activations.split(memory.shape[-1], -1)
        d_hidden, d_memory = gradients
        d_hidden = d_hidden.to(memory.dtype)
        through = d_hidden * o
        d_memory = torch.addcmul(d_memory + through, through * squashed, squashed, value=-1)
        d_gates = torch.cat(
            (d_memory * g, d_memory * memory, d_memory * i, d_hidden * squashed), -1
        )
        slope = activations * (1 - activations)
        slope[..., 2 * memory.shape[-1] : 3 * memory.shape[-1]] = 1 - g * g
        return (d_gates * slope).to(ctx.gates_dtype), d_memory * f


def _lstm_gates(gates: Tensor, memory: Tensor) -> CellState:
    hidden, new_memory = call(_LSTMGates, gates, memory)
    return hidden, new_memory


def _gru_gates(projected: Tensor, recurrent: Tensor, bias: Tensor, hidden: Tensor) -> Tensor:
    size = hidden.shape[-1]
    reset, update = torch.sigmoid(projected[..., : 2 * size] + recurrent[..., : 2 * size]).chunk(
        2, -1
    )
    candidate = torch.tanh(projected[..., 2 * size :] + reset * (recurrent[..., 2 * size :] + bias))
    return candidate + update * (hidden - candidate)

"""The recurrent cells.

A cell takes its input in parts (embedding, fed-back features, context) that have a weight matrix
each: what does not depend on the recurrence is multiplied for all steps at once, outside any loop.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from nmt.config.kinds import CELLS
from nmt.model.activations import sigmoid, sigmoid_, tanh_
from nmt.model.autograd import call
from nmt.model.linear import Linear
from nmt.model.precision import product_dtype, widened

CellState = tuple[Tensor, ...]
"""A cell's state, the hidden vector first; each `[..., hidden]`. LSTM: (hidden, memory)."""


def make_cell(kind: str, input_sizes: Sequence[int], hidden_size: int, depth: int = 1) -> "Cell":
    """A cell of a kind that the settings name, of `depth` transitions a step."""
    cell: Cell = CELLS.resolve(kind)(input_sizes, hidden_size)
    if depth == 1:
        return cell
    return DeepTransition(cell, [CELLS.resolve(kind)((), hidden_size) for _ in range(depth - 1)])


class Cell(nn.Module, ABC):
    """One recurrent transition.

    input_sizes: size of each part of the input; the parts' products are added. There may be none.
    """

    gates: ClassVar[int]
    state_parts: ClassVar[int]
    runs_whole: ClassVar[bool] = False
    """Whether torch has a kernel that runs this cell over a whole sequence."""
    bias_is_projected: ClassVar[bool] = True
    """Whether the bias comes with the first part of the input, outside any loop."""

    def __init__(self, input_sizes: Sequence[int], hidden_size: int) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        with_input = self.bias_is_projected and len(input_sizes) > 0
        self.inputs = nn.ModuleList(
            Linear(size, self.gates * hidden_size, bias=with_input and part == 0)
            for part, size in enumerate(input_sizes)
        )
        self.own_bias = None if with_input else nn.Parameter(torch.zeros(self.gates * hidden_size))
        self.recurrent = Linear(hidden_size, self.gates * hidden_size, bias=False)

    def project(self, x: Tensor, part: int = 0, plus: Tensor | None = None) -> Tensor:
        """A part of the input, `[..., input] -> [..., gates * hidden]`, added to the parts in
        `plus`, for `advance`.
        """
        projected: Tensor = self.inputs[part](x, plus)
        return projected

    @abstractmethod
    def advance(
        self, projected: Tensor, state: CellState, recurrent_mask: Tensor | None = None
    ) -> CellState:
        """One step: the sum of the projected parts `[..., gates * hidden]` and the state.

        recurrent_mask: what the hidden vector is multiplied by in the recurrent product.
        """

    @property
    def bias(self) -> Tensor:
        """Of all gates, `[gates * hidden]`."""
        return _linear(self.inputs[0]).bias if self.own_bias is None else self.own_bias

    @property
    def input_weights(self) -> list[Tensor]:
        """Of each part, `[gates * hidden, input]`."""
        return [_linear(part).weight for part in self.inputs]

    def advance_alone(self, state: CellState, recurrent_mask: Tensor | None = None) -> CellState:
        """One step of a cell that has no input."""
        projected = self.bias if self.bias_is_projected else torch.zeros_like(self.bias)
        return self.advance(projected.to(product_dtype(projected)), state, recurrent_mask)

    def initialize(self, forget_bias: float) -> None:
        """Orthogonal recurrent maps and Glorot input maps, gate by gate; biases zero, but an LSTM's
        forget gate starts at `forget_bias`.
        """
        with torch.no_grad():
            for gate in self.recurrent.weight.chunk(self.gates):
                nn.init.orthogonal_(gate)
            fan_in = sum(weight.shape[1] for weight in self.input_weights)
            bound = math.sqrt(6.0 / (fan_in + self.hidden_size))
            for weight in self.input_weights:
                nn.init.uniform_(weight, -bound, bound)
            nn.init.zeros_(self.bias)

    def zero_state(self, like: Tensor, *shape: int) -> CellState:
        """A state of zeros, `[*shape, hidden]`, of the device of `like`."""
        zero = like.new_zeros(*shape, self.hidden_size)
        return (zero,) * self.state_parts


class LSTM(Cell):
    """Hochreiter and Schmidhuber 1997 with forget gate (Gers et al. 2000).

    i, f, g, o = W x + U h + b; c' = sigmoid(f) c + sigmoid(i) tanh(g); h' = sigmoid(o) tanh(c').
    """

    gates = 4
    state_parts = 2
    runs_whole = True

    def advance(
        self, projected: Tensor, state: CellState, recurrent_mask: Tensor | None = None
    ) -> CellState:
        """See `Cell.advance`."""
        hidden, memory = state
        return _lstm_gates(self.recurrent(masked(hidden, recurrent_mask), projected), memory)

    def initialize(self, forget_bias: float) -> None:
        """See `Cell.initialize`."""
        super().initialize(forget_bias)
        with torch.no_grad():
            self.bias[self.hidden_size : 2 * self.hidden_size] = forget_bias


class GRU(Cell):
    """Cho et al. 2014 with the reset gate applied after the product (as cuDNN has it).

    r, z = sigmoid(W x + U h + b); n = tanh(W_n x + b_n + r (U_n h + b_hn)); h' = (1 - z) n + z h.
    """

    gates = 3
    state_parts = 1
    runs_whole = True

    def __init__(self, input_sizes: Sequence[int], hidden_size: int) -> None:
        super().__init__(input_sizes, hidden_size)
        self.recurrent_bias = nn.Parameter(torch.zeros(hidden_size))

    def advance(
        self, projected: Tensor, state: CellState, recurrent_mask: Tensor | None = None
    ) -> CellState:
        """See `Cell.advance`."""
        (hidden,) = state
        recurrent = self.recurrent(masked(hidden, recurrent_mask))
        return (_gru_gates(projected, recurrent, self.recurrent_bias, hidden),)

    def initialize(self, forget_bias: float) -> None:
        """See `Cell.initialize`; a GRU has no forget gate."""
        super().initialize(forget_bias)
        nn.init.zeros_(self.recurrent_bias)


class DeepTransition(Cell):
    """Several transitions a step, of which only the first sees the input (Pascanu et al. 2014,
    Miceli Barone et al. 2017): s_k = cell_k(s_{k-1}), each with weights of its own.
    """

    def __init__(self, first: Cell, others: Sequence[Cell]) -> None:
        nn.Module.__init__(self)
        self.hidden_size = first.hidden_size
        self.first = first
        self.others = nn.ModuleList(others)

    @property
    def gates(self) -> int:  # type: ignore[override]  # of the instance: those of its cells
        """Of the first transition."""
        return self.first.gates

    @property
    def state_parts(self) -> int:  # type: ignore[override]  # of the instance: those of its cells
        """Of each transition."""
        return self.first.state_parts

    def project(self, x: Tensor, part: int = 0, plus: Tensor | None = None) -> Tensor:
        """See `Cell.project`."""
        return self.first.project(x, part, plus)

    def advance(
        self, projected: Tensor, state: CellState, recurrent_mask: Tensor | None = None
    ) -> CellState:
        """See `Cell.advance`."""
        state = self.first.advance(projected, state, recurrent_mask)
        for cell in self.others:
            assert isinstance(cell, Cell)
            state = cell.advance_alone(state, recurrent_mask)
        return state

    def initialize(self, forget_bias: float) -> None:
        """See `Cell.initialize`."""
        for cell in (self.first, *self.others):
            assert isinstance(cell, Cell)
            cell.initialize(forget_bias)


def masked(hidden: Tensor, mask: Tensor | None) -> Tensor:
    """hidden `[.., hidden]` times a mask, where there is one."""
    return hidden if mask is None else hidden * mask.to(hidden.dtype)


def _linear(module: nn.Module) -> Linear:
    assert isinstance(module, Linear)
    return module


class _LSTMGates(torch.autograd.Function):
    """The LSTM's gates in one node of the graph: activations saved once, no intermediate kept."""

    @staticmethod
    def forward(ctx: Any, gates: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        wide = gates.to(memory.dtype)
        size = memory.shape[-1]
        activations = sigmoid(wide)
        i, f, g, o = activations.split(size, -1)
        tanh_(g.copy_(wide[..., 2 * size : 3 * size]))
        new_memory = torch.addcmul(f * memory, i, g)
        squashed = tanh_(new_memory.clone())
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
        slope = torch.addcmul(activations, activations, activations, value=-1)
        of_i, of_f, of_g, of_o = slope.split(memory.shape[-1], -1)
        of_i.mul_(d_memory * g)
        of_f.mul_(d_memory * memory)
        torch.addcmul(i, g * g, i, value=-1, out=of_g).mul_(d_memory)
        of_o.mul_(d_hidden * squashed)
        return slope.to(ctx.gates_dtype), d_memory * f


def _lstm_gates(gates: Tensor, memory: Tensor) -> CellState:
    hidden, new_memory = call(_LSTMGates, gates, memory)
    return hidden, new_memory


class _GRUGates(torch.autograd.Function):
    """The GRU's gates in one node of the graph."""

    @staticmethod
    def forward(
        ctx: Any, projected: Tensor, recurrent: Tensor, bias: Tensor, hidden: Tensor
    ) -> Tensor:
        size = hidden.shape[-1]
        gates = projected[..., : 2 * size] + recurrent[..., : 2 * size]
        gates = sigmoid_(gates.to(hidden.dtype))
        reset, update = gates.split(size, -1)
        recalled = recurrent[..., 2 * size :] + bias.to(hidden.dtype)
        candidate = tanh_(
            torch.addcmul(projected[..., 2 * size :].to(hidden.dtype), reset, recalled)
        )
        ctx.save_for_backward(gates, recalled, candidate, hidden)
        ctx.dtypes = projected.dtype, recurrent.dtype, bias.dtype
        return torch.lerp(candidate, hidden, update)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        gates, recalled, candidate, hidden = ctx.saved_tensors
        projected_dtype, recurrent_dtype, bias_dtype = ctx.dtypes
        size = hidden.shape[-1]
        reset, update = gates.split(size, -1)
        d_new = gradients[0]
        d_all = torch.empty(*hidden.shape[:-1], 3 * size, dtype=hidden.dtype, device=hidden.device)
        d_reset, d_update, d_candidate = d_all.split(size, -1)
        d_inner = torch.addcmul(d_new, d_new, update, value=-1)
        torch.addcmul(d_inner, d_inner * candidate, candidate, value=-1, out=d_candidate)
        torch.mul(d_candidate, recalled, out=d_reset)
        torch.mul(d_new, hidden - candidate, out=d_update)
        d_all[..., : 2 * size].mul_(torch.addcmul(gates, gates, gates, value=-1))
        d_projected = d_all.to(projected_dtype, copy=True)  # for the candidate's part changes
        d_recalled = d_candidate.mul_(reset)
        return (
            d_projected,
            d_all.to(recurrent_dtype),
            d_recalled.reshape(-1, size).sum(0).to(bias_dtype),
            d_new * update,
        )


def _gru_gates(projected: Tensor, recurrent: Tensor, bias: Tensor, hidden: Tensor) -> Tensor:
    wide = widened(hidden)
    new: Tensor = call(_GRUGates, projected.expand_as(recurrent), recurrent, bias, wide)
    return new

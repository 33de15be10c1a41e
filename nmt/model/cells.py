"""The recurrent cells: LSTM, GRU, both with layer normalization, and deep transitions.

The conditional GRU of Nematus is two of these cells with attention between them; see
`Decoder._bottom_step` in nmt/model/decoder.py.

A cell takes its input in parts (embedding, fed-back features, context) that have a weight matrix
each. A part that does not depend on the recurrence is multiplied for all steps at once, outside any
loop.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from nmt.config.registry import CELLS
from nmt.model.kernels.kernel_module import KernelModule, Linear
from nmt.model.kernels.precision import product_dtype, upcast

CellState = tuple[Tensor, ...]
"""A cell's state, the hidden vector first; each `[..., hidden]`. LSTM: (hidden, memory)."""

_EPSILON = 1e-5
"""Added to the variance by layer normalization."""


def make_cell(kind: str, input_sizes: Sequence[int], hidden_size: int, depth: int = 1) -> "Cell":
    """Return a new cell.

    Args:
        kind: The cell's name in the settings.
        input_sizes: The size of each part of the input.
        hidden_size: The size of the hidden vector.
        depth: The number of transitions a step, at least 1.
    """
    cell: Cell = CELLS.resolve(kind)(input_sizes, hidden_size)
    if depth == 1:
        return cell
    return DeepTransition(cell, [CELLS.resolve(kind)((), hidden_size) for _ in range(depth - 1)])


class Cell(KernelModule, ABC):
    """One recurrent transition."""

    gates: ClassVar[int]
    state_parts: ClassVar[int]
    has_sequence_kernel: ClassVar[bool] = False
    """Whether torch has a kernel that runs this cell over a whole sequence."""
    bias_is_projected: ClassVar[bool] = True
    """Whether the bias comes with the first part of the input, outside any loop."""

    def __init__(self, input_sizes: Sequence[int], hidden_size: int) -> None:
        """Create the weights.

        Args:
            input_sizes: The size of each part of the input, whose products are added. A cell may
                have no parts.
            hidden_size: The size of the hidden vector.
        """
        super().__init__()
        self.hidden_size = hidden_size
        bias_in_input = self.bias_is_projected and len(input_sizes) > 0
        self.inputs = nn.ModuleList(
            Linear(size, self.gates * hidden_size, bias=bias_in_input and part == 0)
            for part, size in enumerate(input_sizes)
        )
        # Only a cell without a bias in its input maps has this one. Checkpoints hold its name.
        self.own_bias = (
            None if bias_in_input else nn.Parameter(torch.zeros(self.gates * hidden_size))
        )
        self.recurrent = Linear(hidden_size, self.gates * hidden_size, bias=False)

    def project(self, x: Tensor, part: int = 0, partial_sum: Tensor | None = None) -> Tensor:
        """Return W x (+ b), a part of the input of `advance`.

        Args:
            x: The part of the input, `[..., input]`.
            part: The number of the part, from 0.
            partial_sum: The sum of the projected parts before it, `[..., gates * hidden]`.

        Returns:
            The sum of the projected parts, `[..., gates * hidden]`.
        """
        projected: Tensor = self.inputs[part](x)
        return projected if partial_sum is None else partial_sum + projected

    @abstractmethod
    def advance(
        self, projected: Tensor, state: CellState, recurrent_mask: Tensor | None = None
    ) -> CellState:
        """Return the state after one step.

        Args:
            projected: W x + b, the sum of the projected parts, `[..., gates * hidden]`.
            state: The state before the step.
            recurrent_mask: The dropout mask of the hidden vector in the recurrent product,
                `[..., hidden]`. None without recurrent dropout.
        """

    @property
    def bias(self) -> Tensor:
        """The bias of all gates, `[gates * hidden]`."""
        return _linear(self.inputs[0]).bias if self.own_bias is None else self.own_bias

    @property
    def input_weights(self) -> list[Tensor]:
        """The matrix of each part of the input, `[gates * hidden, input]`."""
        return [_linear(part).weight for part in self.inputs]

    def advance_without_input(
        self, state: CellState, recurrent_mask: Tensor | None = None
    ) -> CellState:
        """Return the state after one step of a cell that has no input.

        Args:
            state: The state before the step, each part `[..., hidden]`.
            recurrent_mask: See `advance`, `[..., hidden]`.
        """
        projected = self.bias if self.bias_is_projected else torch.zeros_like(self.bias)
        return self.advance(projected.to(product_dtype(projected)), state, recurrent_mask)

    def initialize(self, forget_bias: float) -> None:
        """Draw orthogonal recurrent maps and Glorot input maps, gate by gate.

        Biases are zero, but an LSTM's forget gate starts at `forget_bias`.
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
        """Return a state of zeros, each part `[*shape, hidden]`.

        Args:
            like: A tensor of the type and device of the state.
            shape: The axes before the hidden one.
        """
        zero = like.new_zeros(*shape, self.hidden_size)
        return (zero,) * self.state_parts


class LSTM(Cell):
    """Long short-term memory, Hochreiter and Schmidhuber 1997, with forget gate (Gers et al. 2000).

    i, f, g, o = W x + U h + b
    c' = sigmoid(f) c + sigmoid(i) tanh(g)
    h' = sigmoid(o) tanh(c')
    """

    gates = 4
    state_parts = 2
    has_sequence_kernel = True

    def advance(
        self, projected: Tensor, state: CellState, recurrent_mask: Tensor | None = None
    ) -> CellState:
        """See `Cell.advance`."""
        hidden, memory = state
        gates = projected + self.recurrent(apply_mask(hidden, recurrent_mask))
        i, f, g, o = gates.to(memory.dtype).chunk(4, -1)
        memory = self.sigmoid(f) * memory + self.sigmoid(i) * self.tanh(g)
        return (self.sigmoid(o) * self.tanh(memory)).to(gates.dtype), memory

    def initialize(self, forget_bias: float) -> None:
        """See `Cell.initialize`."""
        super().initialize(forget_bias)
        with torch.no_grad():
            self.bias[self.hidden_size : 2 * self.hidden_size] = forget_bias


class GRU(Cell):
    """Gated recurrent unit, Cho et al. 2014, with the reset gate after the product (as in cuDNN).

    r, z = sigmoid(W x + U h + b)
    n = tanh(W_n x + b_n + r (U_n h + b_hn))
    h' = (1 - z) n + z h
    """

    gates = 3
    state_parts = 1
    has_sequence_kernel = True

    def __init__(self, input_sizes: Sequence[int], hidden_size: int) -> None:
        super().__init__(input_sizes, hidden_size)
        self.recurrent_bias = nn.Parameter(torch.zeros(hidden_size))

    def advance(
        self, projected: Tensor, state: CellState, recurrent_mask: Tensor | None = None
    ) -> CellState:
        """See `Cell.advance`."""
        hidden, size = upcast(state[0]), self.hidden_size
        x, u = upcast(projected), upcast(self.recurrent(apply_mask(state[0], recurrent_mask)))
        r, z = self.sigmoid(x[..., : 2 * size] + u[..., : 2 * size]).chunk(2, -1)
        n = self.tanh(x[..., 2 * size :] + r * (u[..., 2 * size :] + self.recurrent_bias))
        return (n + z * (hidden - n),)

    def initialize(self, forget_bias: float) -> None:
        """See `Cell.initialize`. A GRU has no forget gate."""
        super().initialize(forget_bias)
        nn.init.zeros_(self.recurrent_bias)


class _LayerNormCell(Cell):
    """A cell with layer normalization, Ba et al. 2016, eq. 20-29.

    LN(x) = (x - mean) / sqrt(variance + 1e-5) * g, over all gates together. The input product and
    the recurrent product are normalized separately. Each has its own gain; they share one bias.
    """

    bias_is_projected = False

    def __init__(self, input_sizes: Sequence[int], hidden_size: int) -> None:
        super().__init__(input_sizes, hidden_size)
        self.input_gain = (
            nn.Parameter(torch.ones(self.gates * hidden_size)) if input_sizes else None
        )
        self.recurrent_gain = nn.Parameter(torch.ones(self.gates * hidden_size))

    def _normalized_products(
        self, projected: Tensor, hidden: Tensor, recurrent_mask: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return LN(W x), zero where there is no input, and LN(U h), `[..., gates * hidden]`."""
        recurrent = self.recurrent(apply_mask(hidden, recurrent_mask))
        if self.input_gain is not None:
            projected = _layer_norm(projected, self.input_gain)
        return projected, _layer_norm(recurrent, self.recurrent_gain)

    def initialize(self, forget_bias: float) -> None:
        """See `Cell.initialize`. Gains start at one."""
        super().initialize(forget_bias)
        if self.input_gain is not None:
            nn.init.ones_(self.input_gain)
        nn.init.ones_(self.recurrent_gain)


class LayerNormLSTM(_LayerNormCell):
    """An LSTM with layer normalization.

    i, f, g, o = LN(W x) + LN(U h) + b
    c' = sigmoid(f) c + sigmoid(i) tanh(g)
    h' = sigmoid(o) tanh(LN(c') + b_c)
    """

    gates = 4
    state_parts = 2

    def __init__(self, input_sizes: Sequence[int], hidden_size: int) -> None:
        super().__init__(input_sizes, hidden_size)
        self.memory_gain = nn.Parameter(torch.ones(hidden_size))
        self.memory_bias = nn.Parameter(torch.zeros(hidden_size))

    def advance(
        self, projected: Tensor, state: CellState, recurrent_mask: Tensor | None = None
    ) -> CellState:
        """See `Cell.advance`."""
        hidden, memory = state
        x, u = self._normalized_products(projected, hidden, recurrent_mask)
        i, f, g, o = (x + u + self.bias).chunk(4, -1)
        memory = self.sigmoid(f) * memory + self.sigmoid(i) * self.tanh(g)
        normalized_memory = _layer_norm(memory, self.memory_gain) + self.memory_bias
        return self.sigmoid(o) * self.tanh(normalized_memory), memory

    def initialize(self, forget_bias: float) -> None:
        """See `Cell.initialize`."""
        super().initialize(forget_bias)
        nn.init.ones_(self.memory_gain)
        nn.init.zeros_(self.memory_bias)
        with torch.no_grad():
            self.bias[self.hidden_size : 2 * self.hidden_size] = forget_bias


class LayerNormGRU(_LayerNormCell):
    """A GRU with layer normalization.

    x, u = LN(W x), LN(U h)
    r, z = sigmoid(x + u + b)
    n = tanh(x_n + b_n + r (u_n + b_hn))
    h' = (1 - z) n + z h
    """

    gates = 3
    state_parts = 1

    def __init__(self, input_sizes: Sequence[int], hidden_size: int) -> None:
        super().__init__(input_sizes, hidden_size)
        self.recurrent_bias = nn.Parameter(torch.zeros(hidden_size))

    def advance(
        self, projected: Tensor, state: CellState, recurrent_mask: Tensor | None = None
    ) -> CellState:
        """See `Cell.advance`."""
        (hidden,) = state
        x, u = self._normalized_products(projected, hidden, recurrent_mask)
        x = x + self.bias
        size = self.hidden_size
        r, z = self.sigmoid(x[..., : 2 * size] + u[..., : 2 * size]).chunk(2, -1)
        n = self.tanh(x[..., 2 * size :] + r * (u[..., 2 * size :] + self.recurrent_bias))
        return (n + z * (hidden - n),)

    def initialize(self, forget_bias: float) -> None:
        """See `Cell.initialize`."""
        super().initialize(forget_bias)
        nn.init.zeros_(self.recurrent_bias)


class DeepTransition(Cell):
    """Several transitions a step, of which only the first has an input: s_k = cell_k(s_{k-1}).

    Each has its own weights (Pascanu et al. 2014, Miceli Barone et al. 2017).
    """

    def __init__(self, first: Cell, others: Sequence[Cell]) -> None:
        nn.Module.__init__(self)
        self.hidden_size = first.hidden_size
        self.first = first
        self.others = nn.ModuleList(others)

    @property
    def gates(self) -> int:  # type: ignore[override]  # an instance has those of its cells
        """The gates of the first transition."""
        return self.first.gates

    @property
    def state_parts(self) -> int:  # type: ignore[override]  # an instance has those of its cells
        """The parts of the state of each transition."""
        return self.first.state_parts

    def project(self, x: Tensor, part: int = 0, partial_sum: Tensor | None = None) -> Tensor:
        """See `Cell.project`."""
        return self.first.project(x, part, partial_sum)

    def advance(
        self, projected: Tensor, state: CellState, recurrent_mask: Tensor | None = None
    ) -> CellState:
        """See `Cell.advance`."""
        state = self.first.advance(projected, state, recurrent_mask)
        for cell in self.others:
            assert isinstance(cell, Cell)
            state = cell.advance_without_input(state, recurrent_mask)
        return state

    def initialize(self, forget_bias: float) -> None:
        """See `Cell.initialize`."""
        for cell in (self.first, *self.others):
            assert isinstance(cell, Cell)
            cell.initialize(forget_bias)


def apply_mask(hidden: Tensor, mask: Tensor | None) -> Tensor:
    """Return the hidden vector times a mask, `[.., hidden]`.

    Args:
        hidden: The hidden vector, `[.., hidden]`.
        mask: The mask, `[.., hidden]`. None leaves the vector as it is.
    """
    return hidden if mask is None else hidden * mask.to(hidden.dtype)


def _layer_norm(x: Tensor, gain: Tensor) -> Tensor:
    """Return LN(x), over the last axis, in float32 or wider."""
    return nn.functional.layer_norm(upcast(x), x.shape[-1:], gain, None, _EPSILON)


def _linear(module: nn.Module) -> Linear:
    assert isinstance(module, Linear)
    return module

"""Recurrent cells with layer normalisation: Ba et al. 2016, eq. 20-29.

LN(x) = (x - mean) / sqrt(variance + 1e-5) * g, over all gates together; input and recurrent
products are normalised apart from each other, with gains of their own and one bias.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nmt.model.activations import sigmoid, tanh
from nmt.model.cells import Cell, CellState, masked
from nmt.model.precision import widened

_EPSILON = 1e-5


class _LayerNormCell(Cell):
    bias_is_projected = False

    def __init__(self, input_sizes: Sequence[int], hidden_size: int) -> None:
        super().__init__(input_sizes, hidden_size)
        self.input_gain = (
            nn.Parameter(torch.ones(self.gates * hidden_size)) if input_sizes else None
        )
        self.recurrent_gain = nn.Parameter(torch.ones(self.gates * hidden_size))

    def _products(
        self, projected: Tensor, hidden: Tensor, recurrent_mask: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """LN(W x), zero where there is no input, and LN(U h), `[..., gates * hidden]`."""
        recurrent = self.recurrent(masked(hidden, recurrent_mask))
        if self.input_gain is not None:
            projected = _normalized(projected, self.input_gain)
        return projected, _normalized(recurrent, self.recurrent_gain)

    def initialize(self, forget_bias: float) -> None:
        """See `Cell.initialize`; gains start at one."""
        super().initialize(forget_bias)
        if self.input_gain is not None:
            nn.init.ones_(self.input_gain)
        nn.init.ones_(self.recurrent_gain)


class LayerNormLSTM(_LayerNormCell):
    """i, f, g, o = LN(W x) + LN(U h) + b; c' = sigmoid(f) c + sigmoid(i) tanh(g);
    h' = sigmoid(o) tanh(LN(c') + b_c).
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
        x, u = self._products(projected, hidden, recurrent_mask)
        i, f, g, o = (x + u + self.bias).chunk(4, -1)
        memory = sigmoid(f) * memory + sigmoid(i) * tanh(g)
        shown = _normalized(memory, self.memory_gain) + self.memory_bias
        return sigmoid(o) * tanh(shown), memory

    def initialize(self, forget_bias: float) -> None:
        """See `Cell.initialize`."""
        super().initialize(forget_bias)
        nn.init.ones_(self.memory_gain)
        nn.init.zeros_(self.memory_bias)
        with torch.no_grad():
            self.bias[self.hidden_size : 2 * self.hidden_size] = forget_bias


class LayerNormGRU(_LayerNormCell):
    """x = LN(W x), u = LN(U h); r, z = sigmoid(x + u + b); n = tanh(x_n + b_n + r (u_n + b_hn));
    h' = (1 - z) n + z h.
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
        x, u = self._products(projected, hidden, recurrent_mask)
        x = x + self.bias
        size = self.hidden_size
        reset, update = sigmoid(x[..., : 2 * size] + u[..., : 2 * size]).chunk(2, -1)
        candidate = tanh(x[..., 2 * size :] + reset * (u[..., 2 * size :] + self.recurrent_bias))
        return (candidate + update * (hidden - candidate),)

    def initialize(self, forget_bias: float) -> None:
        """See `Cell.initialize`."""
        super().initialize(forget_bias)
        nn.init.zeros_(self.recurrent_bias)


def _normalized(x: Tensor, gain: Tensor) -> Tensor:
    """LN(x), over the last axis, in float32 or wider."""
    return nn.functional.layer_norm(widened(x), x.shape[-1:], gain, None, _EPSILON)

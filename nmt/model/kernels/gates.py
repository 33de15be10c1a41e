"""The gates of a cell as one node of the graph: no intermediate result is kept.

They replace the last lines of `LSTM.advance` and `GRU.advance` in nmt/model/cells.py.
"""

from typing import Any

import torch
from torch import Tensor

from nmt.model.kernels.activations import sigmoid, sigmoid_, tanh_


def lstm_gates(gates: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the new state of an LSTM.

    Args:
        gates: i, f, g, o before their activations, `[.., 4 * hidden]`.
        memory: c, `[.., hidden]`, float32 or wider.

    Returns:
        h', of the type of `gates`, and c', each `[.., hidden]`.
    """
    hidden, new_memory = _LSTMGates.apply(gates, memory)
    return hidden, new_memory


def gru_gates(projected: Tensor, recurrent: Tensor, bias: Tensor, hidden: Tensor) -> Tensor:
    """Compute the new state of a GRU.

    Args:
        projected: W x + b, `[.., 3 * hidden]`.
        recurrent: U h, `[.., 3 * hidden]`.
        bias: b_hn, `[hidden]`.
        hidden: h, `[.., hidden]`, float32 or wider.

    Returns:
        h', `[.., hidden]`.
    """
    new: Tensor = _GRUGates.apply(projected.expand_as(recurrent), recurrent, bias, hidden)
    return new


class _LSTMGates(torch.autograd.Function):
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
        d_i, d_f, d_g, d_o = slope.split(memory.shape[-1], -1)
        d_i.mul_(d_memory * g)
        d_f.mul_(d_memory * memory)
        torch.addcmul(i, g * g, i, value=-1, out=d_g).mul_(d_memory)
        d_o.mul_(d_hidden * squashed)
        return slope.to(ctx.gates_dtype), d_memory * f


class _GRUGates(torch.autograd.Function):
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

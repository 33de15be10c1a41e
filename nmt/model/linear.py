"""A linear map that, inside a loop over time, forms its weight gradient in one product at the end.

See `nmt.model.loop`: each step keeps its input and its output's gradient, and one product over all
steps makes the weight's gradient.
"""

from typing import Any

import torch
from torch import Tensor, nn

from nmt.model.autograd import call
from nmt.model.kernels.batch_invariance import product
from nmt.model.loop import GatheredProducts, current_loop, share
from nmt.model.precision import product_dtype


class Linear(nn.Linear):
    """`x W^T + b`; identical to `torch.nn.Linear` in values and gradients, everywhere."""

    def forward(self, input: Tensor, plus: Tensor | None = None) -> Tensor:
        """`[..., in_features] -> [..., out_features]`.

        plus: something to be added, of the result's shape or one that broadcasts to it.
        """
        loop = current_loop()
        if loop is None:
            result = product(input, self.weight, self.bias)
            return result if plus is None else result + plus
        weight, bias, calls = loop.once(self, self._shared)
        if plus is not None and (bias is not None or plus.dtype != weight.dtype):
            return plus + self.forward(input)
        if plus is not None:
            plus = plus.expand(*input.shape[:-1], len(weight))
        gathered: Tensor = call(_Apply, input.to(weight.dtype), weight, bias, plus, calls)
        return gathered

    def _shared(self) -> tuple[Tensor, Tensor | None, "_Calls"]:
        dtype = product_dtype(self.weight)
        calls = _Calls(self.bias is not None)
        if self.bias is None:
            (weight,) = share(calls, self.weight.to(dtype))
            return weight, None, calls
        weight, bias = share(calls, self.weight.to(dtype), self.bias.to(dtype))
        return weight, bias, calls


class _Calls(GatheredProducts):
    """Of inputs `[rows, in]` and output gradients `[rows, out]`."""

    def __init__(self, has_bias: bool) -> None:
        super().__init__()
        self.has_bias = has_bias

    def take(self) -> tuple[Tensor | None, ...]:
        """See `Gathered.take`: of the weight, and of the bias where there is one."""
        joined = self.joined(0)
        if joined is None:
            return (None, None) if self.has_bias else (None,)
        inputs, gradients = joined
        weight = gradients.t() @ inputs
        return (weight, gradients.sum(0)) if self.has_bias else (weight,)


class _Apply(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        plus: Tensor | None,
        calls: _Calls,
    ) -> Tensor:
        rows = x.detach().reshape(-1, x.shape[-1])
        ctx.save_for_backward(rows, weight)
        ctx.calls = calls
        ctx.shape = x.shape
        added = bias if plus is None else plus.reshape(-1, len(weight))
        applied = rows @ weight.t() if added is None else torch.addmm(added, rows, weight.t())
        return applied.view(*x.shape[:-1], weight.shape[0])

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        rows, weight = ctx.saved_tensors
        gradient = gradients[0].reshape(-1, weight.shape[0])
        if ctx.needs_input_grad[1] or ctx.needs_input_grad[2]:
            ctx.calls.leave(rows, gradient)
        d_x = (gradient @ weight).view(ctx.shape) if ctx.needs_input_grad[0] else None
        return d_x, None, None, gradients[0] if ctx.needs_input_grad[3] else None, None

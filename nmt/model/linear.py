"""A linear map that, inside a loop over time, forms its weight gradient in one product at the end.

Plain automatic differentiation multiplies once per step for the gradient of a recurrent weight and
adds the results up: many small products and many passes over a matrix-sized buffer. Within
`gathered_weight_gradients()` each step only keeps its input and its output's gradient; when the
last step's backward pass is through, one product over all steps makes the weight's gradient.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from nmt.model.autograd import call
from nmt.model.precision import product_dtype


class Linear(nn.Linear):
    """`x W^T + b`; identical to `torch.nn.Linear` in values and gradients, everywhere."""

    def forward(self, input: Tensor) -> Tensor:
        """`[..., in_features] -> [..., out_features]`."""
        loop = getattr(_active, "loop", None)
        if loop is None or not torch.is_grad_enabled():
            return super().forward(input)
        return loop.apply(self, input)  # type: ignore[no-any-return]  # a thread-local is untyped


@contextmanager
def gathered_weight_gradients() -> Iterator[None]:
    """Inside, every `Linear` puts off its weight gradient until all steps have gone backward."""
    outer = getattr(_active, "loop", None)
    _active.loop = _Loop()
    try:
        yield
    finally:
        _active.loop = outer


_active = threading.local()


class _Loop:
    """The linear maps used in one loop over time."""

    def __init__(self) -> None:
        self._maps: dict[nn.Linear, tuple[Tensor, Tensor | None, _Calls]] = {}

    def apply(self, linear: nn.Linear, x: Tensor) -> Tensor:
        if linear not in self._maps:
            self._maps[linear] = _open(linear)
        weight, bias, calls = self._maps[linear]
        return _apply(x.to(weight.dtype), weight, bias, calls)


class _Calls:
    """What the steps' backward passes leave for the one product at the end."""

    def __init__(self) -> None:
        self.inputs: list[Tensor] = []
        self.gradients: list[Tensor] = []

    def take(self) -> tuple[Tensor, Tensor] | None:
        """All inputs `[steps * rows, in]` and output gradients `[steps * rows, out]`, once."""
        if not self.inputs:
            return None
        inputs, gradients = torch.cat(self.inputs), torch.cat(self.gradients)
        self.inputs, self.gradients = [], []
        return inputs, gradients


def _open(linear: nn.Linear) -> tuple[Tensor, Tensor | None, _Calls]:
    dtype = product_dtype(linear.weight)
    weight = linear.weight.to(dtype)
    bias = None if linear.bias is None else linear.bias.to(dtype)
    calls = _Calls()
    if bias is None:
        return _gather_without_bias(weight, calls), None, calls
    gathered, gathered_bias = _gather(weight, bias, calls)
    return gathered, gathered_bias, calls


class _Gather(torch.autograd.Function):
    """Identity on the parameters; its backward runs after those of all the steps."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, bias: Tensor | None, calls: _Calls) -> Any:
        ctx.calls = calls
        ctx.has_bias = bias is not None
        ctx.set_materialize_grads(False)
        if bias is None:
            return weight.view_as(weight)
        return weight.view_as(weight), bias.view_as(bias)

    @staticmethod
    def backward(ctx: Any, *_: Any) -> tuple[Tensor | None, Tensor | None, None]:
        taken = ctx.calls.take()
        if taken is None:
            return None, None, None
        inputs, gradients = taken
        bias_gradient = gradients.sum(0) if ctx.has_bias else None
        return gradients.t() @ inputs, bias_gradient, None


class _Apply(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, calls: _Calls) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        ctx.save_for_backward(rows, weight)
        ctx.calls = calls
        ctx.shape = x.shape
        product = rows @ weight.t() if bias is None else torch.addmm(bias, rows, weight.t())
        return product.view(*x.shape[:-1], weight.shape[0])

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, None, None, None]:
        rows, weight = ctx.saved_tensors
        gradient = gradients[0].reshape(-1, weight.shape[0])
        ctx.calls.inputs.append(rows)
        ctx.calls.gradients.append(gradient)
        if not ctx.needs_input_grad[0]:
            return None, None, None, None
        return (gradient @ weight).view(ctx.shape), None, None, None


def _apply(x: Tensor, weight: Tensor, bias: Tensor | None, calls: _Calls) -> Tensor:
    result: Tensor = call(_Apply, x, weight, bias, calls)
    return result


def _gather(weight: Tensor, bias: Tensor, calls: _Calls) -> tuple[Tensor, Tensor]:
    result: tuple[Tensor, Tensor] = call(_Gather, weight, bias, calls)
    return result


def _gather_without_bias(weight: Tensor, calls: _Calls) -> Tensor:
    result: Tensor = call(_Gather, weight, None, calls)
    return result

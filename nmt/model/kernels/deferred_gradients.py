"""A linear map whose weight gradient, in a loop over time, is one product over all steps.

It replaces `torch.nn.functional.linear(x, weight, bias)`. Plain automatic differentiation makes a
gradient of the whole weight matrix at every step and adds it to that of the steps after: many
small products and many passes over a large matrix.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from nmt.model.kernels.batch_invariance import product
from nmt.model.kernels.kernel_module import KernelModule
from nmt.model.kernels.precision import product_dtype


class Linear(KernelModule, nn.Linear):
    """`x W^T + b`; `torch.nn.Linear` in values, gradients and parameters."""

    steps: "_Steps | None" = None
    """The steps of the loop that the map is called in; None outside `deferred_gradients`."""

    def forward(self, input: Tensor, plus: Tensor | None = None) -> Tensor:
        """Return `x W^T + b`, `[..., in_features] -> [..., out_features]`.

        Args:
            input: x.
            plus: A tensor to add, of the result's shape or one that broadcasts to it.
        """
        if self.steps is not None:
            result = self.steps.product(input)
        elif self.is_exact:
            result = product(input, self.weight, self.bias)
        else:
            result = nn.functional.linear(input, self.weight, self.bias)
        return result if plus is None else result + plus


@contextmanager
def deferred_gradients(module: KernelModule, count: int) -> Iterator[None]:
    """Within, defer the weight gradients of all linear maps in a module.

    Args:
        module: A module that is called in a loop over time.
        count: The steps of the loop. A map that is called more often than that raises IndexError.
    """
    if module.kernels != "fast" or not torch.is_grad_enabled():
        yield
        return
    maps = [each for each in module.modules() if isinstance(each, Linear)]
    for each in maps:
        each.steps = _Steps(each, count)
    try:
        yield
    finally:
        for each in maps:
            each.steps = None


class _Steps:
    """The products of one map at all steps of a loop.

    To each product a part of a tensor of zeros (or biases) is added. Its gradient, which automatic
    differentiation puts together from all steps, is the gradient of all products.
    """

    def __init__(self, linear: Linear, count: int) -> None:
        self._linear, self._count = linear, count
        self._inputs: list[Tensor] = []
        self._added: tuple[Tensor, ...] = ()

    def product(self, x: Tensor) -> Tensor:
        """Return the product of the next step."""
        weight, bias = self._linear.weight, self._linear.bias
        rows = x.reshape(-1, x.shape[-1]).to(product_dtype(weight))
        if not self._inputs:
            self._weight = weight.detach().to(rows.dtype).t()
            shape = (self._count, len(rows), len(weight))
            self._added = _Deferred.apply(weight, bias, self._inputs, shape, rows.dtype).unbind(0)
        added = self._added[len(self._inputs)]
        self._inputs.append(rows.detach())
        return torch.addmm(added, rows, self._weight).view(*x.shape[:-1], len(weight))


class _Deferred(torch.autograd.Function):
    """What is added to the products, `[steps, rows, out]`; its backward pass runs after theirs."""

    @staticmethod
    def forward(
        ctx: Any,
        weight: Tensor,
        bias: Tensor | None,
        inputs: list[Tensor],
        shape: tuple[int, ...],
        dtype: torch.dtype,
    ) -> Tensor:
        ctx.inputs, ctx.dtypes = inputs, (weight.dtype, None if bias is None else bias.dtype)
        added = weight.new_zeros(shape[-1]) if bias is None else bias
        return added.to(dtype, copy=True).expand(shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        of_weight, of_bias = ctx.dtypes
        gradient = gradients[0][: len(ctx.inputs)].flatten(0, 1)
        needs_weight, needs_bias, *_ = ctx.needs_input_grad
        d_weight = (gradient.t() @ torch.cat(ctx.inputs)).to(of_weight) if needs_weight else None
        d_bias = gradient.sum(0).to(of_bias) if needs_bias else None
        return d_weight, d_bias, None, None, None

"""Products with a matrix of each sentence that all steps of a loop over time share.

See `nmt.model.loop`: the matrices' gradient is formed by one batched product over all steps.
"""

from typing import Any

import torch
from torch import Tensor

from nmt.model.autograd import call
from nmt.model.kernels.batch_invariance import products
from nmt.model.loop import GatheredProducts, current_loop, share
from nmt.model.precision import product_dtype


def shared_product(x: Tensor, matrices: Tensor, transposed: bool = False) -> Tensor:
    """x M, or x M^T where `transposed`: `[batch, queries, n]` and M `[batch, n, m]` (`[batch, m,
    n]`) give `[batch, queries, m]`.
    """
    loop = current_loop()
    if loop is None:
        return products(x, matrices.transpose(1, 2) if transposed else matrices)
    # The same tensor may be keys and annotations: each use gathers for itself.
    shared, gathered = loop.once(matrices, lambda: _shared(matrices, transposed), use=transposed)
    result: Tensor = call(_Product, x.to(shared.dtype), shared, transposed, gathered)
    return result


def _shared(matrices: Tensor, transposed: bool) -> "tuple[Tensor, _MatrixGradients]":
    gathered = _MatrixGradients(transposed)
    (shared,) = share(gathered, matrices.to(product_dtype(matrices)))
    return shared, gathered


class _MatrixGradients(GatheredProducts):
    """Of left sides `[batch, queries, n]` and gradients `[batch, queries, m]`."""

    def __init__(self, transposed: bool) -> None:
        super().__init__()
        self.transposed = transposed

    def take(self) -> tuple[Tensor | None, ...]:
        """See `Gathered.take`."""
        joined = self.joined(1)
        if joined is None:
            return (None,)
        left, right = reversed(joined) if self.transposed else joined
        return (left.transpose(1, 2) @ right,)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, matrices: Tensor, transposed: bool, gathered: _MatrixGradients
    ) -> Tensor:
        ctx.save_for_backward(x, matrices)
        ctx.transposed = transposed
        ctx.gathered = gathered
        return x @ (matrices.transpose(1, 2) if transposed else matrices)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, None, None, None]:
        x, matrices = ctx.saved_tensors
        if ctx.needs_input_grad[1]:
            ctx.gathered.leave(x, gradients[0])
        if not ctx.needs_input_grad[0]:
            return None, None, None, None
        d_x = gradients[0] @ (matrices if ctx.transposed else matrices.transpose(1, 2))
        return d_x, None, None, None

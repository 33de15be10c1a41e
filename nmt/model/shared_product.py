"""Products with a matrix of each sentence that all steps of a loop over time share.

See `nmt.model.loop`: the matrices' gradient is formed by one batched product over all steps.
"""

from typing import Any

import torch
from torch import Tensor

from nmt.model.autograd import call
from nmt.model.loop import Gathered, current_loop, share
from nmt.model.precision import product_dtype


def shared_product(x: Tensor, matrices: Tensor, transposed: bool = False) -> Tensor:
    """x M, or x M^T where `transposed`: `[batch, queries, n]` and M `[batch, n, m]` (`[batch, m,
    n]`) give `[batch, queries, m]`.
    """
    loop = current_loop()
    if loop is None:
        return x @ (matrices.transpose(1, 2) if transposed else matrices)
    # The same tensor may be keys and annotations: each use gathers for itself.
    gathered = loop.once(matrices, lambda: _MatrixGradients(transposed), use=transposed)
    dtype = product_dtype(matrices)
    (shared,) = loop.once(gathered, lambda: share(gathered, matrices.to(dtype)))
    result: Tensor = call(_Product, x.to(dtype), shared, transposed, gathered)
    return result


class _MatrixGradients(Gathered):
    """All left sides, each `[batch, queries, n]`, and gradients, each `[batch, queries, m]`."""

    def __init__(self, transposed: bool) -> None:
        self.transposed = transposed
        self.left: list[Tensor] = []
        self.gradients: list[Tensor] = []

    def take(self) -> tuple[Tensor | None, ...]:
        """See `Gathered.take`."""
        if not self.left:
            return (None,)
        left, gradients = torch.cat(self.left, 1), torch.cat(self.gradients, 1)
        self.left, self.gradients = [], []
        if self.transposed:
            left, gradients = gradients, left
        return (left.transpose(1, 2) @ gradients,)


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
        ctx.gathered.left.append(x)
        ctx.gathered.gradients.append(gradients[0])
        if not ctx.needs_input_grad[0]:
            return None, None, None, None
        d_x = gradients[0] @ (matrices if ctx.transposed else matrices.transpose(1, 2))
        return d_x, None, None, None

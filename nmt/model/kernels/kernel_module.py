"""The base classes of all modules of the model: `KernelModule` and `Linear`.

They switch between kernels and the plain expressions that the kernels replace.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from nmt.model.kernels import activations
from nmt.model.kernels.batch_invariance import invariant_linear, invariant_matmul

Kernels = Literal["fast", "plain", "onnx"]
"""How a model computes.

fast: kernels. plain: the expressions that they replace, step by step. onnx: these expressions too,
except that encoder layers are single operations of an ONNX program.
"""


class KernelModule(nn.Module):
    """A module that computes by kernels or by the plain expressions that they replace.

    In training the kernels are those for speed. In evaluation (`eval()`), on a CPU, they also give
    each sentence the same bits, whatever other sentences are computed with it.
    """

    kernels: Kernels = "fast"

    def use_kernels(self, kernels: Kernels) -> None:
        """Choose how this module and all modules in it compute."""
        for module in self.modules():
            if isinstance(module, KernelModule):
                module.kernels = kernels

    def tanh(self, x: Tensor) -> Tensor:
        """Return the hyperbolic tangent of `x`, in its type."""
        return activations.tanh(x) if self.kernels == "fast" else torch.tanh(x)

    def sigmoid(self, x: Tensor) -> Tensor:
        """Return 1 / (1 + exp(-x)), in the type of `x`."""
        return activations.sigmoid(x) if self.kernels == "fast" else torch.sigmoid(x)

    def matmul(self, x: Tensor, matrices: Tensor) -> Tensor:
        """Return x M, `[.., queries, m]`.

        Args:
            x: The rows, `[.., queries, n]`.
            matrices: M, `[.., n, m]`.
        """
        if self.is_batch_invariant:
            return invariant_matmul(x, matrices)
        return x @ matrices

    @property
    def is_batch_invariant(self) -> bool:
        """Whether no sentence's result may depend on the other sentences of a batch."""
        return self.kernels == "fast" and not self.training


class Linear(KernelModule, nn.Linear):
    """`x W^T + b`: `torch.nn.Linear` in values, gradients and parameters.

    In evaluation, the result of a row does not depend on the other rows of the batch.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return `x W^T + b`, `[..., in_features] -> [..., out_features]`."""
        if self.is_batch_invariant:
            return invariant_linear(input, self.weight, self.bias)
        return nn.functional.linear(input, self.weight, self.bias)

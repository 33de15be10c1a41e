"""A linear map whose results in evaluation do not depend on the other rows of a batch.

It replaces `torch.nn.functional.linear(x, weight, bias)`, which training computes.
"""

from torch import Tensor, nn

from nmt.model.kernels.batch_invariance import product
from nmt.model.kernels.kernel_module import KernelModule


class Linear(KernelModule, nn.Linear):
    """`x W^T + b`: `torch.nn.Linear` in values, gradients and parameters."""

    def forward(self, input: Tensor) -> Tensor:
        """Return `x W^T + b`, `[..., in_features] -> [..., out_features]`."""
        if self.is_exact:
            return product(input, self.weight, self.bias)
        return nn.functional.linear(input, self.weight, self.bias)

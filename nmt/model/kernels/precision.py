"""Types to compute in: products may run in a narrow type, sums and states never do."""

import torch
from torch import Tensor, nn

from nmt.config.settings.model import ModelSettings

_GATES = 4  # of an LSTM; other cells have fewer
_MOST_OUTPUTS = 8192


def wide_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return float32, or `dtype` where that is wider."""
    return torch.promote_types(dtype, torch.float32)


def widened(x: Tensor) -> Tensor:
    """Return the tensor in float32 or wider."""
    return x.to(wide_dtype(x.dtype))


def product_dtype(x: Tensor) -> torch.dtype:
    """Return the type of a product with `x`: autocast's type inside autocast, else its own."""
    if torch.is_autocast_enabled(x.device.type):
        return torch.get_autocast_dtype(x.device.type)
    return x.dtype


def narrow_matrices(model: nn.Module, dtype: torch.dtype) -> None:
    """Keep the matrices of a model in the type of its products, for good.

    Autocast gives the same numbers, but without gradients it casts the matrices at each step.
    """
    for parameter in model.parameters():
        if parameter.dim() == 2 and parameter.dtype == torch.float32:
            parameter.data = parameter.data.to(dtype)


def product_shapes(
    settings: ModelSettings, vocabulary: int, rows: int
) -> list[tuple[int, int, int]]:
    """Return the products that take most of a model's work, for a measurement of their speed.

    Args:
        settings: Of the model.
        vocabulary: The number of target tokens.
        rows: How many sentences or hypotheses a step computes together.

    Returns:
        Rows, inputs and outputs of each product.
    """
    encoder, decoder = settings.encoder.hidden_size, settings.decoder.hidden_size
    return [
        (rows, encoder, _GATES * encoder),
        (rows, decoder, _GATES * decoder),
        (rows, settings.context_size, _GATES * decoder),
        (rows, settings.feature_size, min(vocabulary, _MOST_OUTPUTS)),
    ]

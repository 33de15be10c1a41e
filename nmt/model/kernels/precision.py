"""Types to compute in: products may run in bfloat16, sums and states in float32 or wider."""

import torch
from torch import Tensor, nn

from nmt.config.settings.model import ModelSettings

_GATES = 4  # of an LSTM; other cells have fewer
_MOST_OUTPUTS = 8192


def upcast_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return float32, or `dtype` where that is wider."""
    return torch.promote_types(dtype, torch.float32)


def upcast(x: Tensor) -> Tensor:
    """Return the tensor in float32 or wider."""
    return x.to(upcast_dtype(x.dtype))


def product_dtype(x: Tensor) -> torch.dtype:
    """Return the type of a product with `x`: autocast's type inside autocast, else its own."""
    if torch.is_autocast_enabled(x.device.type):
        return torch.get_autocast_dtype(x.device.type)
    return x.dtype


def cast_matrices(model: nn.Module, dtype: torch.dtype) -> None:
    """Cast the float32 matrices of a model to the type of its products, in place.

    Autocast gives the same numbers, but without gradients it casts the matrices at each step.

    Args:
        model: The model.
        dtype: The type of its products.
    """
    for parameter in model.parameters():
        if parameter.dim() == 2 and parameter.dtype == torch.float32:
            parameter.data = parameter.data.to(dtype)


def product_shapes(
    settings: ModelSettings, vocabulary: int, rows: int
) -> list[tuple[int, int, int]]:
    """Return the shapes of the largest products of a model, for a measurement of their speed.

    Args:
        settings: The architecture.
        vocabulary: The size of the target vocabulary.
        rows: The number of sentences or hypotheses that a step computes together.

    Returns:
        The rows, inputs and outputs of each product.
    """
    encoder, decoder = settings.encoder.hidden_size, settings.decoder.hidden_size
    return [
        (rows, encoder, _GATES * encoder),
        (rows, decoder, _GATES * decoder),
        (rows, settings.context_size, _GATES * decoder),
        (rows, settings.feature_size, min(vocabulary, _MOST_OUTPUTS)),
    ]

"""An exponential moving average of the parameters, kept beside the trained ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from nmt.runtime.tensor_files import fill_tensors


class MovingAverage:
    """The average a <- d a + (1 - d) p after each update, where p are the parameters.

    It begins with the present parameters. d is `decay`, but at update t at most (1 + t) / (10 + t).
    The random initial values therefore soon have little weight.

    Args:
        model: The model.
        decay: The decay d.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._decay = decay
        named = dict(model.named_parameters())
        self._names = list(named)
        self._parameters: list[Tensor] = list(named.values())
        self._averages = [parameter.detach().clone() for parameter in self._parameters]

    @torch.no_grad()
    def update(self, update: int) -> None:
        """Update the averages with the parameters after the given update."""
        decay = min(self._decay, (1 + update) / (10 + update))
        torch._foreach_lerp_(self._averages, self._parameters, 1.0 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Return a context manager within which the model's parameters hold their averages.

        Afterwards they hold their own values. The tensors keep their addresses, because optimizers
        and CUDA graphs refer to them.
        """
        trained = [parameter.detach().clone() for parameter in self._parameters]
        self._fill(self._averages)
        try:
            yield
        finally:
            self._fill(trained)

    def tensors(self) -> dict[str, Tensor]:
        """Return the averages by the names of the parameters, on the CPU."""
        return {name: average.cpu() for name, average in self._named().items()}

    def load(self, tensors: dict[str, Tensor], source: Path) -> None:
        """Continue from saved averages.

        Args:
            tensors: The averages, by name.
            source: The file that they come from, for the error.

        Raises:
            ModelError: Averages do not fit; it names them.
        """
        fill_tensors(self._named(), tensors, source)

    def _named(self) -> dict[str, Tensor]:
        return dict(zip(self._names, self._averages, strict=True))

    @torch.no_grad()
    def _fill(self, values: list[Tensor]) -> None:
        torch._foreach_copy_(self._parameters, values)

"""An exponential moving average of the parameters, kept beside those that are trained."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from nmt.runtime.tensors import fill_tensors


class MovingAverage:
    """a <- d a + (1 - d) p after each update, beginning with the parameters p as they are now.

    d is `decay`, but at update t no more than (1 + t) / (10 + t): the random beginning is soon
    forgotten.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._decay = decay
        named = dict(model.named_parameters())
        self._names = list(named)
        self._parameters: list[Tensor] = list(named.values())
        self._averages = [parameter.detach().clone() for parameter in self._parameters]

    @torch.no_grad()
    def follow(self, update: int) -> None:
        """Move towards the parameters, as the given update has left them."""
        decay = min(self._decay, (1 + update) / (10 + update))
        torch._foreach_lerp_(self._averages, self._parameters, 1.0 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Inside, the model's parameters hold their averages; then again what they held, where they
        held it: optimizers and CUDA graphs know them by their place in memory.
        """
        trained = [parameter.detach().clone() for parameter in self._parameters]
        self._fill(self._averages)
        try:
            yield
        finally:
            self._fill(trained)

    def tensors(self) -> dict[str, Tensor]:
        """The averages by the names of the parameters, on the CPU."""
        return {name: average.cpu() for name, average in self._named().items()}

    def load(self, tensors: dict[str, Tensor], source: Path) -> None:
        """Go on with saved averages. Raises ModelError naming those that do not fit."""
        fill_tensors(self._named(), tensors, source)

    def _named(self) -> dict[str, Tensor]:
        return dict(zip(self._names, self._averages, strict=True))

    @torch.no_grad()
    def _fill(self, values: list[Tensor]) -> None:
        torch._foreach_copy_(self._parameters, values)

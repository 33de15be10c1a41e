"""A model that stops in the middle of a search when nobody wants its outcome any more."""

from collections.abc import Callable
from typing import Any

from torch import Tensor


class GivenUp(Exception):
    """The search was left off."""


class Watched:
    """A model as search asks it. Raises GivenUp from the next step on once `wanted` says no."""

    def __init__(self, model: Any, wanted: Callable[[], bool]) -> None:
        self._model = model
        self._wanted = wanted

    def __getattr__(self, name: str) -> Any:
        """All that search does not ask at each step is the model's own."""
        return getattr(self._model, name)

    def step(self, encoded: Any, state: Any, previous: Tensor) -> Any:
        """As the model's."""
        if not self._wanted():
            raise GivenUp
        return self._model.step(encoded, state, previous)

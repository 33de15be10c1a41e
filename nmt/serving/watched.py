"""A model that stops a search when its result is no longer wanted."""

from collections.abc import Callable
from typing import Any

from torch import Tensor


class GivenUp(Exception):
    """A search that was stopped."""


class Watched:
    """A model as search uses it, which stops once its result is not wanted.

    Args:
        model: The model.
        wanted: A function that says whether the result is still wanted.
    """

    def __init__(self, model: Any, wanted: Callable[[], bool]) -> None:
        self._model = model
        self._wanted = wanted

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the model."""
        return getattr(self._model, name)

    def step(self, encoded: Any, state: Any, previous: Tensor) -> Any:
        """Run a step of the model.

        Args:
            encoded: The encoded source.
            state: The decoder state.
            previous: The previous tokens.

        Returns:
            The result of the model's step.

        Raises:
            GivenUp: The result is no longer wanted.
        """
        if not self._wanted():
            raise GivenUp
        return self._model.step(encoded, state, previous)

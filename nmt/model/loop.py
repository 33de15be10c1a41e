"""Loops over time whose steps share parameters, keys or annotations: their gradients at the end.

Plain automatic differentiation makes a gradient of the whole shared tensor at every step and adds
the steps' up: many small products and many passes over large buffers. Inside `gathered_gradients()`
each step only leaves what the gradient is made of; when the last step's backward pass is through,
the gradient is formed once, for all steps.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor

from nmt.model.autograd import call

T = TypeVar("T")


class Gathered(ABC):
    """Where the steps' backward passes leave their parts of the gradients of shared tensors.

    What is left must not carry a graph of its own: nothing could collect it, were it never taken.
    """

    def __init__(self) -> None:
        self._pass = -1

    def begin(self) -> None:
        """To be called before something is left: forgets what another backward pass has left,
        which failed, or was asked for other gradients alone and so never came to `take`.
        """
        current = torch._C._current_graph_task_id()
        if current != self._pass:
            self._pass = current
            self.clear()

    @abstractmethod
    def clear(self) -> None:
        """Forget everything that was left."""

    @abstractmethod
    def take(self) -> tuple[Tensor | None, ...]:
        """The gradient of each shared tensor, after all steps; called once for each backward pass.

        None where no step left anything.
        """


class GatheredProducts(Gathered):
    """For products with something shared: all left sides and all gradients of the results."""

    def __init__(self) -> None:
        super().__init__()
        self._left: list[Tensor] = []
        self._gradients: list[Tensor] = []

    def clear(self) -> None:
        """See `Gathered.clear`."""
        self._left, self._gradients = [], []

    def leave(self, left: Tensor, gradient: Tensor) -> None:
        """What one step brings."""
        self.begin()
        self._left.append(left.detach())
        self._gradients.append(gradient.detach())

    def joined(self, axis: int) -> tuple[Tensor, Tensor] | None:
        """All left sides and all gradients along an axis, once; None where there are none."""
        if not self._left:
            return None
        both = torch.cat(self._left, axis), torch.cat(self._gradients, axis)
        self.clear()
        return both


class Loop:
    """What one loop over time shares."""

    def __init__(self) -> None:
        self._shared: dict[tuple[int, object], tuple[object, Any]] = {}

    def once(self, owner: object, make: Callable[[], T], use: object = None) -> T:
        """What `make` gave when it was first asked for this use of `owner` in this loop."""
        key = (id(owner), use)
        if key not in self._shared:
            # The owner is kept, so that no other object can have its id.
            self._shared[key] = (owner, make())
        made: T = self._shared[key][1]
        return made


@contextmanager
def gathered_gradients() -> Iterator[None]:
    """Inside, what all steps share gets its gradient after all of them have gone backward."""
    outer = current_loop()
    _active.loop = Loop()
    try:
        yield
    finally:
        _active.loop = outer


def current_loop() -> Loop | None:
    """The loop to gather gradients in; None outside of one and where no gradients are kept."""
    return getattr(_active, "loop", None) if torch.is_grad_enabled() else None


def share(gathered: Gathered, *tensors: Tensor) -> tuple[Tensor, ...]:
    """The same tensors for the steps to use, their gradients those that `gathered` takes."""
    shared: tuple[Tensor, ...] = call(_Share, gathered, *tensors)
    return shared


_active = threading.local()


class _Share(torch.autograd.Function):
    """Identity; its backward runs after those of all the steps."""

    @staticmethod
    def forward(ctx: Any, gathered: Gathered, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.gathered = gathered
        ctx.set_materialize_grads(False)
        return tuple(tensor.view_as(tensor) for tensor in tensors)

    @staticmethod
    def backward(ctx: Any, *_: Any) -> tuple[Tensor | None, ...]:
        return None, *ctx.gathered.take()

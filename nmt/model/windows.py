"""Which annotations a query can see: all, or those around a position (Luong et al. 2015, 3.2).

Positions count from 0. A window's centre never leaves the sentence by more than one token, so that
something is always seen.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from nmt.config.settings.attention import AttentionSettings
from nmt.model.activations import sigmoid, tanh
from nmt.model.linear import Linear
from nmt.model.precision import widened


class Window(nn.Module, ABC):
    """query_size: H."""

    def __init__(self, settings: AttentionSettings, query_size: int) -> None:
        super().__init__()
        self.width = settings.window_size

    @abstractmethod
    def forward(
        self, query: Tensor, positions: Tensor, lengths: Tensor, source_len: int
    ) -> tuple[Tensor | None, Tensor | None]:
        """What is added to the scores, zero or minus infinity, and what the weights are multiplied
        by, each `[batch, queries, source_len]`, or None.

        query: `[batch, queries, H]`; positions: `[queries]` or `[1]`, target positions; lengths:
        `[batch]`, source tokens.
        """


class GlobalWindow(Window):
    """All annotations."""

    def forward(
        self, query: Tensor, positions: Tensor, lengths: Tensor, source_len: int
    ) -> tuple[Tensor | None, Tensor | None]:
        """See `Window.forward`."""
        return None, None


class MonotonicWindow(Window):
    """local-m: source positions within D of the target's own, p_t = t."""

    def forward(
        self, query: Tensor, positions: Tensor, lengths: Tensor, source_len: int
    ) -> tuple[Tensor | None, Tensor | None]:
        """See `Window.forward`."""
        last = (lengths - 1).view(-1, 1, 1)
        centre = torch.minimum(positions.view(1, -1, 1).expand(len(lengths), -1, 1), last)
        return _outside(_distance(centre, source_len), self.width, query.shape[1]), None


class PredictiveWindow(Window):
    """local-p: p_t = S sigmoid(v . tanh(W s)), eq. 9; the weights within D of it times
    exp(-(j - p_t)^2 / (2 sigma^2)), sigma = D / 2, eq. 10.
    """

    def __init__(self, settings: AttentionSettings, query_size: int) -> None:
        super().__init__(settings, query_size)
        self.hidden = Linear(query_size, query_size, bias=False)
        self.position = Linear(query_size, 1, bias=False)

    def forward(
        self, query: Tensor, positions: Tensor, lengths: Tensor, source_len: int
    ) -> tuple[Tensor | None, Tensor | None]:
        """See `Window.forward`."""
        share = sigmoid(widened(self.position(tanh(self.hidden(query)))))
        distance = _distance(share * lengths.view(-1, 1, 1), source_len)
        sigma = self.width / 2
        nearness = torch.exp(-distance.square() / (2 * sigma * sigma))
        return _outside(distance.detach(), self.width, query.shape[1]), nearness


def _distance(centre: Tensor, source_len: int) -> Tensor:
    """`[batch, queries, source_len]` for `centre [batch, queries, 1]`."""
    return torch.arange(source_len, device=centre.device) - centre


def _outside(distance: Tensor, width: int, queries: int) -> Tensor:
    bias = torch.zeros(distance.shape, device=distance.device)
    return bias.masked_fill(distance.abs() > width, float("-inf")).expand(-1, queries, -1)

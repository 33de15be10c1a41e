"""Attention weights from scores: windows, and normalizers such as softmax and sparsemax.

A window admits all annotations (global attention), or those around a position: local attention,
Luong et al. 2015, section 3.2, where local-p predicts the position (eq. 9-10). A
normalizer turns scores into weights that are never below zero and add up to one.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from nmt.config.settings.attention import AttentionSettings
from nmt.model.kernels.kernel_module import KernelModule, Linear
from nmt.model.kernels.precision import upcast


class Window(KernelModule, ABC):
    """The annotations that a query may attend.

    Positions count from 0. A window's centre is at most one token outside the sentence, so that
    each query has an annotation.
    """

    def __init__(self, settings: AttentionSettings, query_size: int) -> None:
        """Keep the width.

        Args:
            settings: The settings of attention.
            query_size: H, the size of a query vector.
        """
        super().__init__()
        self.width = settings.window_size

    @abstractmethod
    def forward(
        self, query: Tensor, positions: Tensor, lengths: Tensor, source_len: int
    ) -> tuple[Tensor | None, Tensor | None]:
        """Compute the window of each query.

        Args:
            query: The query vectors, `[batch, queries, H]`.
            positions: The target positions, `[queries]` or `[1]`.
            lengths: The number of source tokens, `[batch]`.
            source_len: The length of the longest source.

        Returns:
            The bias of the scores, zero or minus infinity; and the factor of the weights. Each is
            `[batch, queries, source_len]`, or None where the window has none.
        """


class GlobalWindow(Window):
    """All annotations."""

    def forward(
        self, query: Tensor, positions: Tensor, lengths: Tensor, source_len: int
    ) -> tuple[Tensor | None, Tensor | None]:
        """See `Window.forward`."""
        return None, None


class MonotonicWindow(Window):
    """local-m: source positions within D of the target position, p_t = t. Luong et al. 2015."""

    def forward(
        self, query: Tensor, positions: Tensor, lengths: Tensor, source_len: int
    ) -> tuple[Tensor | None, Tensor | None]:
        """See `Window.forward`."""
        last = (lengths - 1).view(-1, 1, 1)
        centre = torch.minimum(positions.view(1, -1, 1).expand(len(lengths), -1, 1), last)
        return _mask_outside(_distance(centre, source_len), self.width, query.shape[1]), None


class PredictiveWindow(Window):
    """local-p, the predictive alignment: p_t = S sigmoid(v . tanh(W s)), Luong et al. 2015, eq. 9.

    S is the source length. The weights within D of p_t are multiplied by
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
        fraction = self.sigmoid(upcast(self.position(self.tanh(self.hidden(query)))))
        distance = _distance(fraction * lengths.view(-1, 1, 1), source_len)
        sigma = self.width / 2
        gaussian = torch.exp(-distance.square() / (2 * sigma * sigma))
        return _mask_outside(distance.detach(), self.width, query.shape[1]), gaussian


def softmax(scores: Tensor) -> Tensor:
    """Return exp(z_j) / sum_k exp(z_k).

    Args:
        scores: z, `[.., source_len]`, in float32 or wider, minus infinity at annotations that the
            query must not attend.

    Returns:
        Weights of the same shape, exactly zero at these annotations.
    """
    return torch.softmax(scores, -1)


def sparsemax(scores: Tensor) -> Tensor:
    """Return max(0, z_j - tau), the simplex's point nearest to z; see `softmax`.

    Martins and Astudillo 2016, eq. 2, with the threshold tau of their algorithm 1.
    """
    z = scores - scores.detach().amax(-1, keepdim=True)
    ranked, rank = _ranked(z)
    total = ranked.cumsum(-1)
    size = (1.0 + rank * ranked > total).sum(-1, keepdim=True)
    threshold = (total.gather(-1, size - 1) - 1.0) / size
    return (z - threshold).clamp_min(0.0)


def entmax15(scores: Tensor) -> Tensor:
    """Return max(0, z_j / 2 - tau)^2: alpha-entmax with alpha = 1.5; see `softmax`.

    Peters et al. 2019, eq. 6, with the threshold tau of their algorithm 2.
    """
    z = (scores - scores.detach().amax(-1, keepdim=True)) / 2
    ranked, rank = _ranked(z)
    mean = ranked.cumsum(-1) / rank
    spread = ranked.square().cumsum(-1) - rank * mean.square()
    # Outside the support a root may be zero, where it has no derivative.
    roots = ((1.0 - spread.detach()) / rank).clamp_min(0.0).sqrt()
    size = (mean.detach() - roots <= ranked).sum(-1, keepdim=True)
    mean, spread = mean.gather(-1, size - 1), spread.gather(-1, size - 1)
    threshold = mean - ((1.0 - spread) / size).sqrt()
    return (z - threshold).clamp_min(0.0).square()


def _ranked(z: Tensor) -> tuple[Tensor, Tensor]:
    """Return z in falling order, at least -2, and the ranks, from 1.

    The greatest number is 0 and tau is at least -1. Numbers below -1, infinities included, have no
    weight.
    """
    ranked = z.sort(-1, descending=True).values.clamp_min(-2.0)
    return ranked, torch.arange(1, z.shape[-1] + 1, device=z.device, dtype=z.dtype)


def _distance(centre: Tensor, source_len: int) -> Tensor:
    """Return j - p_t, `[batch, queries, source_len]`, for `centre [batch, queries, 1]`."""
    return torch.arange(source_len, device=centre.device) - centre


def _mask_outside(distance: Tensor, width: int, queries: int) -> Tensor:
    """Return minus infinity outside the window and zero inside, `[batch, queries, source_len]`."""
    bias = torch.zeros(distance.shape, device=distance.device)
    return bias.masked_fill(distance.abs() > width, float("-inf")).expand(-1, queries, -1)

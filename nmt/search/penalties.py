"""Penalties on the length of a hypothesis and on source tokens without attention."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from nmt.config.settings import SearchSettings
from nmt.errors import UsageError


class LengthPenalty(ABC):
    """Length penalty, which turns a log-probability and a length into a score.

    Every kind increases with the log-probability and is monotone in the length, in one direction or
    the other. `bound` needs no more than that. A length includes the end mark.

    Args:
        alpha: The strength of the penalty.
    """

    def __init__(self, alpha: float) -> None:
        self.alpha = alpha

    @abstractmethod
    def score(self, log_probability: Tensor, length: Tensor) -> Tensor:
        """Return the scores of hypotheses, elementwise.

        Args:
            log_probability: The log-probabilities.
            length: The lengths in tokens. Both arguments broadcast.
        """

    def bound(self, log_probability: Tensor, length: Tensor, longest: Tensor) -> Tensor:
        """Return an upper bound of the score of hypotheses with a range of lengths.

        Args:
            log_probability: The greatest log-probability.
            length: The smallest length.
            longest: The greatest length.
        """
        return torch.maximum(
            self.score(log_probability, length), self.score(log_probability, longest)
        )


class GNMT(LengthPenalty):
    """GNMT penalty, log P / ((5 + length) / 6)^alpha: Wu et al. 2016, eq. 14."""

    def score(self, log_probability: Tensor, length: Tensor) -> Tensor:
        """See `LengthPenalty.score`."""
        return log_probability / ((5.0 + length) / 6.0) ** self.alpha


class AverageLogProbability(LengthPenalty):
    """Average, log P / length^alpha; alpha 1 gives the mean log-probability of a token."""

    def score(self, log_probability: Tensor, length: Tensor) -> Tensor:
        """See `LengthPenalty.score`."""
        return log_probability / length.to(log_probability.dtype) ** self.alpha


class WordReward(LengthPenalty):
    """Word reward, log P + alpha * length."""

    def score(self, log_probability: Tensor, length: Tensor) -> Tensor:
        """See `LengthPenalty.score`."""
        return log_probability + self.alpha * length


class NoPenalty(LengthPenalty):
    """No penalty: log P, whatever alpha is."""

    def score(self, log_probability: Tensor, length: Tensor) -> Tensor:
        """See `LengthPenalty.score`."""
        return log_probability.clone()


def coverage_penalty(coverage: Tensor, mask: Tensor, beta: float) -> Tensor:
    """Return beta * sum_i log(min(sum_j a_ij, 1)), never above zero: Wu et al. 2016, eq. 14.

    Args:
        coverage: The attention that each source token has received, `[batch, beams, source_len]`.
        mask: Whether there is a token, `[batch, source_len]`.
        beta: The strength of the penalty.

    Returns:
        The penalties, `[batch, beams]`.
    """
    # Padding receives no attention, so that its logarithm would be minus infinity.
    # The floor keeps the logarithm of a weight that underflowed finite.
    covered = coverage.masked_fill(~mask.unsqueeze(1), 1.0)
    floor = torch.finfo(covered.dtype).tiny
    # A running sum, unlike a sum, is the same with zeros after it.
    return beta * covered.clamp(min=floor, max=1.0).log().cumsum(-1)[..., -1]


def coverage_needs_attention() -> UsageError:
    """Return the error of a coverage penalty without attention weights."""
    return UsageError(
        "search.coverage_penalty needs attention weights, but this model has no attention. Set it "
        "to 0."
    )


def describe_penalties(settings: SearchSettings) -> str:
    """Return a short description of the penalties in use."""
    text = f"length penalty {settings.length_penalty}"
    if settings.length_penalty != "none":
        text += f" (alpha {settings.alpha:g})"
    if settings.coverage_penalty > 0.0:
        text += f", coverage penalty {settings.coverage_penalty:g}"
    return text

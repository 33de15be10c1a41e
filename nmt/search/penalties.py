"""How hypotheses of different lengths are compared, and how a source left out is punished."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from nmt.config.settings import SearchSettings
from nmt.errors import UsageError


class LengthPenalty(ABC):
    """From the log-probability of a hypothesis and its length to its score.

    Every kind rises with the log-probability and is monotone in the length, one way or the other:
    that is all that `bound` needs. A length counts the end mark.
    """

    def __init__(self, alpha: float) -> None:
        self.alpha = alpha

    @abstractmethod
    def score(self, log_probability: Tensor, length: Tensor) -> Tensor:
        """Scores of hypotheses, elementwise; the two arguments broadcast."""

    def bound(self, log_probability: Tensor, length: Tensor, longest: Tensor) -> Tensor:
        """No hypothesis of `length` to `longest` tokens, with at most this log-probability, scores
        higher.
        """
        return torch.maximum(
            self.score(log_probability, length), self.score(log_probability, longest)
        )


class GNMT(LengthPenalty):
    """log P / ((5 + length) / 6)^alpha: Wu et al. 2016, eq. 14."""

    def score(self, log_probability: Tensor, length: Tensor) -> Tensor:
        """See the class."""
        return log_probability / ((5.0 + length) / 6.0) ** self.alpha


class Average(LengthPenalty):
    """log P / length^alpha; alpha 1 is the mean log-probability of a token."""

    def score(self, log_probability: Tensor, length: Tensor) -> Tensor:
        """See the class."""
        return log_probability / length.to(log_probability.dtype) ** self.alpha


class WordReward(LengthPenalty):
    """log P + alpha * length."""

    def score(self, log_probability: Tensor, length: Tensor) -> Tensor:
        """See the class."""
        return log_probability + self.alpha * length


class NoPenalty(LengthPenalty):
    """log P itself; alpha has no say."""

    def score(self, log_probability: Tensor, length: Tensor) -> Tensor:
        """See the class."""
        return log_probability.clone()


def coverage_penalty(coverage: Tensor, mask: Tensor, beta: float) -> Tensor:
    """beta * sum_i log(min(sum_j a_ij, 1)), never above zero: Wu et al. 2016, eq. 14.

    coverage: attention that each source token got so far, `[batch, beams, source_len]`; mask:
    `[batch, source_len]`, true at tokens. Gives `[batch, beams]`.
    """
    # Padding gets no attention at all: its logarithm would be minus infinity for every sentence
    # shorter than the longest of its batch. The floor keeps a weight that underflowed finite.
    covered = coverage.masked_fill(~mask.unsqueeze(1), 1.0)
    floor = torch.finfo(covered.dtype).tiny
    # The last running sum: unlike a sum, it is the same with zeros after it.
    return beta * covered.clamp(min=floor, max=1.0).log().cumsum(-1)[..., -1]


def coverage_needs_attention() -> UsageError:
    """The error of a coverage penalty where there are no attention weights."""
    return UsageError(
        "search.coverage_penalty needs attention weights, and this model has no attention. "
        "Set it to 0."
    )


def described(settings: SearchSettings) -> str:
    """The penalties in use, in a few words."""
    text = f"length penalty {settings.length_penalty}"
    if settings.length_penalty != "none":
        text += f" (alpha {settings.alpha:g})"
    if settings.coverage_penalty > 0.0:
        text += f", coverage penalty {settings.coverage_penalty:g}"
    return text

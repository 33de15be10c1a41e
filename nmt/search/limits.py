"""How long a translation may become, by its own source alone."""

import math
from dataclasses import dataclass

_DEVIATIONS = 3.0
_MARGIN = 10


@dataclass(frozen=True)
class LengthLimits:
    """Limits from the length ratios of the training corpus.

    ratio_mean, ratio_std: target tokens per source token; fixed: the limit of every sentence, where
    the user set one.
    """

    ratio_mean: float
    ratio_std: float
    fixed: int | None = None

    def of(self, source_length: int) -> int:
        """The most target tokens, an end mark included, for so many source tokens without theirs:
        at mean plus three standard deviations, with room for ten more.
        """
        if self.fixed is not None:
            return self.fixed
        return math.ceil(source_length * (self.ratio_mean + _DEVIATIONS * self.ratio_std)) + _MARGIN

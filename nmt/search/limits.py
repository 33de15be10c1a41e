"""How long a translation may become, by its own source alone."""

import math
from dataclasses import dataclass

from nmt.data.length_ratio import LengthRatio

_DEVIATIONS = 3.0
_MARGIN = 10


@dataclass(frozen=True)
class LengthLimits:
    """Limits from the length ratio of the training corpus.

    fixed: the limit of every sentence, where the user set one.
    """

    ratio: LengthRatio
    fixed: int | None = None

    def of(self, source_length: int, wanted: int = 0) -> int:
        """The most target tokens, an end mark included, for so many source tokens without theirs:
        at mean plus three standard deviations, with room for ten more.

        wanted: target tokens that are asked for, for which there must be room.
        """
        if self.fixed is not None:
            return self.fixed
        most = self.ratio.mean + _DEVIATIONS * self.ratio.deviation
        return max(math.ceil(source_length * most), wanted) + _MARGIN

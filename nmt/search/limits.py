"""Length limits of translations, each from its own source alone."""

import math
from dataclasses import dataclass

from nmt.data.length_ratio import LengthRatio

_DEVIATIONS = 3.0
_MARGIN = 10


@dataclass(frozen=True)
class LengthLimits:
    """Length limits from the length ratio of the training corpus.

    Attributes:
        ratio: The target subwords per source subword in the training corpus.
        fixed: The limit of every sentence, where the user sets one. Forced tokens raise it.
    """

    ratio: LengthRatio
    fixed: int | None = None

    def of(self, source_length: int, forced: int = 0, least: int = 0) -> int:
        """Return the maximum number of target tokens of a sentence, its end mark included.

        Without a fixed limit, it is the source length times the greatest usual ratio, and ten more.
        That ratio is the mean plus three standard deviations.

        Args:
            source_length: The number of source tokens, without their end mark.
            forced: The number of target tokens that the translation must have. There is always room
                for them.
            least: The minimum length of the translation in target tokens.
        """
        if self.fixed is not None:
            return max(self.fixed, forced + 1)
        most = self.ratio.mean + _DEVIATIONS * self.ratio.deviation
        return max(math.ceil(source_length * most), forced, least) + _MARGIN

"""How long a translation may become, by its own source alone."""

import math
from dataclasses import dataclass

from nmt.data.length_ratio import LengthRatio

_DEVIATIONS = 3.0
_MARGIN = 10


@dataclass(frozen=True)
class LengthLimits:
    """Limits from the length ratio of the training corpus.

    fixed: the limit of every sentence, where the user set one. It gives way to what is forced.
    """

    ratio: LengthRatio
    fixed: int | None = None

    def of(self, source_length: int, forced: int = 0, least: int = 0) -> int:
        """Return the most target tokens of a sentence, its end mark included.

        Without a fixed limit that is mean plus three standard deviations, and ten more.

        Args:
            source_length: Source tokens, without their end mark.
            forced: Target tokens that the translation must have, for which there is always room.
            least: The shortest translation that is wanted, in target tokens.
        """
        if self.fixed is not None:
            return max(self.fixed, forced + 1)
        most = self.ratio.mean + _DEVIATIONS * self.ratio.deviation
        return max(math.ceil(source_length * most), forced, least) + _MARGIN

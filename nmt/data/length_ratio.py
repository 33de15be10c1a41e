"""The length ratio of target and source, which bounds the length of translations."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LengthRatio:
    """The number of target subwords per source subword over the pairs of a corpus.

    Attributes:
        mean: The mean.
        deviation: The standard deviation.
    """

    mean: float
    deviation: float

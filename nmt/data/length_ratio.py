"""How much longer targets are than their sources: what bounds the length of translations."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LengthRatio:
    """Target subwords per source subword over the pairs of a corpus: mean and deviation."""

    mean: float
    deviation: float

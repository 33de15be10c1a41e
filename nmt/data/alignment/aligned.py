"""One pair of sentences with the links between their words."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmt.data.alignment.pharaoh import Link

Shares = NDArray[np.floating]
"""How much of each target word comes from each source word, `[target words, source words]`."""


@dataclass(frozen=True)
class Aligned:
    """Words of both sides and what links them.

    weights: rows that sum to at most one; best: for each target word the source word that it comes
    from, -1 for none.
    """

    source: list[str]
    target: list[str]
    weights: Shares
    best: NDArray[np.integer]

    @classmethod
    def blank(cls, source: list[str], target: list[str]) -> "Aligned":
        """Words without any link."""
        weights = np.zeros((len(target), len(source)))
        return cls(source, target, weights, np.full(len(target), -1))

    def links(self, threshold: float | None = None) -> list[Link]:
        """The best link of each target word, or all whose weight is at least the threshold."""
        if threshold is None:
            return [(int(i), j) for j, i in enumerate(self.best) if i >= 0]
        return [(int(i), int(j)) for j, i in np.argwhere(self.weights >= threshold)]

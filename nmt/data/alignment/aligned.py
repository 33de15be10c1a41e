"""A sentence pair with the links between its words."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmt.data.alignment.pharaoh import Link

Shares = NDArray[np.floating]
"""The share of each target word from each source word, `[target words, source words]`."""


@dataclass(frozen=True)
class Aligned:
    """The words of a sentence pair and their links.

    Attributes:
        source: The source words.
        target: The target words.
        weights: The link weights, `[target words, source words]`. Each row sums to at most one.
        best: The source word of each target word, `[target words]`, -1 for none.
    """

    source: list[str]
    target: list[str]
    weights: Shares
    best: NDArray[np.integer]

    @classmethod
    def blank(cls, source: list[str], target: list[str]) -> "Aligned":
        """Return a pair without links.

        Args:
            source: The source words.
            target: The target words.
        """
        weights = np.zeros((len(target), len(source)))
        return cls(source, target, weights, np.full(len(target), -1))

    def links(self, threshold: float | None = None) -> list[Link]:
        """Return the best link of each target word, or all links with at least the given weight."""
        if threshold is None:
            return [(int(i), j) for j, i in enumerate(self.best) if i >= 0]
        return [(int(i), int(j)) for j, i in np.argwhere(self.weights >= threshold)]

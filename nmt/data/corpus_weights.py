"""The pairs of each epoch where the corpora of train have weights.

An epoch has as many pairs as train. Each corpus has its share of them, by its weight. A corpus with
a smaller share than its share of train gives other pairs in each epoch until all have been used. A
corpus with a larger share repeats pairs, each as often as the others or once more.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class CorpusWeights:
    """The weights of corpora that follow each other in one binary corpus.

    The pairs of an epoch are a pure function of sizes, weights, seed and epoch, so training resumes
    exactly.

    Attributes:
        sizes: The number of pairs of each corpus.
        weights: The weight of each corpus.
    """

    sizes: Sequence[int]
    weights: Sequence[float]

    @property
    def counts(self) -> list[int]:
        """The number of pairs of each corpus in an epoch. They sum to the number of all pairs.

        Shares are rounded down, and the pairs that are missing go to the largest remainders. A
        corpus without pairs has none.
        """
        total = sum(self.sizes)
        weights = np.array([w if n else 0.0 for n, w in zip(self.sizes, self.weights, strict=True)])
        weights /= weights.max()  # the sum of large weights would be infinite
        shares = total * weights / weights.sum()
        counts = np.floor(shares).astype(np.int64)
        order = np.argsort(counts - shares, kind="stable")
        counts[order[: total - int(counts.sum())]] += 1
        return [int(count) for count in counts]

    def epoch_pairs(self, seed: int, epoch: int) -> NDArray[np.int64]:
        """Return the indices of the pairs of an epoch, corpus by corpus, `[pairs]`.

        Each corpus is an endless stream of its permutations, of which each epoch takes the next
        part.

        Args:
            seed: The random seed.
            epoch: The number of the epoch.
        """
        parts, first = [], 0
        for number, (size, count) in enumerate(zip(self.sizes, self.counts, strict=True)):
            begin, end = epoch * count, (epoch + 1) * count
            for cycle in range(begin // max(1, size), -(-end // max(1, size))):
                order = np.random.default_rng((seed, number, cycle)).permutation(size)
                offset = cycle * size
                parts.append(first + order[max(0, begin - offset) : end - offset])
            first += size
        return np.concatenate(parts)

"""Random choices that spread evenly over the vocabulary."""

import random
from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Chooser:
    """Random choices from one seeded generator, which prefer words that were used less."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._used: Counter[str] = Counter()

    def pick(self, options: Sequence[T]) -> T:
        """Return one of two options drawn at random, the one used less so far."""
        first, second = (options[self._below(len(options))] for _ in range(2))
        chosen = second if self._used[repr(second)] < self._used[repr(first)] else first
        self._used[repr(chosen)] += 1
        return chosen

    def chance(self, probability: float) -> bool:
        """Return True with a probability."""
        return self._random.random() < probability

    def weighted(self, options: Sequence[tuple[T, float]]) -> T:
        """Return the option of one (option, weight) pair, drawn by weight."""
        point = self._random.random() * sum(weight for _, weight in options)
        for option, weight in options:
            point -= weight
            if point < 0:
                return option
        return options[-1][0]

    def two(self, options: Sequence[T]) -> tuple[T, T]:
        """Return two different options."""
        first = self.pick(options)
        return first, self.pick([option for option in options if option != first])

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """Return all options in random order."""
        items = list(options)
        for last in range(len(items) - 1, 0, -1):
            other = self._below(last + 1)
            items[last], items[other] = items[other], items[last]
        return items

    def _below(self, limit: int) -> int:
        return int(self._random.random() * limit)

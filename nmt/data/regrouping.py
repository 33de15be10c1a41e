"""Batches of like length again after their pairs' segmentations have been drawn.

A plan puts pairs together whose best segmentations are of like length. Drawn ones are longer, each
by another amount: on Multi30k with BPE-dropout of 0.1 four places in ten of a planned batch would
be padding's. So the planned batches of a group exchange their pairs: as many batches with as many
pairs as before, but of like drawn length; 5% of the target is padding then and a sixth of the source.

Which batches form a group follows from their numbers alone. So training begins at any batch of an
epoch without drawing all those before it, and of several ranks each draws for its own.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from nmt.data.batches import Batch, make_batch

_STREAMS = 2
"""Every other batch is of the same groups: two ranks share none."""
_LEAST, _MOST = 16, 64
"""Batches in the first group of a stream, for which training waits, and in the largest."""
_STRIP = 3
"""Batches beside each other that have target lengths in common and split them by the source's."""


@dataclass(frozen=True)
class Drawn:
    """The pairs of one planned batch: which of the corpus they are, and their token ids."""

    pairs: NDArray[np.int64]
    sources: list[list[int]]
    targets: list[list[int]]


class RegroupedEpoch:
    """The batches of an epoch, to be asked for by rising number.

    sizes: pairs in each planned batch; draw: gives those of a planned batch by its number, the same
    each time.
    """

    def __init__(self, sizes: Sequence[int], draw: Callable[[int], Drawn]) -> None:
        self._sizes = sizes
        self._draw = draw
        self._drawn: dict[range, list[Drawn]] = {}
        self._made: dict[range, list[Batch]] = {}

    def batch(self, number: int) -> Batch:
        """That of a number. Draws a part of the stream's next group too, so that in the end none
        has to be waited for.
        """
        group = group_of(number, len(self._sizes))
        place = group.index(number)
        if group not in self._made:
            self._draw_some(group, len(group))
            self._made[group] = self._regroup(group, self._drawn.pop(group))
        batch = self._made[group][place]
        if number == group[-1]:
            del self._made[group]
        following = group_of(group[-1] + _STREAMS, len(self._sizes))
        self._draw_some(following, math.ceil(len(following) * (place + 1) / len(group)))
        return batch

    def _draw_some(self, group: range, count: int) -> None:
        """So many of a group's planned batches, with those drawn before."""
        drawn = self._drawn.setdefault(group, []) if group else []
        for number in group[len(drawn) : count]:
            drawn.append(self._draw(number))

    def _regroup(self, group: range, drawn: list[Drawn]) -> list[Batch]:
        pairs = np.concatenate([each.pairs for each in drawn])
        sources = [source for each in drawn for source in each.sources]
        targets = [target for each in drawn for target in each.targets]
        lengths = [np.array([len(side) for side in sides]) for sides in (sources, targets)]
        return [
            make_batch([sources[i] for i in rows], [targets[i] for i in rows], pairs[rows])
            for rows in regroup(*lengths, [self._sizes[number] for number in group])
        ]


def group_of(number: int, total: int) -> range:
    """The numbers, of `total`, of the batches that exchange pairs with a batch; none where there is
    no such number.
    """
    if number >= total:
        return range(0)
    place, stream = divmod(number, _STREAMS)
    size, begin = _LEAST, 0
    while begin + size <= place:
        begin += size
        size = min(2 * size, _MOST)
    end = min((begin + size) * _STREAMS, total)
    return range(begin * _STREAMS + stream, end, _STREAMS)


def regroup(
    source_lengths: NDArray[np.integer], target_lengths: NDArray[np.integer], sizes: Sequence[int]
) -> list[NDArray[np.int64]]:
    """The pairs of each batch, of the given sizes, whose sum is the number of pairs. The larger a
    batch, the shorter its pairs.
    """
    large_first = sorted(range(len(sizes)), key=lambda batch: -sizes[batch])
    ends = [0, *accumulate(sizes[batch] for batch in large_first)]
    order = np.lexsort((source_lengths, target_lengths))
    batches: list[NDArray[np.int64]] = [order[:0]] * len(sizes)
    for begin in range(0, len(sizes), _STRIP):
        cuts = ends[begin : begin + _STRIP + 1]
        strip = order[cuts[0] : cuts[-1]]
        strip = strip[np.lexsort((target_lengths[strip], source_lengths[strip]))]
        parts = np.split(strip, [cut - cuts[0] for cut in cuts[1:-1]])
        for batch, rows in zip(large_first[begin : begin + _STRIP], parts, strict=True):
            batches[batch] = rows
    return batches

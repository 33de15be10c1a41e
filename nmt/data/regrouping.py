"""Batches of like length again after their pairs' segmentations have been drawn.

A plan puts pairs together whose best segmentations are of like length. Drawn ones are longer, each
by another amount: on Multi30k with BPE-dropout of 0.1 planned batches would have 0.4 places of
padding for each token. So the planned batches of a group exchange their pairs: as many batches with
as many pairs as before, but of like drawn length; 0.1 are left.

Which batches form a group follows from their numbers alone. So training begins at any batch of an
epoch without drawing all those before it, and two ranks draw nothing twice; more of them share
groups, and each draws all of the groups it takes from.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from nmt.data.batches import Batch, make_batch

_STREAMS = 2
"""Every other batch is of the same groups."""
_FIRST_GROUPS = (16, 32)
_GROUP = 64
"""Batches in the first groups of a stream, for which training waits, and in all others."""
_AHEAD = 2
"""Planned batches of the next group that are drawn with each batch taken: no group is more than
twice as large as the one before it."""


@dataclass(frozen=True)
class Drawn:
    """The pairs of one planned batch: which of the corpus they are, and their token ids."""

    pairs: NDArray[np.int64]
    sources: Sequence[NDArray[np.int32]]
    targets: Sequence[NDArray[np.int32]]


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
        if group not in self._made:
            self._draw_until(group, len(group))
            self._made[group] = self._regroup(group, self._drawn.pop(group))
        batch = self._made[group][group.index(number)]
        for known in [known for known in self._made if known[-1] <= number]:
            del self._made[known]
        following = group_of(group[-1] + _STREAMS, len(self._sizes))
        if following:
            self._draw_until(following, len(self._drawn.get(following, ())) + _AHEAD)
        return batch

    def _draw_until(self, group: range, count: int) -> None:
        """Draw a group's planned batches until so many are there, or all."""
        drawn = self._drawn.setdefault(group, [])
        for number in group[len(drawn) : count]:
            drawn.append(self._draw(number))

    def _regroup(self, group: range, drawn: list[Drawn]) -> list[Batch]:
        pairs = np.concatenate([each.pairs for each in drawn])
        sources = [source for each in drawn for source in each.sources]
        targets = [target for each in drawn for target in each.targets]
        source_lengths = np.array([len(source) for source in sources])
        target_lengths = np.array([len(target) for target in targets])
        sizes = [self._sizes[number] for number in group]
        return [
            make_batch([sources[i] for i in rows], [targets[i] for i in rows], pairs[rows])
            for rows in regroup(source_lengths, target_lengths, sizes)
        ]


def group_of(number: int, total: int) -> range:
    """The numbers, of `total`, of the batches that exchange pairs with a batch; none where there is
    no such number.
    """
    if number >= total:
        return range(0)
    place, stream = divmod(number, _STREAMS)
    begin = 0
    for size in _FIRST_GROUPS:
        if place < begin + size:
            break
        begin += size
    else:
        size = _GROUP
        begin += (place - begin) // size * size
    end = min((begin + size) * _STREAMS, total)
    return range(begin * _STREAMS + stream, end, _STREAMS)


def regroup(
    source_lengths: NDArray[np.integer], target_lengths: NDArray[np.integer], sizes: Sequence[int]
) -> list[NDArray[np.int64]]:
    """The pairs of each batch, of the given sizes, whose sum is the number of pairs. The larger a
    batch, the shorter the longer sides of its pairs: a budget of places stays one.
    """
    large_first = sorted(range(len(sizes)), key=lambda batch: -sizes[batch])
    ends = list(accumulate(sizes[batch] for batch in large_first))
    longer = np.maximum(source_lengths, target_lengths)
    order = np.lexsort((source_lengths, target_lengths, longer))
    batches: list[NDArray[np.int64]] = [order] * len(sizes)
    for batch, rows in zip(large_first, np.split(order, ends[:-1]), strict=True):
        batches[batch] = rows
    return batches

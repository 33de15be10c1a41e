"""Regrouping of sampled segmentations into batches of similar length.

A plan groups pairs whose best segmentations have similar lengths. Sampled segmentations are longer,
each by another amount. With BPE-dropout of 0.1 on Multi30k, planned batches would have 0.4 padding
tokens for each token. The planned batches of a group therefore exchange their pairs. The number of
batches and their sizes stay the same, but sampled lengths are similar, and 0.1 padding tokens are
left.

The numbers of the batches alone determine the groups. Training can therefore start at any batch of
an epoch without sampling all batches before it. Two ranks sample nothing twice. More ranks share
groups, and each samples all groups from which it takes a batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from nmt.data.batches import Batch, make_batch

_STREAMS = 2
"""The number of interleaved streams: every other batch belongs to the same groups."""
_FIRST_GROUPS = (16, 32)
_GROUP = 64
"""The number of batches in later groups.

The first groups of a stream are smaller, because training waits for them.
"""
_AHEAD = 2
"""The planned batches of the next group that are sampled with each batch.

No group is more than twice as large as the one before it.
"""


@dataclass(frozen=True)
class Drawn:
    """The pairs of one planned batch with a sampled segmentation.

    Attributes:
        pairs: The indices of the pairs in the corpus, `[batch]`.
        sources: The source tokens of each pair.
        targets: The target tokens of each pair.
    """

    pairs: NDArray[np.int64]
    sources: Sequence[NDArray[np.int32]]
    targets: Sequence[NDArray[np.int32]]


class RegroupedEpoch:
    """The regrouped batches of an epoch, requested by rising number.

    Args:
        sizes: The number of pairs in each planned batch.
        draw: A function that samples a planned batch by its number, the same each time.
    """

    def __init__(self, sizes: Sequence[int], draw: Callable[[int], Drawn]) -> None:
        self._sizes = sizes
        self._draw = draw
        self._drawn: dict[range, list[Drawn]] = {}
        self._made: dict[range, list[Batch]] = {}

    def batch(self, number: int) -> Batch:
        """Return the batch of a number.

        It also samples a part of the next group of the stream, so that in the end no group delays
        training.
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
        """Sample planned batches of a group until there are `count`, or all."""
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
    """Return the numbers of the batches that exchange pairs with a batch, itself included.

    Args:
        number: The number of the batch. From `total` on, the result is empty.
        total: The number of batches of the epoch.
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
    """Return the pairs of each batch, as indices.

    Larger batches get shorter pairs, so the budget of tokens is kept.

    Args:
        source_lengths: The source lengths, `[pairs]`.
        target_lengths: The target lengths, `[pairs]`.
        sizes: The size of each batch. They sum to the number of pairs.
    """
    large_first = sorted(range(len(sizes)), key=lambda batch: -sizes[batch])
    ends = list(accumulate(sizes[batch] for batch in large_first))
    longer = np.maximum(source_lengths, target_lengths)
    order = np.lexsort((source_lengths, target_lengths, longer))
    batches: list[NDArray[np.int64]] = [order] * len(sizes)
    for batch, rows in zip(large_first, np.split(order, ends[:-1]), strict=True):
        batches[batch] = rows
    return batches

"""Train batches prepared in the background, from any position of any epoch.

A plan groups pairs whose best segmentations have similar lengths. Sampled segmentations are longer,
each by another amount. With BPE-dropout of 0.1 on Multi30k, planned batches would have 0.4 padding
tokens for each token. The planned batches of a group therefore exchange their pairs. The number of
batches and their sizes stay the same, but sampled lengths are similar, and 0.1 padding tokens are
left.

The numbers of the batches alone determine the groups. Training can therefore start at any batch of
an epoch without sampling all batches before it. Two ranks sample nothing twice. More ranks share
groups, and each samples all groups from which it takes a batch.
"""

import queue
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from nmt.alignment.link_dataset import PairLinks
from nmt.config.settings.tokenizer import SubwordSamplingSettings
from nmt.data.batches import Batch, BatchBy, full_bucket_lengths, make_batch, plan_epoch
from nmt.data.binary_dataset import Corpus
from nmt.tokenizers.subword_regularization import SubwordSampler
from nmt.tokenizers.tokenizer import TokenizerPair

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


_BATCHES_AHEAD = 8


class _Last:
    """The end of an epoch in a queue of batches."""


_Item = Batch | _Last | BaseException | None


@dataclass(frozen=True)
class BatchLoader:
    """The batches of a training corpus.

    Attributes:
        corpus: The training corpus.
        tokenizers: The tokenizers of both sides.
        batch_size: See `plan_epoch`.
        sampling: Subword regularisation or BPE-dropout. The samples depend on seed, epoch and
            batch, so they are the same after a resume. See `nmt.training.batch_loader` for its
            effect on the plan.
        seed: The random seed.
        bucketed: Whether the plan fills buckets. See `nmt.data.batches`.
        links: The links that guide attention, or None. They do not go with sampling, which changes
            the subwords.
        batch_by: See `plan_epoch`.
    """

    corpus: Corpus
    tokenizers: TokenizerPair
    batch_size: int
    sampling: SubwordSamplingSettings
    seed: int
    bucketed: bool = False
    links: PairLinks | None = None
    batch_by: BatchBy = "tokens"

    def plan(self, epoch: int) -> list[NDArray[np.int64]]:
        """Return the batches of an epoch, each as the indices of its pairs."""
        lengths = (self.corpus.source_lengths, self.corpus.target_lengths)
        if self.bucketed:
            lengths = (full_bucket_lengths(lengths[0]), full_bucket_lengths(lengths[1]))
        return plan_epoch(*lengths, self.batch_size, self.seed, epoch, self.batch_by)

    def batches(self, epoch: int, start: int) -> Iterator[Batch]:
        """Yield the batches of an epoch, made in a background thread.

        Args:
            epoch: The number of the epoch.
            start: The number of the first batch.
        """
        with closing(self.share(epoch, start, 0, 1)) as batches:
            for batch in batches:
                assert batch is not None
                yield batch

    def share(
        self, epoch: int, start: int, rank: int, ranks: int
    ) -> Generator[Batch | None, None, None]:
        """Yield the batches of one rank, and None in place of those of other ranks.

        Args:
            epoch: The number of the epoch.
            start: The number of the first batch.
            rank: The rank of this process. Ranks take turns.
            ranks: The number of ranks.
        """
        ready: queue.Queue[_Item] = queue.Queue(_BATCHES_AHEAD * ranks)
        leave = threading.Event()
        numbers = range(start + rank, len(self.corpus), ranks)  # no epoch has more batches
        worker = threading.Thread(
            target=self._fill,
            args=(ready, leave, epoch, start, numbers),
            daemon=True,
            name="batches",
        )
        worker.start()
        try:
            while not isinstance(item := ready.get(), _Last):
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            leave.set()
            while worker.is_alive():
                _drain(ready)
                worker.join(0.01)

    def _fill(
        self,
        ready: "queue.Queue[_Item]",
        leave: threading.Event,
        epoch: int,
        start: int,
        own: range,
    ) -> None:
        try:
            plan = self.plan(epoch)
            make = self._maker(plan, epoch)
            for number in range(start, len(plan)):
                if leave.is_set():
                    return
                ready.put(make(number) if number in own else None)
            ready.put(_Last())
        except BaseException as error:  # passed to the consumer, which raises it
            ready.put(error)

    def _maker(self, plan: list[NDArray[np.int64]], epoch: int) -> Callable[[int], Batch]:
        """Return a function that makes the batches of an epoch by number, in rising order."""
        if self.sampling.alpha == 0.0:
            return lambda number: self._best(plan[number])
        sizes = [len(pairs) for pairs in plan]
        return RegroupedEpoch(sizes, lambda number: self._draw(plan[number], epoch, number)).batch

    def planned_batch(self, pairs: NDArray[np.int64], epoch: int, number: int) -> Batch:
        """Return a batch of the plan of an epoch.

        With sampling, training regroups the planned batches. Its batches have as many pairs, and
        less padding in all.

        Args:
            pairs: The indices of the pairs.
            epoch: The number of the epoch.
            number: The number of the batch.
        """
        if self.sampling.alpha == 0.0:
            return self._best(pairs)
        drawn = self._draw(pairs, epoch, number)
        return make_batch(drawn.sources, drawn.targets, pairs)

    def _best(self, pairs: NDArray[np.int64]) -> Batch:
        """Return a batch of the best segmentations."""
        batch = make_batch(*self._sides(pairs), pairs)
        if self.links is None:
            return batch
        return batch.with_guide([self.links.links(int(pair)) for pair in pairs])

    def _draw(self, pairs: NDArray[np.int64], epoch: int, number: int) -> Drawn:
        sources, targets = self._sides(pairs)
        seeds = np.random.SeedSequence((self.seed, epoch, number)).generate_state(2)
        source_sampler, target_sampler = self._samplers
        return Drawn(
            pairs,
            _arrays(source_sampler.sample([x.tolist() for x in sources], int(seeds[0]))),
            _arrays(target_sampler.sample([x.tolist() for x in targets], int(seeds[1]))),
        )

    def _sides(
        self, pairs: NDArray[np.int64]
    ) -> tuple[list[NDArray[np.integer]], list[NDArray[np.integer]]]:
        """Return the source and target tokens of pairs as the corpus has them."""
        return (
            [self.corpus.source(int(pair)) for pair in pairs],
            [self.corpus.target(int(pair)) for pair in pairs],
        )

    @cached_property
    def _samplers(self) -> tuple[SubwordSampler, SubwordSampler]:
        """The samplers of source and target, which are the same for a joint tokenizer."""
        source = SubwordSampler(self.tokenizers.source, self.sampling)
        if self.tokenizers.joint:
            return source, source
        return source, SubwordSampler(self.tokenizers.target, self.sampling)


def _arrays(sentences: list[list[int]]) -> list[NDArray[np.int32]]:
    return [np.array(ids, np.int32) for ids in sentences]


def _drain(ready: "queue.Queue[_Item]") -> None:
    while not ready.empty():
        ready.get_nowait()

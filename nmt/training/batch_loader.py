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
from nmt.data.corpus_weights import CorpusWeights
from nmt.tokenizers.subword_regularization import SubwordSampler
from nmt.tokenizers.tokenizer import TokenizerPair

_STREAMS = 2
"""The number of interleaved streams: every other batch belongs to the same groups."""
_FIRST_GROUP_SIZES = (16, 32)
_GROUP_SIZE = 64
"""The number of batches in later groups.

The first groups of a stream are smaller, because training waits for them.
"""
_SAMPLED_AHEAD = 2
"""The planned batches of the next group that are sampled with each batch.

No group is more than twice as large as the one before it.
"""


@dataclass(frozen=True)
class SampledBatch:
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
        sample: A function that samples a planned batch by its number, the same each time.
    """

    def __init__(self, sizes: Sequence[int], sample: Callable[[int], SampledBatch]) -> None:
        self._sizes = sizes
        self._sample = sample
        self._sampled: dict[range, list[SampledBatch]] = {}
        self._regrouped: dict[range, list[Batch]] = {}

    def batch(self, number: int) -> Batch:
        """Return the batch of a number.

        It also samples a part of the next group of the stream, so that in the end no group delays
        training.
        """
        group = regrouping_group(number, len(self._sizes))
        if group not in self._regrouped:
            self._sample_until(group, len(group))
            self._regrouped[group] = self._regroup(group, self._sampled.pop(group))
        batch = self._regrouped[group][group.index(number)]
        for numbers in [numbers for numbers in self._regrouped if numbers[-1] <= number]:
            del self._regrouped[numbers]
        next_group = regrouping_group(group[-1] + _STREAMS, len(self._sizes))
        if next_group:
            self._sample_until(next_group, len(self._sampled.get(next_group, ())) + _SAMPLED_AHEAD)
        return batch

    def _sample_until(self, group: range, count: int) -> None:
        """Sample planned batches of a group until there are `count`, or all."""
        sampled = self._sampled.setdefault(group, [])
        for number in group[len(sampled) : count]:
            sampled.append(self._sample(number))

    def _regroup(self, group: range, sampled: list[SampledBatch]) -> list[Batch]:
        pairs = np.concatenate([planned.pairs for planned in sampled])
        sources = [source for planned in sampled for source in planned.sources]
        targets = [target for planned in sampled for target in planned.targets]
        source_lengths = np.array([len(source) for source in sources])
        target_lengths = np.array([len(target) for target in targets])
        sizes = [self._sizes[number] for number in group]
        return [
            make_batch([sources[i] for i in rows], [targets[i] for i in rows], pairs[rows])
            for rows in regroup(source_lengths, target_lengths, sizes)
        ]


def regrouping_group(number: int, total: int) -> range:
    """Return the numbers of the batches that exchange pairs with a batch, itself included.

    Args:
        number: The number of the batch. From `total` on, the result is empty.
        total: The number of batches of the epoch.
    """
    if number >= total:
        return range(0)
    position, stream = divmod(number, _STREAMS)
    begin = 0
    for size in _FIRST_GROUP_SIZES:
        if position < begin + size:
            break
        begin += size
    else:
        size = _GROUP_SIZE
        begin += (position - begin) // size * size
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


_QUEUE_SIZE = 8


class _EndOfEpoch:
    """The end of an epoch in a queue of batches."""


_QueueItem = Batch | _EndOfEpoch | BaseException | None


@dataclass(frozen=True)
class BatchLoader:
    """The batches of a training corpus.

    Attributes:
        corpus: The training corpus.
        tokenizers: The tokenizers of both sides.
        batch_size: See `plan_epoch`.
        sampling: Subword regularization or BPE-dropout. The samples depend on seed, epoch and
            batch, so they are the same after a resume. See `nmt.training.batch_loader` for its
            effect on the plan.
        seed: The random seed.
        bucketed: Whether the plan fills buckets. See `nmt.data.batches`.
        links: The links that guide attention, or None. They do not go with sampling, which changes
            the subwords.
        batch_by: See `plan_epoch`.
        weights: The weights of the corpora of train. None: each epoch has all pairs.
        capitals: The share of the pairs that are read in capitals, other ones in each epoch, where
            both tokenizers have case marks. A pair that would get longer stays as it is, and so
            do all pairs with links.
    """

    corpus: Corpus
    tokenizers: TokenizerPair
    batch_size: int
    sampling: SubwordSamplingSettings
    seed: int
    bucketed: bool = False
    links: PairLinks | None = None
    batch_by: BatchBy = "tokens"
    weights: CorpusWeights | None = None
    capitals: float = 0.0

    def plan(self, epoch: int) -> list[NDArray[np.int64]]:
        """Return the batches of an epoch, each as the indices of its pairs."""
        lengths = (self.corpus.source_lengths, self.corpus.target_lengths)
        if self.bucketed:
            lengths = (full_bucket_lengths(lengths[0]), full_bucket_lengths(lengths[1]))
        pairs = None if self.weights is None else self.weights.epoch_pairs(self.seed, epoch)
        return plan_epoch(*lengths, self.batch_size, self.seed, epoch, self.batch_by, pairs)

    def batches(self, epoch: int, start: int) -> Iterator[Batch]:
        """Yield the batches of an epoch, made in a background thread.

        Args:
            epoch: The number of the epoch.
            start: The number of the first batch.
        """
        with closing(self.rank_batches(epoch, start, 0, 1)) as batches:
            for batch in batches:
                assert batch is not None
                yield batch

    def rank_batches(
        self, epoch: int, start: int, rank: int, ranks: int
    ) -> Generator[Batch | None, None, None]:
        """Yield the batches of one rank, and None in place of those of other ranks.

        Args:
            epoch: The number of the epoch.
            start: The number of the first batch.
            rank: The rank of this process. Ranks take turns.
            ranks: The number of ranks.
        """
        ready: queue.Queue[_QueueItem] = queue.Queue(_QUEUE_SIZE * ranks)
        stop = threading.Event()
        numbers = range(start + rank, len(self.corpus), ranks)  # no epoch has more batches
        worker = threading.Thread(
            target=self._produce,
            args=(ready, stop, epoch, start, numbers),
            daemon=True,
            name="batches",
        )
        worker.start()
        try:
            while not isinstance(item := ready.get(), _EndOfEpoch):
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            stop.set()
            while worker.is_alive():
                _drain(ready)
                worker.join(0.01)

    def _produce(
        self,
        ready: "queue.Queue[_QueueItem]",
        stop: threading.Event,
        epoch: int,
        start: int,
        local_numbers: range,
    ) -> None:
        try:
            plan = self.plan(epoch)
            make_numbered = self._batch_maker(plan, epoch)
            for number in range(start, len(plan)):
                if stop.is_set():
                    return
                ready.put(make_numbered(number) if number in local_numbers else None)
            ready.put(_EndOfEpoch())
        except BaseException as error:  # passed to the consumer, which raises it
            ready.put(error)

    def _batch_maker(self, plan: list[NDArray[np.int64]], epoch: int) -> Callable[[int], Batch]:
        """Return a function that makes the batches of an epoch by number, in rising order."""
        if self.sampling.alpha == 0.0:
            return lambda number: self._unsampled_batch(plan[number], epoch, number)
        sizes = [len(pairs) for pairs in plan]
        return RegroupedEpoch(sizes, lambda number: self._sample(plan[number], epoch, number)).batch

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
            return self._unsampled_batch(pairs, epoch, number)
        sampled = self._sample(pairs, epoch, number)
        return make_batch(sampled.sources, sampled.targets, pairs)

    def _unsampled_batch(self, pairs: NDArray[np.int64], epoch: int, number: int) -> Batch:
        """Return a batch of the best segmentations."""
        batch = make_batch(*self._token_ids(pairs, epoch, number), pairs)
        if self.links is None:
            return batch
        return batch.with_guide([self.links.links(int(pair)) for pair in pairs])

    def _sample(self, pairs: NDArray[np.int64], epoch: int, number: int) -> SampledBatch:
        sources, targets = self._token_ids(pairs, epoch, number)
        seeds = np.random.SeedSequence((self.seed, epoch, number)).generate_state(2)
        source_sampler, target_sampler = self._samplers
        return SampledBatch(
            pairs,
            _as_arrays(source_sampler.sample([x.tolist() for x in sources], int(seeds[0]))),
            _as_arrays(target_sampler.sample([x.tolist() for x in targets], int(seeds[1]))),
        )

    def _token_ids(
        self, pairs: NDArray[np.int64], epoch: int, number: int
    ) -> tuple[list[NDArray[np.integer]], list[NDArray[np.integer]]]:
        """Return the source and target tokens of pairs as the corpus has them, or in capitals."""
        sources = [self.corpus.source(int(pair)) for pair in pairs]
        targets = [self.corpus.target(int(pair)) for pair in pairs]
        source, target = self.tokenizers.source, self.tokenizers.target
        if self.capitals and self.links is None and source.case_marks and target.case_marks:
            draws = np.random.default_rng((self.seed, epoch, number)).random(len(pairs))
            for i in np.flatnonzero(draws < self.capitals).tolist():
                in_capitals = _as_arrays(
                    [source.in_capitals(sources[i]), target.in_capitals(targets[i])]
                )
                if all(map(_is_no_longer, in_capitals, (sources[i], targets[i]))):
                    sources[i], targets[i] = in_capitals
        return sources, targets

    @cached_property
    def _samplers(self) -> tuple[SubwordSampler, SubwordSampler]:
        """The samplers of source and target, which are the same for a joint tokenizer."""
        source = SubwordSampler(self.tokenizers.source, self.sampling)
        if self.tokenizers.joint:
            return source, source
        return source, SubwordSampler(self.tokenizers.target, self.sampling)


def _as_arrays(sentences: list[list[int]]) -> list[NDArray[np.int32]]:
    return [np.array(ids, np.int32) for ids in sentences]


def _is_no_longer(new: NDArray[np.integer], old: NDArray[np.integer]) -> bool:
    return len(new) <= len(old)


def _drain(ready: "queue.Queue[_QueueItem]") -> None:
    while not ready.empty():
        ready.get_nowait()

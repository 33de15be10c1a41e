"""Training batches from any position of any epoch, prepared ahead in a background thread."""

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nmt.config.settings.tokenizer import SubwordSamplingSettings
from nmt.data.alignment.link_file import PairLinks
from nmt.data.batches import Batch, BatchBy, make_batch, plan_epoch
from nmt.data.buckets import bucket_lengths
from nmt.data.corpus import Corpus
from nmt.data.regrouping import Drawn, RegroupedEpoch
from nmt.data.subword_sampling import SubwordSampler
from nmt.tokenizers.sentencepiece import TokenizerPair

_AHEAD = 8


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
            batch, so they are the same after a resume. See `nmt.data.regrouping` for its effect on
            the plan.
        seed: The random seed.
        bucketed: Whether the plan fills buckets. See `nmt.data.buckets`.
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
            lengths = (bucket_lengths(lengths[0]), bucket_lengths(lengths[1]))
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
        ready: queue.Queue[_Item] = queue.Queue(_AHEAD * ranks)
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
        return batch.guided([self.links.links(int(pair)) for pair in pairs])

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

"""Batches: which sentences stand together, in an order that is a pure function of seed and epoch.

Sentences of like length stand together so that little is padded. The plan of an epoch follows from
the corpus' lengths, the budget, the seed and the epoch alone; a position in it is one number.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nmt.tokenizers.sentencepiece import BOS, EOS, PAD

BatchBy = Literal["tokens", "sentences"]

_POOL = 1 << 17
"""Sentences sorted together: enough to pad little, few enough to keep the order random."""


@dataclass(frozen=True)
class Batch:
    """Some sentence pairs, right-padded.

    source: `[batch, source_len]`, each ended by EOS; source_lengths: `[batch]`; target_input:
    `[batch, target_len]`, from BOS on; target_output: the same shape, ended by EOS; pairs:
    `[batch]`, which pairs of the corpus these are; target_tokens: their number, ends included;
    guide: `[batch, target_len, source_len]`, how much each target token should attend to each
    source token, rows that sum to one, or to zero where nothing is known; None without guidance.
    """

    source: Tensor
    source_lengths: Tensor
    target_input: Tensor
    target_output: Tensor
    pairs: NDArray[np.int64]
    target_tokens: int
    guide: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        """The same batch on a device."""
        if device.type == "cpu":
            return self
        return self.map(lambda tensor: tensor.pin_memory().to(device, non_blocking=True))

    def map(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        """The batch with each tensor changed."""
        return Batch(
            change(self.source),
            change(self.source_lengths),
            change(self.target_input),
            change(self.target_output),
            self.pairs,
            self.target_tokens,
            None if self.guide is None else change(self.guide),
        )

    def guided(self, links: Sequence[NDArray[np.integer]]) -> "Batch":
        """The batch with a guide that each target token's links share evenly; links: of each pair,
        places of source and target token, `[links, 2]`, none twice.
        """
        guide = np.zeros((*self.target_input.shape, self.source.shape[1]), np.float32)
        for row, places in zip(guide, links, strict=True):
            row[places[:, 1], places[:, 0]] = 1.0
        guide /= np.maximum(guide.sum(2, keepdims=True), 1.0)
        return replace(self, guide=torch.from_numpy(guide))


def make_batch(
    sources: Sequence[Sequence[int] | NDArray[np.integer]],
    targets: Sequence[Sequence[int] | NDArray[np.integer]],
    pairs: NDArray[np.int64],
    source_multiple: int = 1,
) -> Batch:
    """Pad the given token ids (without BOS and EOS) to a batch.

    source_multiple: see `pad_sources`.
    """
    source, source_lengths = pad_sources(sources, source_multiple)
    lengths = [len(target) + 1 for target in targets]
    target_input = np.full((len(targets), max(lengths)), PAD, np.int64)
    target_output = np.full_like(target_input, PAD)
    for row, target in enumerate(targets):
        target_input[row, 0] = BOS
        target_input[row, 1 : len(target) + 1] = target
        target_output[row, : len(target)] = target
        target_output[row, len(target)] = EOS
    return Batch(
        source,
        source_lengths,
        torch.from_numpy(target_input),
        torch.from_numpy(target_output),
        pairs,
        sum(lengths),
    )


def pad_sources(
    sources: Sequence[Sequence[int] | NDArray[np.integer]], multiple: int = 1
) -> tuple[Tensor, Tensor]:
    """Token ids `[batch, source_len]`, ended by EOS and right-padded, and lengths `[batch]`.

    multiple: what `source_len` is to be a multiple of.
    """
    lengths = [len(source) + 1 for source in sources]
    source_len = -(-max(lengths) // multiple) * multiple
    padded = np.full((len(sources), source_len), PAD, np.int64)
    for row, source in enumerate(sources):
        padded[row, : len(source)] = source
        padded[row, len(source)] = EOS
    return torch.from_numpy(padded), torch.tensor(lengths)


def plan_epoch(
    source_lengths: NDArray[np.integer],
    target_lengths: NDArray[np.integer],
    batch_size: int,
    seed: int,
    epoch: int,
    by: BatchBy = "tokens",
) -> list[NDArray[np.int64]]:
    """The batches of an epoch in their order, each the indices of its pairs.

    by: what `batch_size` counts. tokens: a batch's pairs times the longest of their sides (EOS
    included) is at most `batch_size`, and a pair that alone is longer makes a batch of its own;
    sentences: a batch has so many pairs, the last ones of those sorted together perhaps fewer.
    """
    random = np.random.default_rng((seed, epoch))
    order = random.permutation(len(source_lengths))
    batches: list[NDArray[np.int64]] = []
    for begin in range(0, len(order), _POOL):
        pool = order[begin : begin + _POOL]
        by_length = np.lexsort((source_lengths[pool], target_lengths[pool]))
        order_of_pool = pool[by_length]
        if by == "sentences":
            batches += np.split(order_of_pool, range(batch_size, len(pool), batch_size))
        else:
            batches += _cut(order_of_pool, source_lengths, target_lengths, batch_size)
    return [batches[i] for i in random.permutation(len(batches))]


def plan_in_order(
    source_lengths: NDArray[np.integer], target_lengths: NDArray[np.integer], batch_tokens: int
) -> Iterator[NDArray[np.int64]]:
    """All pairs once, sorted by length, the longest first: for validation."""
    order = np.lexsort((source_lengths, target_lengths))[::-1]
    yield from _cut(order, source_lengths, target_lengths, batch_tokens)


def _cut(
    order: NDArray[np.int64],
    source_lengths: NDArray[np.integer],
    target_lengths: NDArray[np.integer],
    batch_tokens: int,
) -> list[NDArray[np.int64]]:
    longest = np.maximum(source_lengths[order], target_lengths[order]).astype(np.int64) + 1
    batches, begin = [], 0
    while begin < len(order):
        window = longest[begin : begin + batch_tokens // int(longest[begin]) + 1]
        width = np.maximum.accumulate(window)
        fits = width * np.arange(1, len(window) + 1) <= batch_tokens
        end = begin + max(1, int(fits.sum()))
        batches.append(order[begin:end])
        begin = end
    return batches

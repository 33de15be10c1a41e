"""Pairs of one source length, side by side, to be worked on at once."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmt.data.lexicon import NULL, Integers, Lexicon, Reals, TokenPairs

_CELLS = 1 << 20
"""Links, the null word's included, of the pairs that are worked on at once."""


@dataclass(frozen=True)
class Block:
    """Some pairs whose sources are equally long, those with the longest targets first.

    pairs: `[batch]`, their numbers in the corpus; source: `[batch, source_len]`; target: `[batch,
    target_len]`, filled up with PAD; target_lengths: `[batch]`, falling.
    """

    pairs: Integers
    source: Integers
    target: Integers
    target_lengths: Integers

    def active(self, position: int) -> int:
        """How many of the pairs have a target token there; they are the first."""
        return int(np.searchsorted(-self.target_lengths, -position, side="left"))


@dataclass(frozen=True)
class Emissions:
    """P(target | source) of all links of a block.

    probabilities: `[batch, target_len, source_len + 1]`, the null word first; entries: the same
    shape, where the lexicon has them, without meaning at padding.
    """

    probabilities: Reals
    entries: Integers

    @classmethod
    def of(cls, lexicon: Lexicon, block: Block, floor: float) -> "Emissions":
        """floor: of probabilities; what the lexicon does not know has it too."""
        null = np.full((len(block.source), 1), NULL)
        source = np.concatenate((null, block.source), 1)
        keys = source[:, None, :] * lexicon.target_vocabulary + block.target[:, :, None]
        distinct, inverse = np.unique(keys.reshape(-1), return_inverse=True)
        places = np.minimum(np.searchsorted(lexicon.keys, distinct), len(lexicon.keys) - 1)
        known = lexicon.keys[places] == distinct
        values = np.maximum(np.where(known, lexicon.probabilities[places], 0.0), floor)
        return cls(values[inverse].reshape(keys.shape), places[inverse].reshape(keys.shape))

    def count(self, shares: Reals, expected: Reals) -> None:
        """Add up, in `expected [entries]`, how often each entry was used; shares: `[batch,
        target_len, source_len + 1]`, zero at padding.
        """
        distinct, inverse = np.unique(self.entries.reshape(-1), return_inverse=True)
        expected[distinct] += np.bincount(inverse.reshape(-1), shares.reshape(-1))


def blocks_of(corpus: TokenPairs, pairs: Integers) -> Iterator[Block]:
    """All of the given pairs, each in one block; those with a blank side in none."""
    sources, targets = corpus.source_lengths[pairs], corpus.target_lengths[pairs]
    order = np.lexsort((pairs, -targets, sources))
    order = order[(sources[order] > 0) & (targets[order] > 0)]
    begin = 0
    while begin < len(order):
        first = order[begin]
        room = max(1, _CELLS // int(targets[first] * (sources[first] + 1)))
        end = begin + int(np.searchsorted(sources[order[begin : begin + room]], sources[first] + 1))
        yield _block(corpus, pairs[order[begin:end]], targets[order[begin:end]])
        begin = end


def _block(corpus: TokenPairs, pairs: Integers, target_lengths: Integers) -> Block:
    source = np.stack([corpus.source(int(pair)) for pair in pairs]).astype(np.int64)
    target: NDArray[np.int64] = np.zeros((len(pairs), int(target_lengths[0])), np.int64)
    for row, pair in enumerate(pairs):
        target[row, : target_lengths[row]] = corpus.target(int(pair))
    return Block(pairs, source, target, target_lengths.astype(np.int64))

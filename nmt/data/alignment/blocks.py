"""Blocks of pairs with the same source length, which are processed together."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmt.data.lexicon import NULL, Integers, Lexicon, Reals, TokenPairs

_CELLS = 1 << 20
"""The number of links of a block, including those of the null word, at most."""


@dataclass(frozen=True)
class Block:
    """Pairs with the same source length, those with the longest targets first.

    Attributes:
        pairs: The numbers of the pairs in the corpus, `[batch]`.
        source: The source tokens, `[batch, source_len]`.
        target: The target tokens, `[batch, target_len]`, padded with PAD.
        target_lengths: The target lengths, `[batch]`, in descending order.
    """

    pairs: Integers
    source: Integers
    target: Integers
    target_lengths: Integers

    def active(self, position: int) -> int:
        """Return the number of pairs, the first ones, with a target token at this position."""
        return int(np.searchsorted(-self.target_lengths, -position, side="left"))


@dataclass(frozen=True)
class Emissions:
    """The probabilities P(target | source) of all links of a block.

    Attributes:
        probabilities: `[batch, target_len, source_len + 1]`, with the null word first.
        entries: The indices of the links in the lexicon, of the same shape. Meaningless at padding.
    """

    probabilities: Reals
    entries: Integers

    @classmethod
    def of(cls, lexicon: Lexicon, block: Block, floor: float) -> "Emissions":
        """Return the emissions of a block.

        Args:
            lexicon: The lexicon.
            block: The block.
            floor: The least probability, which unknown links have too.
        """
        null = np.full((len(block.source), 1), NULL)
        source = np.concatenate((null, block.source), 1)
        keys = source[:, None, :] * lexicon.target_vocabulary + block.target[:, :, None]
        distinct, inverse = np.unique(keys.reshape(-1), return_inverse=True)
        places = np.minimum(np.searchsorted(lexicon.keys, distinct), len(lexicon.keys) - 1)
        known = lexicon.keys[places] == distinct
        values = np.maximum(np.where(known, lexicon.probabilities[places], 0.0), floor)
        return cls(values[inverse].reshape(keys.shape), places[inverse].reshape(keys.shape))

    def count(self, shares: Reals, expected: Reals) -> None:
        """Add the expected number of uses of each lexicon entry.

        Args:
            shares: The probability of each link, `[batch, target_len, source_len + 1]`, zero at
                padding.
            expected: The sums to add to, `[entries]`.
        """
        distinct, inverse = np.unique(self.entries.reshape(-1), return_inverse=True)
        expected[distinct] += np.bincount(inverse.reshape(-1), shares.reshape(-1))


def blocks_of(corpus: TokenPairs, pairs: Integers) -> Iterator[Block]:
    """Yield the given pairs in blocks, without those that have a blank side.

    Args:
        corpus: The token sequences.
        pairs: The numbers of the pairs, `[n]`.
    """
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

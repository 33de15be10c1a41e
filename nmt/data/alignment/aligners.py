"""Statistical aligners, which need no model: what links the tokens of one side to the other's."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmt.data.alignment.blocks import Block, Emissions, blocks_of
from nmt.data.alignment.hmm import FLOOR, Hmm, learn_hmm
from nmt.data.lexicon import Integers, Lexicon, Reals, TokenPairs, learn_lexicon

_ORDERED = 1 << 16
"""Pairs sorted by length at a time, on the way to links in the pairs' own order."""


@dataclass(frozen=True)
class TokenLinks:
    """What links the tokens of one pair.

    best: `[target_len]`, for each target token its source token, -1 for none; weights:
    `[target_len, source_len]`, the probability of each link, or None where not asked for.
    """

    best: NDArray[np.int32]
    weights: Reals | None = None


class Aligner(ABC):
    """Learned from pairs of token sequences; target tokens come from source tokens or from none."""

    @classmethod
    @abstractmethod
    def learn(
        cls, corpus: TokenPairs, pairs: Integers, source_vocabulary: int, target_vocabulary: int
    ) -> "Aligner":
        """From the given pairs of a corpus, by expectation maximisation."""

    @abstractmethod
    def posteriors(self, block: Block) -> Reals:
        """The probability of each link, `[batch, target_len, source_len + 1]`, the null word first;
        zero at padding.
        """

    @abstractmethod
    def best(self, block: Block) -> Integers:
        """The likeliest alignment as a whole, `[batch, target_len]`; -1 for no source token."""

    def align(
        self, corpus: TokenPairs, pairs: Integers, weights: bool = False
    ) -> Iterator[TokenLinks]:
        """Of each of the pairs, in order; weights: with the probabilities of all links."""
        for begin in range(0, len(pairs), _ORDERED):
            some = pairs[begin : begin + _ORDERED]
            found: dict[int, TokenLinks] = {}
            for block in blocks_of(corpus, some):
                best = self.best(block).astype(np.int32)
                shares = self.posteriors(block) if weights else None
                for row, (pair, length) in enumerate(
                    zip(block.pairs.tolist(), block.target_lengths.tolist(), strict=True)
                ):
                    own = None if shares is None else shares[row, :length, 1:]
                    found[pair] = TokenLinks(best[row, :length], own)
            for pair in some.tolist():
                blank = np.full(int(corpus.target_lengths[pair]), -1, np.int32)
                yield found.pop(pair, TokenLinks(blank))


@dataclass(frozen=True)
class Ibm1Aligner(Aligner):
    """IBM Model 1 (Brown et al. 1993): each target token by itself, wherever others come from."""

    lexicon: Lexicon

    @classmethod
    def learn(
        cls, corpus: TokenPairs, pairs: Integers, source_vocabulary: int, target_vocabulary: int
    ) -> "Ibm1Aligner":
        """See `Aligner.learn`."""
        return cls(learn_lexicon(corpus, pairs, source_vocabulary, target_vocabulary))

    def posteriors(self, block: Block) -> Reals:
        """See `Aligner.posteriors`."""
        shares = Emissions.of(self.lexicon, block, FLOOR).probabilities
        real = np.arange(block.target.shape[1]) < block.target_lengths[:, None]
        shared: Reals = shares / shares.sum(2, keepdims=True) * real[:, :, None]
        return shared

    def best(self, block: Block) -> Integers:
        """See `Aligner.best`."""
        best: Integers = self.posteriors(block).argmax(2) - 1
        return best


@dataclass(frozen=True)
class HmmAligner(Aligner):
    """The hidden Markov model of Vogel et al. 1996; see `nmt.data.alignment.hmm`."""

    hmm: Hmm

    @classmethod
    def learn(
        cls, corpus: TokenPairs, pairs: Integers, source_vocabulary: int, target_vocabulary: int
    ) -> "HmmAligner":
        """See `Aligner.learn`."""
        return cls(learn_hmm(corpus, pairs, source_vocabulary, target_vocabulary))

    def posteriors(self, block: Block) -> Reals:
        """See `Aligner.posteriors`."""
        return self.hmm.expectations(block).links

    def best(self, block: Block) -> Integers:
        """See `Aligner.best`."""
        return self.hmm.likeliest(block)

"""The statistical aligners, which link source and target tokens without a neural model."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmt.data.alignment.blocks import Block, Emissions, blocks_of
from nmt.data.alignment.hmm import FLOOR, Hmm, learn_hmm
from nmt.data.lexicon import Integers, Lexicon, Reals, TokenPairs, learn_lexicon

_ORDERED = 1 << 16
"""The number of pairs that are sorted by length at a time, before their order is restored."""


@dataclass(frozen=True)
class TokenLinks:
    """The links between the tokens of one pair.

    Attributes:
        best: The source token of each target token, `[target_len]`, -1 for none.
        weights: The probability of each link, `[target_len, source_len]`, or None where not
            requested.
    """

    best: NDArray[np.int32]
    weights: Reals | None = None


class Aligner(ABC):
    """An aligner learned from pairs of token sequences.

    Each target token comes from one source token or from none.
    """

    @classmethod
    @abstractmethod
    def learn(
        cls, corpus: TokenPairs, pairs: Integers, source_vocabulary: int, target_vocabulary: int
    ) -> "Aligner":
        """Return an aligner learned by expectation maximisation.

        Args:
            corpus: The token sequences.
            pairs: The pairs of the corpus to learn from, `[n]`.
            source_vocabulary: The number of source tokens.
            target_vocabulary: The number of target tokens.
        """

    @abstractmethod
    def posteriors(self, block: Block) -> Reals:
        """Return the probability of each link, `[batch, target_len, source_len + 1]`.

        The null word comes first. Padding has probability zero.
        """

    @abstractmethod
    def best(self, block: Block) -> Integers:
        """Return the most probable alignment of each pair, `[batch, target_len]`; -1 is none."""

    def align(
        self, corpus: TokenPairs, pairs: Integers, weights: bool = False
    ) -> Iterator[TokenLinks]:
        """Yield the links of each pair, in order.

        Args:
            corpus: The token sequences.
            pairs: The pairs to align, `[n]`.
            weights: Whether to include the probabilities of all links.
        """
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
    """IBM Model 1 (Brown et al. 1993), which links each target token by itself."""

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
    """The hidden Markov model of Vogel et al. 1996. See `nmt.data.alignment.hmm`."""

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

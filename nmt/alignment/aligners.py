"""Statistical aligners, which need no model: on token ids, and on plain texts."""

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmt.alignment.hmm import FLOOR, Emissions, Hmm, PairBlock, blocks_of, learn_hmm
from nmt.alignment.lexicon import NULL, Integers, Lexicon, Reals, TokenPairs, learn_lexicon
from nmt.alignment.links import Aligned
from nmt.config.registry import ALIGNERS
from nmt.data.binary_dataset import Corpus, CorpusWriter
from nmt.errors import DataError
from nmt.tokenizers.words import split_words

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
    def posteriors(self, block: PairBlock) -> Reals:
        """Return the probability of each link, `[batch, target_len, source_len + 1]`.

        The null word comes first. Padding has probability zero.
        """

    @abstractmethod
    def best(self, block: PairBlock) -> Integers:
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

    def posteriors(self, block: PairBlock) -> Reals:
        """See `Aligner.posteriors`."""
        shares = Emissions.of(self.lexicon, block, FLOOR).probabilities
        real = np.arange(block.target.shape[1]) < block.target_lengths[:, None]
        shared: Reals = shares / shares.sum(2, keepdims=True) * real[:, :, None]
        return shared

    def best(self, block: PairBlock) -> Integers:
        """See `Aligner.best`."""
        best: Integers = self.posteriors(block).argmax(2) - 1
        return best


@dataclass(frozen=True)
class HmmAligner(Aligner):
    """The hidden Markov model of Vogel et al. 1996. See `nmt.alignment.hmm`."""

    hmm: Hmm

    @classmethod
    def learn(
        cls, corpus: TokenPairs, pairs: Integers, source_vocabulary: int, target_vocabulary: int
    ) -> "HmmAligner":
        """See `Aligner.learn`."""
        return cls(learn_hmm(corpus, pairs, source_vocabulary, target_vocabulary))

    def posteriors(self, block: PairBlock) -> Reals:
        """See `Aligner.posteriors`."""
        return self.hmm.expectations(block).links

    def best(self, block: PairBlock) -> Integers:
        """See `Aligner.best`."""
        return self.hmm.likeliest(block)


Texts = tuple[str, str]
"""A line of the source and a line of the target."""

_MOST_WORDS = 1 << 32


@dataclass(frozen=True)
class Turned:
    """A corpus with source and target swapped."""

    corpus: TokenPairs

    def source(self, pair: int) -> NDArray[np.integer]:
        """See `TokenPairs.source`."""
        return self.corpus.target(pair)

    def target(self, pair: int) -> NDArray[np.integer]:
        """See `TokenPairs.target`."""
        return self.corpus.source(pair)

    @property
    def source_lengths(self) -> Integers:
        """See `TokenPairs.source_lengths`."""
        return self.corpus.target_lengths

    @property
    def target_lengths(self) -> Integers:
        """See `TokenPairs.target_lengths`."""
        return self.corpus.source_lengths


def align_texts(
    kind: str, pairs: Iterable[Texts], both: bool = False, weights: bool = False
) -> Iterator[tuple[Texts, Aligned, Aligned | None]]:
    """Yield each pair of lines with its word alignment, in order.

    Memory holds the distinct words and the lexicon. The text is in a temporary folder.

    Args:
        kind: A key of `ALIGNERS`.
        pairs: The pairs of lines.
        both: Whether to align in the other direction too.
        weights: Whether to include the probabilities of all links.

    Yields:
        The lines, their alignment, and the alignment of the swapped pair, or None without `both`.

    Raises:
        DataError: No pair has words on both sides.
    """
    with tempfile.TemporaryDirectory(prefix="nmt-align-") as folder:
        words = _WordNumbers.of(pairs, Path(folder) / "words")
        corpus = Corpus.open(Path(folder) / "words")
        every = np.arange(len(corpus))
        if not ((corpus.source_lengths > 0) & (corpus.target_lengths > 0)).any():
            raise DataError("there is nothing to align: no line has words on both sides.")
        sizes = len(words.source), len(words.target)
        learn = ALIGNERS.resolve(kind).learn
        forward = learn(corpus, every, *sizes).align(corpus, every, weights)
        backward = None
        if both:
            turned = Turned(corpus)
            backward = learn(turned, every, *sizes[::-1]).align(turned, every, weights)
        for pair, links in enumerate(forward):
            source = [words.source[token] for token in corpus.source(pair)]
            target = [words.target[token] for token in corpus.target(pair)]
            other = None
            if backward is not None:
                other = _aligned(target, source, next(backward))
            texts = " ".join(source), " ".join(target)
            yield texts, _aligned(source, target, links), other


@dataclass(frozen=True)
class _WordNumbers:
    """The vocabularies of both sides. A word's index is its id; 0 is the null word."""

    source: list[str]
    target: list[str]

    @classmethod
    def of(cls, pairs: Iterable[Texts], prefix: Path) -> "_WordNumbers":
        """Return the words of pairs, and write the pairs as a corpus of word ids."""
        known: tuple[dict[str, int], dict[str, int]] = ({"": NULL}, {"": NULL})
        with CorpusWriter(prefix, _MOST_WORDS) as corpus:
            for number, texts in enumerate(pairs, start=1):
                sides = (
                    [ids.setdefault(word, len(ids)) for word in split_words(text)]
                    for text, ids in zip(texts, known, strict=True)
                )
                corpus.add(number, *sides)
        return cls(*map(list, known))


def _aligned(source: list[str], target: list[str], links: TokenLinks) -> Aligned:
    if links.weights is None:
        return Aligned(source, target, np.zeros((len(target), len(source))), links.best)
    return Aligned(source, target, links.weights, links.best)

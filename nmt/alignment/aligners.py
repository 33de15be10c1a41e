"""Statistical aligners, which need no model: on token ids, and on plain texts."""

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmt.alignment.hmm import Emissions, Hmm, PairBlock, learn_hmm, make_blocks
from nmt.alignment.lexicon import NULL, FloatArray, IntArray, Lexicon, TokenPairs, learn_lexicon
from nmt.alignment.links import WordAlignment
from nmt.config.registry import ALIGNERS
from nmt.data.binary_dataset import Corpus, CorpusWriter
from nmt.errors import DataError
from nmt.tokenizers.words import split_words

_SORTED_PAIRS = 1 << 16
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
    weights: FloatArray | None = None


class Aligner(ABC):
    """An aligner learned from pairs of token sequences.

    Each target token comes from one source token or from none.
    """

    @classmethod
    @abstractmethod
    def learn(
        cls, corpus: TokenPairs, pairs: IntArray, source_vocabulary: int, target_vocabulary: int
    ) -> "Aligner":
        """Return an aligner learned by expectation maximisation.

        Args:
            corpus: The token sequences.
            pairs: The pairs of the corpus to learn from, `[n]`.
            source_vocabulary: The number of source tokens.
            target_vocabulary: The number of target tokens.
        """

    @abstractmethod
    def posteriors(self, block: PairBlock) -> FloatArray:
        """Return the probability of each link, `[batch, target_len, source_len + 1]`.

        The null word comes first. Padding has probability zero.
        """

    @abstractmethod
    def best(self, block: PairBlock) -> IntArray:
        """Return the most probable alignment of each pair, `[batch, target_len]`; -1 is none."""

    def align(
        self, corpus: TokenPairs, pairs: IntArray, weights: bool = False
    ) -> Iterator[TokenLinks]:
        """Yield the links of each pair, in order.

        Args:
            corpus: The token sequences.
            pairs: The pairs to align, `[n]`.
            weights: Whether to include the probabilities of all links.
        """
        for begin in range(0, len(pairs), _SORTED_PAIRS):
            batch = pairs[begin : begin + _SORTED_PAIRS]
            links_by_pair: dict[int, TokenLinks] = {}
            for block in make_blocks(corpus, batch):
                best = self.best(block).astype(np.int32)
                posteriors = self.posteriors(block) if weights else None
                for row, (pair, length) in enumerate(
                    zip(block.pairs.tolist(), block.target_lengths.tolist(), strict=True)
                ):
                    weights_of_pair = None if posteriors is None else posteriors[row, :length, 1:]
                    links_by_pair[pair] = TokenLinks(best[row, :length], weights_of_pair)
            for pair in batch.tolist():
                no_links = np.full(int(corpus.target_lengths[pair]), -1, np.int32)
                yield links_by_pair.pop(pair, TokenLinks(no_links))


@dataclass(frozen=True)
class Ibm1Aligner(Aligner):
    """IBM Model 1 (Brown et al. 1993), which links each target token by itself."""

    lexicon: Lexicon

    @classmethod
    def learn(
        cls, corpus: TokenPairs, pairs: IntArray, source_vocabulary: int, target_vocabulary: int
    ) -> "Ibm1Aligner":
        """See `Aligner.learn`."""
        return cls(learn_lexicon(corpus, pairs, source_vocabulary, target_vocabulary))

    def posteriors(self, block: PairBlock) -> FloatArray:
        """See `Aligner.posteriors`."""
        probabilities = Emissions.from_lexicon(self.lexicon, block).probabilities
        mask = np.arange(block.target.shape[1]) < block.target_lengths[:, None]
        posteriors: FloatArray = (
            probabilities / probabilities.sum(2, keepdims=True) * mask[:, :, None]
        )
        return posteriors

    def best(self, block: PairBlock) -> IntArray:
        """See `Aligner.best`."""
        best: IntArray = self.posteriors(block).argmax(2) - 1
        return best


@dataclass(frozen=True)
class HmmAligner(Aligner):
    """The hidden Markov model of Vogel et al. 1996. See `nmt.alignment.hmm`."""

    hmm: Hmm

    @classmethod
    def learn(
        cls, corpus: TokenPairs, pairs: IntArray, source_vocabulary: int, target_vocabulary: int
    ) -> "HmmAligner":
        """See `Aligner.learn`."""
        return cls(learn_hmm(corpus, pairs, source_vocabulary, target_vocabulary))

    def posteriors(self, block: PairBlock) -> FloatArray:
        """See `Aligner.posteriors`."""
        return self.hmm.expectations(block).posteriors

    def best(self, block: PairBlock) -> IntArray:
        """See `Aligner.best`."""
        return self.hmm.viterbi(block)


TextPair = tuple[str, str]
"""A line of the source and a line of the target."""

_MOST_WORDS = 1 << 32


@dataclass(frozen=True)
class SwappedPairs:
    """A corpus with source and target swapped."""

    corpus: TokenPairs

    def source(self, pair: int) -> NDArray[np.integer]:
        """See `TokenPairs.source`."""
        return self.corpus.target(pair)

    def target(self, pair: int) -> NDArray[np.integer]:
        """See `TokenPairs.target`."""
        return self.corpus.source(pair)

    @property
    def source_lengths(self) -> IntArray:
        """See `TokenPairs.source_lengths`."""
        return self.corpus.target_lengths

    @property
    def target_lengths(self) -> IntArray:
        """See `TokenPairs.target_lengths`."""
        return self.corpus.source_lengths


def align_texts(
    kind: str, pairs: Iterable[TextPair], both: bool = False, weights: bool = False
) -> Iterator[tuple[TextPair, WordAlignment, WordAlignment | None]]:
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
        words = _WordVocabularies.from_texts(pairs, Path(folder) / "words")
        corpus = Corpus.open(Path(folder) / "words")
        all_pairs = np.arange(len(corpus))
        if not ((corpus.source_lengths > 0) & (corpus.target_lengths > 0)).any():
            raise DataError("nothing to align: no line has words on both sides.")
        sizes = len(words.source), len(words.target)
        learn = ALIGNERS.resolve(kind).learn
        forward = learn(corpus, all_pairs, *sizes).align(corpus, all_pairs, weights)
        backward = None
        if both:
            swapped = SwappedPairs(corpus)
            backward = learn(swapped, all_pairs, *sizes[::-1]).align(swapped, all_pairs, weights)
        for pair, links in enumerate(forward):
            source = [words.source[token] for token in corpus.source(pair)]
            target = [words.target[token] for token in corpus.target(pair)]
            other = None
            if backward is not None:
                other = _word_alignment(target, source, next(backward))
            texts = " ".join(source), " ".join(target)
            yield texts, _word_alignment(source, target, links), other


@dataclass(frozen=True)
class _WordVocabularies:
    """The vocabularies of both sides. A word's index is its id; 0 is the null word."""

    source: list[str]
    target: list[str]

    @classmethod
    def from_texts(cls, pairs: Iterable[TextPair], prefix: Path) -> "_WordVocabularies":
        """Return the words of pairs, and write the pairs as a corpus of word ids."""
        ids_by_side: tuple[dict[str, int], dict[str, int]] = ({"": NULL}, {"": NULL})
        with CorpusWriter(prefix, _MOST_WORDS) as corpus:
            for number, texts in enumerate(pairs, start=1):
                sides = (
                    [ids.setdefault(word, len(ids)) for word in split_words(text)]
                    for text, ids in zip(texts, ids_by_side, strict=True)
                )
                corpus.add(number, *sides)
        return cls(*map(list, ids_by_side))


def _word_alignment(source: list[str], target: list[str], links: TokenLinks) -> WordAlignment:
    if links.weights is None:
        return WordAlignment(source, target, np.zeros((len(target), len(source))), links.best)
    return WordAlignment(source, target, links.weights, links.best)

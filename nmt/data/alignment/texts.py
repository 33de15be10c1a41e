"""Alignment of plain texts by a statistical aligner that is learned from them."""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nmt.config.kinds import ALIGNERS
from nmt.data.alignment.aligned import Aligned
from nmt.data.alignment.aligners import TokenLinks
from nmt.data.corpus import Corpus, CorpusWriter
from nmt.data.lexicon import NULL, Integers, TokenPairs
from nmt.errors import DataError
from nmt.tokenizers.words import split_words

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
        words = _Words.of(pairs, Path(folder) / "words")
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
class _Words:
    """The vocabularies of both sides. A word's index is its id; 0 is the null word."""

    source: list[str]
    target: list[str]

    @classmethod
    def of(cls, pairs: Iterable[Texts], prefix: Path) -> "_Words":
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

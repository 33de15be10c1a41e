"""The lexicon of IBM Model 1, learned from a binarized corpus.

Brown et al. 1993, "The Mathematics of Statistical Machine Translation", section 4.1: each target
token comes from one source token of its pair or from the null word, all equally probable a priori.
Expectation maximisation estimates P(target | source).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nmt.console import progress
from nmt.tokenizers.tokenizer import PAD

NULL = PAD
"""The source id of the null word. No sentence has padding in it."""

_BLOCK_LINKS = 1 << 20
_TINY = np.finfo(np.float64).tiny
_MIN_PROBABILITY = 1e-6

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


class TokenPairs(Protocol):
    """A collection of pairs of token sequences, such as a `Corpus`."""

    def source(self, pair: int) -> NDArray[np.integer]:
        """Return the token ids of the source side of a pair, `[source_len]`."""

    def target(self, pair: int) -> NDArray[np.integer]:
        """Return the token ids of the target side of a pair, `[target_len]`."""

    @property
    def source_lengths(self) -> IntArray:
        """The number of tokens of each source side, `[pairs]`."""

    @property
    def target_lengths(self) -> IntArray:
        """The number of tokens of each target side, `[pairs]`."""


@dataclass(frozen=True)
class Lexicon:
    """P(target | source) of tokens that occur in a pair together, zero for all others.

    Attributes:
        source_vocabulary: The number of source tokens.
        target_vocabulary: The number of target tokens.
        keys: source * target_vocabulary + target of each entry, `[entries]`, in rising order.
        probabilities: The probability of each entry, `[entries]`.
    """

    source_vocabulary: int
    target_vocabulary: int
    keys: IntArray
    probabilities: FloatArray

    def best(self, count: int) -> NDArray[np.int32]:
        """Return the most probable targets of each source token, `[source_vocabulary, count]`.

        The most probable comes first. Among equal ones, the lower id comes first. Rows are padded
        with PAD.
        """
        table = np.full((self.source_vocabulary, count), PAD, np.int32)
        starts = _row_starts(self.keys, self.source_vocabulary, self.target_vocabulary).tolist()
        for source in range(self.source_vocabulary):
            row = slice(starts[source], starts[source + 1])
            order = np.argsort(-self.probabilities[row], kind="stable")[:count]
            table[source, : len(order)] = self.keys[row][order] % self.target_vocabulary
        return table

    def without_rare(self, min_probability: float) -> "Lexicon":
        """Return the lexicon without the entries of a lower probability, to save memory and time.

        Args:
            min_probability: The least probability of an entry.
        """
        kept = self.probabilities >= min_probability
        return replace(self, keys=self.keys[kept], probabilities=self.probabilities[kept])


def learn_lexicon(
    corpus: TokenPairs,
    pairs: NDArray[np.int64],
    source_vocabulary: int,
    target_vocabulary: int,
    iterations: int = 5,
) -> Lexicon:
    """Return IBM Model 1 learned from pairs of a corpus.

    Memory grows with the entries, about 35 bytes each.

    Args:
        corpus: The token sequences.
        pairs: The numbers of the pairs, `[n]`.
        source_vocabulary: The number of source tokens.
        target_vocabulary: The number of target tokens.
        iterations: The number of iterations.
    """
    blocks = _split_into_blocks(corpus, pairs)
    with progress("lexicon", (iterations + 1) * len(pairs), "pairs") as progress_bar:
        keys = np.empty(0, np.int64)
        pending: list[IntArray] = []
        for block in blocks:
            pending.append(
                _sorted_unique([_Links.from_pairs(corpus, block, target_vocabulary).keys])
            )
            # Merges are rare, because each one goes through all keys.
            if sum(map(len, pending)) > max(len(keys), _BLOCK_LINKS):
                keys, pending = _sorted_unique([keys, *pending]), []
            progress_bar.advance(len(block))
        keys = _sorted_unique([keys, *pending])
        lexicon = Lexicon(source_vocabulary, target_vocabulary, keys, np.ones(len(keys)))
        for _ in range(iterations):
            expected_counts = np.zeros(len(keys))
            for block in blocks:
                _add_expected_counts(
                    lexicon, _Links.from_pairs(corpus, block, target_vocabulary), expected_counts
                )
                progress_bar.advance(len(block))
            lexicon = normalize_counts(lexicon, expected_counts)
    return lexicon


def mean_log_probabilities(lexicon: Lexicon, corpus: TokenPairs, pairs: IntArray) -> FloatArray:
    """Return the mean of log P(target token | source) of Model 1 over each pair, `[pairs]`.

    A link that is not in the lexicon has probability zero. A target token has at least one in a
    million. A pair without target tokens has NaN.

    Args:
        lexicon: The lexicon.
        corpus: The token sequences.
        pairs: The numbers of the pairs, `[pairs]`.
    """
    means = [np.empty(0)]
    for block, tokens in token_probabilities(lexicon, corpus, pairs):
        lengths = corpus.target_lengths[block]
        means.append(mean_by_pair(np.log(np.maximum(tokens, _MIN_PROBABILITY)), lengths))
    return np.concatenate(means)


def token_probabilities(
    lexicon: Lexicon, corpus: TokenPairs, pairs: IntArray
) -> Iterator[tuple[IntArray, FloatArray]]:
    """Yield P(target token | source) of Model 1, block by block, so that memory is bounded.

    Args:
        lexicon: The lexicon. A link that is not in it has probability zero.
        corpus: The token sequences.
        pairs: The numbers of the pairs, `[pairs]`.

    Yields:
        The numbers of the pairs of a block, and the probabilities of all their target tokens.
    """
    for block in _split_into_blocks(corpus, pairs):
        links = _Links.from_pairs(corpus, block, lexicon.target_vocabulary)
        entries = np.minimum(np.searchsorted(lexicon.keys, links.keys), len(lexicon.keys) - 1)
        known = lexicon.keys[entries] == links.keys
        probabilities = np.where(known, lexicon.probabilities[entries], 0.0)
        lengths = corpus.target_lengths[block]
        choices = np.repeat(corpus.source_lengths[block] + 1, lengths)
        yield block, np.bincount(links.positions, probabilities, minlength=len(choices)) / choices


def mean_by_pair(values: FloatArray, lengths: IntArray) -> FloatArray:
    """Return the mean of the values of the target tokens of each pair, NaN without target tokens.

    Args:
        values: The values of the tokens of all pairs, one pair after the other.
        lengths: The number of target tokens of each pair, `[pairs]`.
    """
    pair_of_token = np.repeat(np.arange(len(lengths)), lengths)
    sums = np.bincount(pair_of_token, values, minlength=len(lengths))
    return np.where(lengths > 0, sums / np.maximum(lengths, 1), np.nan)


@dataclass(frozen=True)
class _Links:
    """All possible links of some pairs.

    Each target token is linked with every source token of its pair and with the null word.

    Attributes:
        keys: The key of each link, as in `Lexicon`, `[links]`.
        positions: The position of the target token among those of all pairs, `[links]`.
    """

    keys: IntArray
    positions: IntArray

    @classmethod
    def from_pairs(cls, corpus: TokenPairs, pairs: IntArray, target_vocabulary: int) -> "_Links":
        null = np.array([NULL])
        sources = [part for pair in pairs for part in (null, corpus.source(int(pair)))]
        source = np.concatenate(sources, dtype=np.int64)
        target = np.concatenate([corpus.target(int(pair)) for pair in pairs], dtype=np.int64)
        source_lengths = corpus.source_lengths[pairs] + 1
        target_lengths = corpus.target_lengths[pairs]
        # For each target token, the number of its source tokens and the position of the first.
        choices = np.repeat(source_lengths, target_lengths)
        firsts = np.repeat(np.cumsum(source_lengths) - source_lengths, target_lengths)
        positions = np.repeat(np.arange(len(target)), choices)
        within = np.arange(len(positions)) - np.repeat(np.cumsum(choices) - choices, choices)
        keys = source[firsts[positions] + within] * target_vocabulary + target[positions]
        return cls(keys, positions)


def _add_expected_counts(lexicon: Lexicon, links: _Links, expected_counts: FloatArray) -> None:
    """Add the count of each entry, c(f | e) of the paper, to `expected_counts [entries]`."""
    keys, inverse = np.unique(links.keys, return_inverse=True)
    entries = np.searchsorted(lexicon.keys, keys)
    probabilities = lexicon.probabilities[entries][inverse]
    totals = np.bincount(links.positions, probabilities)
    posteriors = probabilities / np.maximum(totals, _TINY)[links.positions]
    expected_counts[entries] += np.bincount(inverse, posteriors, minlength=len(keys))


def normalize_counts(lexicon: Lexicon, expected_counts: FloatArray) -> Lexicon:
    """Return a lexicon whose probabilities are the normalized counts.

    The probabilities of each source token sum to one.

    Args:
        lexicon: The lexicon with the keys.
        expected_counts: The expected counts, `[entries]`, which are overwritten.
    """
    sizes = np.diff(_row_starts(lexicon.keys, lexicon.source_vocabulary, lexicon.target_vocabulary))
    present = sizes > 0
    firsts = (np.cumsum(sizes) - sizes)[present]
    totals = np.add.reduceat(expected_counts, firsts) if len(firsts) else expected_counts
    expected_counts /= np.repeat(np.maximum(totals, _TINY), sizes[present])
    return replace(lexicon, probabilities=expected_counts)


def _split_into_blocks(corpus: TokenPairs, pairs: IntArray) -> list[IntArray]:
    """Split pairs into runs of about `_BLOCK_LINKS` links."""
    links = (corpus.source_lengths[pairs] + 1) * corpus.target_lengths[pairs]
    ends = np.flatnonzero(np.diff(np.cumsum(links) // _BLOCK_LINKS)) + 1
    return [block for block in np.split(pairs, ends) if len(block)]


def _sorted_unique(parts: list[IntArray]) -> IntArray:
    """Return the distinct numbers in rising order.

    `np.unique` hashes, which takes ten times as long.
    """
    keys = np.sort(np.concatenate(parts))
    return keys[np.concatenate(([True], keys[1:] != keys[:-1]))] if len(keys) else keys


def _row_starts(keys: IntArray, source_vocabulary: int, target_vocabulary: int) -> IntArray:
    """Return where the entries of each source token begin, and where the last ones end."""
    return np.searchsorted(keys, np.arange(source_vocabulary + 1) * target_vocabulary)

"""The filter of train pairs whose words do not translate each other, by IBM Model 1.

A word counts by its first letters, so that the forms of a word are one. The match of a pair in one
direction is the mean over its target words of

    min(2, log((P(target word | source) + 0.1 P(target word)) / P(target word))).

It is below zero for unrelated words. The bound keeps a single rare word from hiding the others. The
match of a pair is the lower one of both directions: words without a counterpart on either side
lower it.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nmt.alignment.lexicon import NULL, Lexicon, learn_lexicon, mean_by_pair, token_probabilities
from nmt.config.settings import DataSettings
from nmt.data.pair_files import sample_corpus_pairs
from nmt.data.pair_filters import CandidatePairs, HeldOut, PairFilter
from nmt.text.characters import UNSPACED_RANGES

_SAMPLED_PAIRS = 400_000
_MAX_LINKS = 20_000_000
"""The number of possible links of the pairs that the lexicon is learned from. It bounds memory."""

_RANDOM_SHARE = 0.03
_MAX_WORDS = 200
_PREFIX = 4
_WORD = re.compile(rf"[{UNSPACED_RANGES}]|[^\W{UNSPACED_RANGES}]+|[^\w\s]")
_MIN_COUNT = 20
"""The number of times from which a word counts, in a sample of at least 20,000 pairs.

The lexicons learn unrelated pairs by heart by their rare words.
"""

_PAIRS_PER_COUNT = 1000
_UNKNOWN = NULL + 1
_ITERATIONS = 5
_MIN_PROBABILITY = 1e-3
_CHANCE = 0.1
_MAX_MATCH = 2.0

_Integers = NDArray[np.int64]
_Reals = NDArray[np.float64]


class UnrelatedWords(PairFilter):
    """Drops pairs whose words match no better than those of `data.min_word_match` random pairs.

    A sample of the corpus is read, for the lexicons and for the random pairs.
    """

    def __init__(self, settings: DataSettings, held_out: Mapping[str, HeldOut]) -> None:
        """Learn the lexicons of both directions and the least match."""
        super().__init__(settings, held_out)
        sample = sample_corpus_pairs(settings.train, settings.on_bad_utf8, _SAMPLED_PAIRS)
        step = -(-len(sample) // max(1, int(_RANDOM_SHARE * len(sample))))
        # Neighbours are often alike, so that the random targets come from the other half.
        half = len(sample) // 2
        random_pairs = [
            (source, target)
            for (source, _), (_, target) in zip(
                sample[::step], (sample[half:] + sample[:half])[::step], strict=True
            )
        ]
        # The lexicons learn from the random pairs too, like from the unrelated pairs of the corpus.
        self._model = WordMatch([*sample, *random_pairs])
        matches = self._model.matches(random_pairs)
        self._least = float(np.quantile(matches, settings.min_word_match)) if sample else 0.0

    def drops(self, pairs: CandidatePairs) -> NDArray[np.bool_]:
        """See `PairFilter.drops`."""
        return np.asarray(
            self._model.matches(list(zip(*pairs.sides, strict=True))) < self._least, np.bool_
        )


class WordMatch:
    """The lexicons of both directions, learned from pairs of texts.

    Args:
        pairs: The source and target texts.
    """

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        words = [(_split(source), _split(target)) for source, target in pairs]
        links = sum((len(source) + 1) * len(target) for source, target in words)
        words = words[:: max(1, -(-links // _MAX_LINKS))]
        self._source = _Side([source for source, _ in words])
        self._target = _Side([target for _, target in words])
        both = self._encode(words)
        self._forward, self._backward = (
            learn_lexicon(each, each.all, one.size, other.size, _ITERATIONS).without_rare(
                _MIN_PROBABILITY
            )
            for each, one, other in (
                (both, self._source, self._target),
                (both.reversed, self._target, self._source),
            )
        )

    def matches(self, pairs: Sequence[tuple[str, str]]) -> _Reals:
        """Return the match of each pair of texts, `[n]`.

        Args:
            pairs: The source and target texts, `[n]`.
        """
        both = self._encode([(_split(source), _split(target)) for source, target in pairs])
        return np.fmin(
            _one_way(self._forward, both, self._target.probabilities),
            _one_way(self._backward, both.reversed, self._source.probabilities),
        )

    def _encode(self, words: Sequence[tuple[list[str], list[str]]]) -> "_WordPairs":
        return _WordPairs(
            [self._source.encode(source) for source, _ in words],
            [self._target.encode(target) for _, target in words],
        )


def _split(text: str) -> list[str]:
    """Return the beginnings of the words, and the punctuation marks."""
    return [word[:_PREFIX] for word in _WORD.findall(text.casefold())[:_MAX_WORDS]]


class _Side:
    """The frequent words of one side and their probabilities."""

    def __init__(self, texts: Sequence[Sequence[str]]) -> None:
        least = min(_MIN_COUNT, max(2, len(texts) // _PAIRS_PER_COUNT))
        counts = Counter(word for text in texts for word in text)
        frequent = [word for word, count in counts.items() if count >= least]
        self._ids = {word: id_ for id_, word in enumerate(frequent, start=_UNKNOWN + 1)}
        self.probabilities = np.zeros(self.size)
        self.probabilities[_UNKNOWN + 1 :] = [counts[word] for word in frequent]
        self.probabilities /= max(1, counts.total())

    @property
    def size(self) -> int:
        """The number of ids, with those of the null word and of unknown words."""
        return len(self._ids) + _UNKNOWN + 1

    def encode(self, text: Sequence[str]) -> _Integers:
        """Return the ids of words, `[words]`."""
        return np.array([self._ids.get(word, _UNKNOWN) for word in text], np.int64)


class _WordPairs:
    """Pairs of word sequences, as `TokenPairs`."""

    def __init__(self, sources: Sequence[_Integers], targets: Sequence[_Integers]) -> None:
        self._sources, self._targets = sources, targets
        self.source_lengths = np.array([len(text) for text in sources], np.int64)
        self.target_lengths = np.array([len(text) for text in targets], np.int64)

    def source(self, pair: int) -> _Integers:
        """Return the source ids of a pair."""
        return self._sources[pair]

    def target(self, pair: int) -> _Integers:
        """Return the target ids of a pair."""
        return self._targets[pair]

    @property
    def reversed(self) -> "_WordPairs":
        """The pairs with the sides exchanged."""
        return _WordPairs(self._targets, self._sources)

    @property
    def all(self) -> _Integers:
        """The numbers of all pairs."""
        return np.arange(len(self._sources), dtype=np.int64)


def _one_way(lexicon: Lexicon, pairs: _WordPairs, chances: _Reals) -> _Reals:
    """Return the match of each pair in one direction, NaN without target words.

    A word that the lexicon does not know counts 0, as chance does.

    Args:
        lexicon: The lexicon.
        pairs: The words.
        chances: The probability of each target word in any text.
    """
    matches = [np.empty(0)]
    for block, probabilities in token_probabilities(lexicon, pairs, pairs.all):
        words = np.concatenate([pairs.target(int(pair)) for pair in block])
        chance = chances[words]
        known = chance > 0.0
        ratios = np.ones(len(words))
        ratios[known] = probabilities[known] / chance[known] + _CHANCE
        matches.append(
            mean_by_pair(np.minimum(np.log(ratios), _MAX_MATCH), pairs.target_lengths[block])
        )
    return np.concatenate(matches)

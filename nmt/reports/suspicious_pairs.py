"""Suspicious pairs: pairs of a corpus that look least like translations of each other."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nmt.alignment.lexicon import learn_lexicon, mean_log_probabilities
from nmt.data.binary_dataset import Corpus
from nmt.text.characters import cut_text
from nmt.text.scripts import count_scripts, script_share
from nmt.tokenizers.tokenizer import TokenizerPair

_MIN_SCORE = 3.0
"""The distance from the mean, in standard deviations, from which a pair is suspicious."""

_CERTAIN_SCORE = 6.0
"""The score of a sign without degrees, such as the same text on both sides."""

_ITERATIONS = 3
_MOST_CHARACTERS = 300

_Integers = NDArray[np.int64]
_Reals = NDArray[np.float64]


@dataclass(frozen=True)
class SuspiciousPair:
    """A suspicious pair.

    Attributes:
        line: The line number in the text that the pair was read from.
        source: The source, joined from its subwords and cut where it is very long.
        target: The target, in the same form.
        score: The sum of its signs in standard deviations.
        reasons: The description of each sign.
    """

    line: int
    source: str
    target: str
    score: float
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class SuspiciousPairs:
    """The suspicious pairs of a corpus.

    Attributes:
        pairs: The suspicious pairs, the highest score first.
        examined: The number of pairs whose words and letters were examined.
        identical: The number of these that have the same text on both sides.
        scripts: The number of letters by script, of source and of target.
    """

    pairs: tuple[SuspiciousPair, ...]
    examined: int
    identical: int
    scripts: tuple[Counter[str], Counter[str]]


@dataclass
class _Signs:
    """The signs found in a pair: the sum of their scores and their descriptions."""

    score: float = 0.0
    reasons: list[str] = field(default_factory=list)

    def add(self, score: float, reason: str) -> None:
        """Add a sign."""
        self.score += score
        self.reasons.append(reason)


def suspicious_pairs(
    corpus: Corpus,
    tokenizers: TokenizerPair,
    sample: _Integers,
    lengths: tuple[_Integers, _Integers],
    max_pairs: int = 30,
) -> SuspiciousPairs:
    """Find the suspicious pairs of a corpus.

    Args:
        corpus: The corpus to examine.
        tokenizers: The tokenizers of source and target.
        sample: The indices of the pairs whose words and letters are examined, rising.
        lengths: The indices of pairs `[n]` whose length ratio is examined, and the lengths of their
            sides `[n, 2]`.
        max_pairs: The greatest number of pairs to return.

    Returns:
        The suspicious pairs and the counts of the pairs examined.
    """
    signs: dict[int, _Signs] = {}
    _add_length_signs(signs, *lengths, max_pairs)
    _add_word_signs(signs, corpus, tokenizers, sample)
    texts = {int(pair): _texts(corpus, tokenizers, int(pair)) for pair in sample}
    identical = _add_identity_signs(signs, texts)
    scripts = _add_script_signs(signs, texts)
    ranked = sorted(signs.items(), key=lambda item: (-item[1].score, item[0]))[:max_pairs]
    lines = corpus.line_numbers
    result = []
    for pair, found_signs in ranked:
        source, target = texts.get(pair) or _texts(corpus, tokenizers, pair)
        result.append(
            SuspiciousPair(
                int(lines[pair]),
                cut_text(source, _MOST_CHARACTERS),
                cut_text(target, _MOST_CHARACTERS),
                found_signs.score,
                tuple(found_signs.reasons),
            )
        )
    return SuspiciousPairs(tuple(result), len(sample), identical, scripts)


def _add_length_signs(
    signs: dict[int, _Signs], pairs: _Integers, lengths: _Integers, max_pairs: int
) -> None:
    is_complete = (lengths > 0).all(axis=1)
    pairs, lengths = pairs[is_complete], lengths[is_complete]
    if len(pairs) == 0:
        return
    logs = np.log(lengths[:, 1] / lengths[:, 0])
    # In a short pair, one word more or less changes the ratio much.
    weights = np.minimum(1.0, lengths.sum(axis=1) / 12.0)
    distances = _standard_scores(logs) * weights
    for index in np.argsort(-np.abs(distances), kind="stable")[:max_pairs]:
        distance = float(abs(distances[index]))
        if distance >= _MIN_SCORE:
            source, target = (int(length) for length in lengths[index])
            reason = f"{target} subwords for {source}"
            signs.setdefault(int(pairs[index]), _Signs()).add(distance, reason)


def _add_word_signs(
    signs: dict[int, _Signs], corpus: Corpus, tokenizers: TokenizerPair, sample: _Integers
) -> None:
    lengths = corpus.lengths_of(sample)
    subset = _CorpusSubset(corpus, sample[(lengths > 0).all(axis=1)])
    if len(subset.pairs) < 2:
        return
    pairs = np.arange(len(subset.pairs), dtype=np.int64)
    sizes = tokenizers.source.size, tokenizers.target.size
    lexicon = learn_lexicon(subset, pairs, *sizes, _ITERATIONS)
    distances = -_standard_scores(mean_log_probabilities(lexicon, subset, pairs))
    for index in np.flatnonzero(distances >= _MIN_SCORE):
        reason = "words that rarely occur together"
        signs.setdefault(int(subset.pairs[index]), _Signs()).add(float(distances[index]), reason)


class _CorpusSubset:
    """Selected pairs of a corpus, presented as a separate corpus."""

    def __init__(self, corpus: Corpus, pairs: _Integers) -> None:
        self._corpus = corpus
        self._lengths = corpus.lengths_of(pairs)
        self.pairs = pairs

    def source(self, pair: int) -> NDArray[np.integer]:
        """Return the source ids of a pair."""
        return self._corpus.source(int(self.pairs[pair]))

    def target(self, pair: int) -> NDArray[np.integer]:
        """Return the target ids of a pair."""
        return self._corpus.target(int(self.pairs[pair]))

    @property
    def source_lengths(self) -> _Integers:
        """The source length of each pair."""
        return self._lengths[:, 0]

    @property
    def target_lengths(self) -> _Integers:
        """The target length of each pair."""
        return self._lengths[:, 1]


def _add_identity_signs(signs: dict[int, _Signs], texts: dict[int, tuple[str, str]]) -> int:
    count = 0
    for pair, (source, target) in texts.items():
        if source == target and any(character.isalpha() for character in source):
            count += 1
            signs.setdefault(pair, _Signs()).add(_CERTAIN_SCORE, "the same text on both sides")
    return count


def _add_script_signs(
    signs: dict[int, _Signs], texts: dict[int, tuple[str, str]]
) -> tuple[Counter[str], Counter[str]]:
    totals: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    counts = {pair: tuple(map(count_scripts, sides)) for pair, sides in texts.items()}
    for sides in counts.values():
        for total, count in zip(totals, sides, strict=True):
            total.update(count)
    most_common = [_most_common(total) for total in totals]
    for pair, sides in counts.items():
        for name, script, count in zip(("source", "target"), most_common, sides, strict=True):
            if script_share(count, script) < 0.5:
                main = _most_common(count)
                reason = f"{name} mostly in {main} letters"
                signs.setdefault(pair, _Signs()).add(_CERTAIN_SCORE, reason)
    return totals


def _most_common(counts: Counter[str]) -> str:
    return counts.most_common(1)[0][0] if counts else ""


def _standard_scores(values: _Reals) -> _Reals:
    """Return the distance of each value from the mean in standard deviations.

    It is 0 where all values are equal.
    """
    deviation = float(values.std())
    return (values - values.mean()) / deviation if deviation > 0.0 else np.zeros(len(values))


def _texts(corpus: Corpus, tokenizers: TokenizerPair, pair: int) -> tuple[str, str]:
    return (
        tokenizers.source.decode(corpus.source(pair).tolist()),
        tokenizers.target.decode(corpus.target(pair).tolist()),
    )

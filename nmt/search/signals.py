"""Quality signals of a translation, from its tokens, its attention and its source."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nmt.data.length_ratio import LengthRatio
from nmt.search.hypothesis import Weights
from nmt.tokenizers.words import (
    END_MARK,
    DisplayWord,
    SegmentedText,
    is_punctuation,
    words_to_display,
)

COVERED = 0.2
"""Attention below which a source word is uncovered."""

_UNKNOWN = re.compile(r"<unk>|<0x[0-9A-F]{2}>")
_COPIED_CHARACTERS = 4
_LEAST_DEVIATION = 2.0
"""Minimum deviation in subwords. Short sentences vary by more than a share of their length."""


class Judged(Protocol):
    """Members of a `Translation` that the signals need."""

    @property
    def text(self) -> str:
        """The translation."""

    @property
    def tokens(self) -> list[str]:
        """Its subwords, with the end mark."""

    @property
    def source_tokens(self) -> list[str]:
        """The source subwords, with the end mark."""

    @property
    def log_probability(self) -> float:
        """The log-probability before the penalties."""

    @property
    def attention(self) -> Weights | None:
        """The attention weights, `[tokens, source_tokens]`, or None."""

    @property
    def segmented_source(self) -> SegmentedText | None:
        """The source text with its subwords, where there is attention."""

    @property
    def segmented_target(self) -> SegmentedText | None:
        """The translation with its subwords, where there is attention."""


@dataclass(frozen=True)
class Signals:
    """Quality signals of one translation.

    Attributes:
        attention_entropy: The entropy of the attention of a target word over the source words, as a
            share of its maximum, averaged over the target words. Words are those of
            `nmt.tokenizers.words`, with punctuation marks apart. None without attention.
        uncovered: The share of source words with less than `COVERED` attention from all target
            words together. Punctuation is excluded. None without attention.
        repetition: The share of subword bigrams that occur earlier in the translation, minus that
            share in the source, at least 0.
        copy: The share of character 4-grams of the translation that occur in the source.
        length: The deviation from the expected length, in standard deviations of the training
            corpus. It is below zero for a short translation.
        log_probability: The mean log-probability of a subword.
        unknown: The share of source words that the tokenizer spells in bytes or does not know.
    """

    attention_entropy: float | None
    uncovered: float | None
    repetition: float
    copy: float
    length: float
    log_probability: float
    unknown: float


def signals(source: str, translation: Judged, ratio: LengthRatio) -> Signals | None:
    """Return the quality signals of a translation, or None for that of a blank text.

    Args:
        source: The source text.
        translation: Its translation.
        ratio: The target subwords per source subword in the training corpus.
    """
    if not translation.source_tokens:
        return None
    spoken = [token for token in translation.tokens if token != END_MARK]
    read = [token for token in translation.source_tokens if token != END_MARK]
    words = words_to_display(translation.source_tokens, translation.segmented_source)
    of_attention = _Attention.of(translation, words)
    return Signals(
        attention_entropy=None if of_attention is None else of_attention.entropy(),
        uncovered=None if of_attention is None else of_attention.uncovered(),
        repetition=max(0.0, _repeated(spoken) - _repeated(read)),
        copy=_copied(translation.text, source),
        length=_deviations(len(spoken), len(read), ratio),
        log_probability=translation.log_probability / max(1, len(translation.tokens)),
        unknown=_share(words, translation.source_tokens, _UNKNOWN.fullmatch),
    )


@dataclass(frozen=True)
class _Attention:
    """Attention of target words to source words.

    Attributes:
        weights: `[target_words, source_words]`, without the end mark of the target. Weights are
            sums over the subwords of a source word, and means over those of a target word.
        spoken: Whether each source word is neither punctuation nor the end mark.
    """

    weights: NDArray[np.float64]
    spoken: Sequence[bool]

    @classmethod
    def of(cls, translation: Judged, words: Sequence[DisplayWord]) -> "_Attention | None":
        """Return the attention of words, or None without attention or target tokens."""
        length = len(translation.tokens) - (translation.tokens[-1:] == [END_MARK])
        if translation.attention is None or length == 0:
            return None
        rows = words_to_display(translation.tokens[:length], translation.segmented_target)
        weights = translation.attention[:length].astype(np.float64)
        weights = np.add.reduceat(weights, [word.subwords[0] for word in words], axis=1)
        weights = np.add.reduceat(weights, [word.subwords[0] for word in rows], axis=0)
        weights /= np.array([len(word.subwords) for word in rows])[:, None]
        tokens = translation.source_tokens
        spoken = [
            tokens[word.subwords[0]] != END_MARK and not is_punctuation(word.text) for word in words
        ]
        return cls(weights, spoken)

    def entropy(self) -> float:
        """Return the mean entropy of target words, as a share of its maximum."""
        count = self.weights.shape[1]
        logarithms = np.log(np.maximum(self.weights, np.finfo(np.float64).tiny))
        return float(-(self.weights * logarithms).sum(1).mean() / np.log(max(2, count)))

    def uncovered(self) -> float:
        """Return the share of uncovered words, without punctuation and the end mark."""
        received = self.weights.sum(0)[self.spoken]
        return float((received < COVERED).mean()) if received.size else 0.0


def _repeated(tokens: Sequence[str]) -> float:
    """Return the share of bigrams that occur earlier."""
    pairs = list(pairwise(tokens))
    return 1.0 - len(set(pairs)) / len(pairs) if pairs else 0.0


def _copied(text: str, source: str) -> float:
    """Return the share of character n-grams that occur in the source, ignoring case."""
    runs, known = _runs(text), set(_runs(source))
    return sum(run in known for run in runs) / len(runs) if runs else 0.0


def _runs(text: str) -> list[str]:
    folded = " ".join(text.casefold().split())
    length = _COPIED_CHARACTERS
    return [folded[i : i + length] for i in range(max(1, len(folded) - length + 1))]


def _deviations(target: int, source: int, ratio: LengthRatio) -> float:
    deviation = max(_LEAST_DEVIATION, ratio.deviation * source)
    return (target - ratio.mean * source) / deviation


def _share(
    words: Sequence[DisplayWord], tokens: Sequence[str], holds: Callable[[str], object]
) -> float:
    """Return the share of words with a token for which `holds` is true, without the end mark."""
    own = [word.subwords for word in words if tokens[word.subwords[0]] != END_MARK]
    return sum(any(holds(tokens[i]) for i in word) for word in own) / max(1, len(own))

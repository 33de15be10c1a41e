"""Signs of a wrong translation, read off the translation, its attention and its source."""

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
"""A source word that received less attention in all is uncovered."""

_UNKNOWN = re.compile(r"<unk>|<0x[0-9A-F]{2}>")
_COPIED_CHARACTERS = 4
_LEAST_DEVIATION = 2.0
"""Subwords. Short sentences vary by more than a share of their length."""


class Judged(Protocol):
    """What is looked at: a `Translation`, or anything with these of its members."""

    @property
    def text(self) -> str: ...
    @property
    def tokens(self) -> list[str]: ...
    @property
    def source_tokens(self) -> list[str]: ...
    @property
    def log_probability(self) -> float: ...
    @property
    def attention(self) -> Weights | None: ...
    @property
    def segmented_source(self) -> SegmentedText | None: ...
    @property
    def segmented_target(self) -> SegmentedText | None: ...


@dataclass(frozen=True)
class Signals:
    """Numbers about one translation.

    attention_entropy: of each target word's attention over the source words, as a share of the
    most it can be (the logarithm of their number), the mean of all words, where words are those of
    `nmt.tokenizers.words` with their punctuation marks apart; uncovered: share of the
    source words, punctuation aside, that received less than `COVERED` of attention from all target
    words together; both None without attention. repetition: share of the pairs of neighbouring
    subwords that came before in the translation, less that share in the source; copy: share of the
    runs of four characters of the translation that are in the source; length: deviations from the
    length that the training corpus leads to expect, below zero for one that is short;
    log_probability: of a subword, in the mean; unknown: share of the source words that the
    tokenizer has to spell in bytes, or has not at all.
    """

    attention_entropy: float | None
    uncovered: float | None
    repetition: float
    copy: float
    length: float
    log_probability: float
    unknown: float


def signals(source: str, translation: Judged, ratio: LengthRatio) -> Signals | None:
    """The signals of a translation; None for that of a blank text.

    source: its text; ratio: target subwords per source subword in the training corpus.
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
    """weights: `[target words, source words]`, without the end mark of the target: the sum over a
    source word's subwords, the mean over a target word's; words: of the source, end mark last.
    """

    weights: NDArray[np.float64]
    spoken: Sequence[bool]

    @classmethod
    def of(cls, translation: Judged, words: Sequence[DisplayWord]) -> "_Attention | None":
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
        """Mean over the target words, as a share of the logarithm of the source words."""
        count = self.weights.shape[1]
        logarithms = np.log(np.maximum(self.weights, np.finfo(np.float64).tiny))
        return float(-(self.weights * logarithms).sum(1).mean() / np.log(max(2, count)))

    def uncovered(self) -> float:
        """Share of the source words that are neither punctuation nor the end mark."""
        received = self.weights.sum(0)[self.spoken]
        return float((received < COVERED).mean()) if received.size else 0.0


def _repeated(tokens: Sequence[str]) -> float:
    """Share of the pairs of neighbours that came before."""
    pairs = list(pairwise(tokens))
    return 1.0 - len(set(pairs)) / len(pairs) if pairs else 0.0


def _copied(text: str, source: str) -> float:
    """Share of the runs of a few characters that are in the source, whatever their case."""
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
    """Of the words that have a token for which it holds; the end mark is no word."""
    own = [word.subwords for word in words if tokens[word.subwords[0]] != END_MARK]
    return sum(any(holds(tokens[i]) for i in word) for word in own) / max(1, len(own))

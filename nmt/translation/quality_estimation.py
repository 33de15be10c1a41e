"""Quality estimation without references: signals and flags of a wrong translation."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nmt.data.manifest import LengthRatio
from nmt.errors import UsageError
from nmt.search.hypothesis import Weights
from nmt.tokenizers.letter_case import CASE_MARKS
from nmt.tokenizers.words import (
    END_MARK,
    SegmentedText,
    is_punctuation,
    words_to_display,
)

if TYPE_CHECKING:
    from nmt.bundles.bundle import Bundle

COVERED = 0.2
"""Attention below which a source word is uncovered."""

_UNKNOWN = re.compile(r"<unk>|<0x[0-9A-F]{2}>")
_COPIED_CHARACTERS = 4
_LEAST_ATTENTION = 1e-6
_LEAST_DEVIATION = 2.0
"""Minimum deviation in subwords. Short sentences vary by more than a share of their length."""


class EstimatedTranslation(Protocol):
    """Members of a `Translation` that the signals need."""

    @property
    def text(self) -> str:
        """The translation."""

    @property
    def tokens(self) -> list[str]:
        """Its subwords, with the end mark."""

    @property
    def source_tokens(self) -> list[str]:
        """The source subwords, with the tags and the end mark."""

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

    @property
    def source_tags(self) -> tuple[str, ...]:
        """The pieces of the tags with which each segment of the source starts."""


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


def signals(source: str, translation: EstimatedTranslation, ratio: LengthRatio) -> Signals | None:
    """Return the quality signals of a translation, or None for that of a blank text.

    Args:
        source: The source text.
        translation: Its translation.
        ratio: The target subwords per source subword in the training corpus.
    """
    if not translation.source_tokens:
        return None
    tags = translation.source_tags
    spoken = [token for token in translation.tokens if token != END_MARK]
    read = [token for token in translation.source_tokens if token != END_MARK]
    untagged = [token for token in read if token not in tags]
    of_attention = _Attention.of(translation)
    return Signals(
        attention_entropy=None if of_attention is None else of_attention.entropy(),
        uncovered=None if of_attention is None else of_attention.uncovered(),
        repetition=max(0.0, _repeated(spoken) - _repeated(untagged)),
        copy=_copied(translation.text, source),
        length=_deviations(len(spoken), len(read), ratio),
        log_probability=translation.log_probability / max(1, len(translation.tokens)),
        unknown=_share(_untagged_words(translation), _UNKNOWN.fullmatch),
    )


@dataclass(frozen=True)
class _Attention:
    """Attention of target words to source words, without the tags.

    Attributes:
        weights: `[target_words, source_words]`, without the end mark of the target. Weights are
            sums over the subwords of a source word, and means over those of a target word. The
            attention that a tag receives does not count: that of the words is scaled up.
        spoken: Whether each source word is neither punctuation nor the end mark.
    """

    weights: NDArray[np.float64]
    spoken: Sequence[bool]

    @classmethod
    def of(cls, translation: EstimatedTranslation) -> "_Attention | None":
        """Return the attention of words, or None without attention or target tokens."""
        tags = translation.source_tags
        words = words_to_display(translation.source_tokens, translation.segmented_source, tags)
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
        if tags:
            weights = weights[:, len(tags) :]
            weights = weights / np.maximum(weights.sum(1, keepdims=True), _LEAST_ATTENTION)
        return cls(weights, spoken[len(tags) :])

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
    """Return the share of bigrams that occur earlier, without case marks."""
    pairs = list(pairwise([token for token in tokens if token not in CASE_MARKS]))
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


def _untagged_words(translation: EstimatedTranslation) -> list[list[str]]:
    """Return the source tokens of each word, without tags and the end mark."""
    tags, known = translation.source_tags, translation.segmented_source
    tokens = translation.source_tokens
    if known is None:
        tokens = [token for token in tokens if token not in tags]
        words = words_to_display(tokens, None)
    else:
        words = words_to_display(tokens, known)[len(tags) :]
    return [
        [tokens[i] for i in word.subwords] for word in words if tokens[word.subwords[0]] != END_MARK
    ]


def _share(words: Sequence[Sequence[str]], holds: Callable[[str], object]) -> float:
    """Return the share of words with a token for which `holds` is true."""
    return sum(any(map(holds, word)) for word in words) / max(1, len(words))


_POWER = 4
"""Power of the norm that combines the signals: one large signal outweighs several small ones."""


@dataclass(frozen=True)
class Thresholds:
    """Thresholds of the quality flags, all above zero.

    A flag is raised when its signal exceeds the threshold: see `Signals`. With the defaults, each
    flag is raised for at most three percent of the translations of a development set. A model's
    confidence depends on its training: see `of_model`.

    Attributes:
        diffuse: The threshold of `attention_entropy`.
        uncovered: The threshold of `uncovered`.
        repetition: The threshold of `repetition`.
        copy: The threshold of `copy`.
        length: The threshold of the absolute value of `length`.
        unsure: The threshold of the negated `log_probability`.
        unknown: The threshold of `unknown`.
    """

    diffuse: float = 0.45
    uncovered: float = 0.3
    repetition: float = 0.15
    copy: float = 0.4
    length: float = 2.5
    unsure: float = 1.4
    unknown: float = 0.1

    @classmethod
    def of_model(cls, dev_loss: float | None) -> "Thresholds":
        """Return the default thresholds for a model.

        The threshold of `unsure` is the square root of the dev loss. About two percent of a model's
        dev translations have a mean subword cost above it. This held within a tenth for models with
        losses of 0.15, 0.5 and 1.9.

        Args:
            dev_loss: The loss of the model on the development set, None where it is unknown.
        """
        return cls() if dev_loss is None else cls(unsure=math.sqrt(dev_loss))


_SIGNALS: Mapping[str, Callable[[Signals], float | None]] = {
    "diffuse": lambda found: found.attention_entropy,
    "uncovered": lambda found: found.uncovered,
    "repetition": lambda found: found.repetition,
    "copy": lambda found: found.copy,
    "length": lambda found: abs(found.length),
    "unsure": lambda found: -found.log_probability,
    "unknown": lambda found: found.unknown,
}
"""The signal of each flag. A value above zero is evidence against a translation."""


@dataclass(frozen=True)
class QualityReport:
    """Quality report on a translation.

    Attributes:
        signals: The quality signals.
        flags: The names of the `Thresholds` that the signals exceed.
        risk: The norm of all signals, each as a multiple of its threshold. It is 0 without
            evidence, and above 1 wherever a flag is raised.
    """

    signals: Signals
    flags: tuple[str, ...]
    risk: float

    def record(self) -> dict[str, Any]:
        """Return the risk and the signals, for a JSON report."""
        return {"risk": self.risk, "signals": asdict(self.signals)}


@dataclass(frozen=True)
class QualityEstimator:
    """Quality estimator, which looks for signs of a wrong translation.

    Attributes:
        ratio: The length ratio of the training corpus.
        thresholds: The thresholds of the flags.
    """

    ratio: LengthRatio
    thresholds: Thresholds = Thresholds()

    @classmethod
    def of(cls, bundle: "Bundle", changes: Mapping[str, float] | None = None) -> "QualityEstimator":
        """Return the quality estimator for translations of a bundle.

        Args:
            bundle: The bundle.
            changes: Thresholds to change, by name: see `parse_thresholds`.
        """
        return cls(
            bundle.length_ratio,
            replace(Thresholds.of_model(bundle.dev_loss), **(changes or {})),
        )

    def estimate(self, source: str, translation: EstimatedTranslation) -> QualityReport | None:
        """Return the quality report on a translation, or None for a blank one.

        Signals of attention count only where the translation carries its attention.

        Args:
            source: The source text.
            translation: Its translation.
        """
        found = signals(source, translation, self.ratio)
        if found is None:
            return None
        times = self._times(found)
        return QualityReport(
            found,
            tuple(name for name, value in times.items() if value > 1.0),
            sum(value**_POWER for value in times.values()) ** (1 / _POWER),
        )

    def _times(self, found: Signals) -> dict[str, float]:
        """Return each known signal as a multiple of its threshold, by the name of its flag."""
        values = {name: value(found) for name, value in _SIGNALS.items()}
        return {
            name: max(0.0, value) / getattr(self.thresholds, name)
            for name, value in values.items()
            if value is not None
        }


def parse_thresholds(thresholds: Sequence[str]) -> dict[str, float]:
    """Return the thresholds that texts of the form `NAME=VALUE` set, by name.

    Raises:
        UsageError: There is no such flag, or a value is no number above zero.
    """
    return dict(map(_parse_threshold, thresholds))


def _parse_threshold(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    known = [field.name for field in fields(Thresholds)]
    if name not in known:
        raise UsageError(f"{text!r}: unknown flag {name!r}; the flags are {', '.join(known)}.")
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0.0 < number < math.inf:
        raise UsageError(f"{text!r}: give a number > 0, such as {name}=0.5.")
    return name, number

"""Breakdowns of scores by sentence length, sentence score and word frequency.

The idea is that of compare-mt (Neubig et al. 2019). A word counts as matched where translation and
reference have it in the same sentence, at any position.

A word is a run of characters that are neither spaces nor punctuation. Each character of a script
that is written without spaces (Chinese, Japanese) is a word. The words of BLEU differ: its
tokenizer is part of its signature.
"""

import unicodedata
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from nmt.evaluation.scores import Statistics, mask_blank_references

LENGTH_BOUNDS = (5, 10, 15, 20, 30, 40, 60)
"""The longest sentence of each bucket, in words; longer sentences have a bucket of their own."""

SCORE_BOUNDS = (10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0)
"""The bounds between buckets of sentence scores, in points."""


@dataclass(frozen=True)
class Bucket:
    """Some of the segments of a text.

    Attributes:
        label: The property that they share.
        segments: Their indices.
    """

    label: str
    segments: tuple[int, ...]


def by_length(lines: Sequence[str], upper_bounds: Sequence[int] = LENGTH_BOUNDS) -> list[Bucket]:
    """Return buckets of segments by the number of words in a line, without empty buckets.

    Args:
        lines: The lines of the text.
        upper_bounds: The longest line of each bucket, in words, in rising order.
    """
    labels = [_interval_label(low + 1, high) for low, high in pairwise((0, *upper_bounds))]
    labels += [f"over {upper_bounds[-1]}"]
    counts = [len(words(line)) for line in lines]
    bucket_indices = [bisect_left(upper_bounds, count) for count in counts]
    return _non_empty_buckets(labels, bucket_indices)


def by_score(scores: Sequence[float], bounds: Sequence[float] = SCORE_BOUNDS) -> list[Bucket]:
    """Return buckets of segments by their score; a bucket includes its lower bound.

    Empty buckets are kept, so that several translations have the same ones.

    Args:
        scores: The score of each segment, in points.
        bounds: The bounds between buckets, in rising order.
    """
    labels = [f"{low:g} to {high:g}" for low, high in pairwise((0.0, *bounds))]
    labels += [f"from {bounds[-1]:g}"]
    bucket_indices = [sum(score >= bound for bound in bounds) for score in scores]
    return _buckets(labels, bucket_indices)


def by_label(labels: Sequence[str]) -> list[Bucket]:
    """Return a bucket of segments for each label, in order of first appearance.

    Args:
        labels: The label of each segment.
    """
    members: dict[str, list[int]] = {}
    for segment, label in enumerate(labels):
        members.setdefault(label, []).append(segment)
    return [Bucket(label, tuple(segments)) for label, segments in members.items()]


def corpus_scores(statistics: Statistics, buckets: Iterable[Bucket]) -> list[float | None]:
    """Return the corpus score of each bucket; None for an empty one.

    Args:
        statistics: The counts of the segments.
        buckets: The buckets.
    """
    return [statistics.corpus(bucket.segments) for bucket in buckets]


def _interval_label(low: int, high: int) -> str:
    if low == 1:
        return f"up to {high}"
    return str(low) if low == high else f"{low} to {high}"


def _buckets(labels: Sequence[str], bucket_indices: Sequence[int]) -> list[Bucket]:
    members: list[list[int]] = [[] for _ in labels]
    for segment, bucket in enumerate(bucket_indices):
        members[bucket].append(segment)
    return [Bucket(label, tuple(segments)) for label, segments in zip(labels, members, strict=True)]


def _non_empty_buckets(labels: Sequence[str], bucket_indices: Sequence[int]) -> list[Bucket]:
    return [bucket for bucket in _buckets(labels, bucket_indices) if bucket.segments]


FREQUENCY_BOUNDS = (1, 2, 5, 10, 100, 1000)
"""The lower bounds of the buckets, after the bucket of words that never occurred."""


@dataclass(frozen=True)
class WordBucket:
    """Words of similar frequency in training.

    Attributes:
        label: The frequencies.
        reference: The number of these words in the reference.
        hypothesis: The number of these words in the translation.
        matched: The number of words that both share, sentence by sentence.
    """

    label: str
    reference: int
    hypothesis: int
    matched: int

    @property
    def recall(self) -> float | None:
        """The share of the reference's words that match; None where there are none."""
        return self.matched / self.reference if self.reference else None

    @property
    def precision(self) -> float | None:
        """The share of the hypothesis' words that match; None where there are none."""
        return self.matched / self.hypothesis if self.hypothesis else None

    @property
    def f1(self) -> float | None:
        """The harmonic mean of precision and recall; None where there are no words.

        It is 2 matched / (reference + hypothesis).
        """
        total = self.reference + self.hypothesis
        return 2 * self.matched / total if total else None


def count_words(
    lines: Iterable[str], wanted: Iterable[str], lowercase: bool = False
) -> Counter[str]:
    """Return the counts of wanted words in a text, which is read once.

    Args:
        lines: The lines of the text.
        wanted: The words to count.
        lowercase: Whether to lowercase the text.
    """
    known = set(wanted)
    counts: Counter[str] = Counter()
    for line in lines:
        counts.update(word for word in words(line.lower() if lowercase else line) if word in known)
    return counts


def vocabulary(texts: Iterable[Iterable[str]], lowercase: bool = False) -> set[str]:
    """Return the words of some texts.

    Args:
        texts: The texts, each as lines.
        lowercase: Whether to lowercase the texts.
    """
    return {
        word
        for text in texts
        for line in text
        for word in words(line.lower() if lowercase else line)
    }


def by_frequency(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    counts: Mapping[str, int],
    lowercase: bool = False,
    lower_bounds: Sequence[int] = FREQUENCY_BOUNDS,
) -> list[WordBucket]:
    """Return buckets of words by their frequency in the training text.

    Of several references of a sentence, the one that shares most words with the hypothesis counts.

    Args:
        hypotheses: One translation a line.
        references: One sequence for each set of references.
        counts: The frequency of each word in the training text; 0 for words that are not there.
        lowercase: Whether to compare without case.
        lower_bounds: The lower bounds of the buckets, in rising order. A bucket of words below the
            first is added.
    """
    totals = [[0, 0, 0] for _ in range(len(lower_bounds) + 1)]
    by_line = zip(*mask_blank_references(references), strict=True)
    for hypothesis, line_references in zip(hypotheses, by_line, strict=True):
        hypothesis_words = _count(hypothesis, lowercase)
        reference_words = max(
            (
                _count(reference, lowercase)
                for reference in line_references
                if reference is not None
            ),
            key=lambda reference: (hypothesis_words & reference).total(),
        )
        for kind, word_counts in enumerate(
            (reference_words, hypothesis_words, hypothesis_words & reference_words)
        ):
            for word, count in word_counts.items():
                totals[bisect_right(lower_bounds, counts.get(word, 0))][kind] += count
    return [
        WordBucket(label, *total)
        for label, total in zip(_frequency_labels(lower_bounds), totals, strict=True)
    ]


def _count(line: str, lowercase: bool) -> Counter[str]:
    return Counter(words(line.lower() if lowercase else line))


def _frequency_labels(lower_bounds: Sequence[int]) -> list[str]:
    labels = ["never" if lower_bounds[0] == 1 else f"under {lower_bounds[0]}"]
    for low, next_low in pairwise(lower_bounds):
        labels.append(str(low) if next_low == low + 1 else f"{low:,} to {next_low - 1:,}")
    return [*labels, f"from {lower_bounds[-1]:,}"]


_HANGUL = range(0xAC00, 0xD7A4)


def split_words_and_spaces(text: str) -> list[str]:
    """Return a text cut into words, runs of spaces, and single punctuation marks.

    Joined they are the text again.
    """
    runs = groupby(enumerate(text), key=lambda each: _run_key(*each))
    return ["".join(character for _, character in run) for _, run in runs]


def words(text: str) -> list[str]:
    """Return the words of a text, without spaces and punctuation."""
    return text.translate(_SEPARATED).split()


def _run_key(index: int, character: str) -> tuple[bool, int]:
    """Return a key that neighbouring characters of one piece share."""
    is_single = not character.isspace() and _SEPARATED[ord(character)] != ord(character)
    return character.isspace(), index if is_single else -1


class _WordSeparator(dict[int, int | str]):
    """A table for `str.translate` that separates words by spaces.

    It replaces punctuation, and surrounds characters that are words of their own.
    """

    def __missing__(self, code: int) -> int | str:
        character = chr(code)
        if unicodedata.category(character)[0] in "PS":
            return self.setdefault(code, " ")
        return self.setdefault(code, f" {character} " if _is_a_word(character) else code)


_SEPARATED = _WordSeparator()


def _is_a_word(character: str) -> bool:
    wide = unicodedata.east_asian_width(character) in "WF"
    letter = unicodedata.category(character) in ("Lo", "Lm")
    return wide and letter and ord(character) not in _HANGUL

"""Breakdowns of scores by sentence length, sentence score and word frequency.

The idea is that of compare-mt (Neubig et al. 2019). A word counts as found where translation and
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

from nmt.evaluation.scores import Statistics, present

LENGTHS = (5, 10, 15, 20, 30, 40, 60)
"""The longest sentence of each bucket, in words; longer sentences have a bucket of their own."""

SCORES = (10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0)
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


def by_length(lines: Sequence[str], greatest: Sequence[int] = LENGTHS) -> list[Bucket]:
    """Return buckets of segments by the number of words in a line, without empty buckets.

    Args:
        lines: The lines of the text.
        greatest: The longest line of each bucket, in words, in rising order.
    """
    labels = [_interval(low + 1, high) for low, high in pairwise((0, *greatest))]
    labels += [f"over {greatest[-1]}"]
    counts = [len(words(line)) for line in lines]
    places = [bisect_left(greatest, count) for count in counts]
    return _filled(labels, places)


def by_score(scores: Sequence[float], ends: Sequence[float] = SCORES) -> list[Bucket]:
    """Return buckets of segments by their score; a bucket includes its lower bound.

    Empty buckets are kept, so that several translations have the same ones.

    Args:
        scores: The score of each segment, in points.
        ends: The bounds between buckets, in rising order.
    """
    labels = [f"{low:g} to {high:g}" for low, high in pairwise((0.0, *ends))]
    labels += [f"from {ends[-1]:g}"]
    places = [sum(score >= end for end in ends) for score in scores]
    return _buckets(labels, places)


def corpus_scores(statistics: Statistics, buckets: Iterable[Bucket]) -> list[float | None]:
    """Return the corpus score of each bucket; None for an empty one.

    Args:
        statistics: The counts of the segments.
        buckets: The buckets.
    """
    return [statistics.corpus(bucket.segments) for bucket in buckets]


def _interval(low: int, high: int) -> str:
    if low == 1:
        return f"up to {high}"
    return str(low) if low == high else f"{low} to {high}"


def _buckets(labels: Sequence[str], places: Sequence[int]) -> list[Bucket]:
    members: list[list[int]] = [[] for _ in labels]
    for segment, place in enumerate(places):
        members[place].append(segment)
    return [Bucket(label, tuple(each)) for label, each in zip(labels, members, strict=True)]


def _filled(labels: Sequence[str], places: Sequence[int]) -> list[Bucket]:
    return [bucket for bucket in _buckets(labels, places) if bucket.segments]


FREQUENCIES = (1, 2, 5, 10, 100, 1000)
"""The lower bounds of the buckets, after the bucket of words that never occurred."""


@dataclass(frozen=True)
class WordBucket:
    """Words of similar frequency in training.

    Attributes:
        label: The frequencies.
        reference: The number of these words in the reference.
        hypothesis: The number of these words in the translation.
        found: The number of words that both share, sentence by sentence.
    """

    label: str
    reference: int
    hypothesis: int
    found: int

    @property
    def recall(self) -> float | None:
        """The share of the reference's words that were found; None where there are none."""
        return self.found / self.reference if self.reference else None

    @property
    def precision(self) -> float | None:
        """The share of the hypothesis' words that were found; None where there are none."""
        return self.found / self.hypothesis if self.hypothesis else None

    @property
    def f1(self) -> float | None:
        """The harmonic mean of precision and recall; None where there are no words.

        It is 2 found / (reference + hypothesis).
        """
        both = self.reference + self.hypothesis
        return 2 * self.found / both if both else None


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
    begins: Sequence[int] = FREQUENCIES,
) -> list[WordBucket]:
    """Return buckets of words by their frequency in the training text.

    Of several references, the one that shares most words with the hypothesis counts, sentence by
    sentence.

    Args:
        hypotheses: One translation a line.
        references: One sequence for each set of references.
        counts: The frequency of each word in the training text; 0 for words that are not there.
        lowercase: Whether to compare without case.
        begins: The lower bounds of the buckets, in rising order. A bucket of words below the first
            is added.
    """
    totals = [[0, 0, 0] for _ in range(len(begins) + 1)]
    by_line = zip(*present(references), strict=True)
    for hypothesis, several in zip(hypotheses, by_line, strict=True):
        ours = _counted(hypothesis, lowercase)
        theirs = max(
            (_counted(reference, lowercase) for reference in several if reference is not None),
            key=lambda reference: (ours & reference).total(),
        )
        for kind, bag in enumerate((theirs, ours, ours & theirs)):
            for word, count in bag.items():
                totals[bisect_right(begins, counts.get(word, 0))][kind] += count
    return [WordBucket(label, *total) for label, total in zip(_labels(begins), totals, strict=True)]


def _counted(line: str, lowercase: bool) -> Counter[str]:
    return Counter(words(line.lower() if lowercase else line))


def _labels(begins: Sequence[int]) -> list[str]:
    labels = ["never" if begins[0] == 1 else f"under {begins[0]}"]
    for low, after in pairwise(begins):
        labels.append(str(low) if after == low + 1 else f"{low:,} to {after - 1:,}")
    return [*labels, f"from {begins[-1]:,}"]


_HANGUL = range(0xAC00, 0xD7A4)


def pieces(text: str) -> list[str]:
    """Return a text cut into words, runs of spaces, and single punctuation marks.

    Joined they are the text again.
    """
    runs = groupby(enumerate(text), key=lambda each: _run(*each))
    return ["".join(character for _, character in run) for _, run in runs]


def words(text: str) -> list[str]:
    """Return the words of a text, without spaces and punctuation."""
    return text.translate(_SPACED).split()


def _run(place: int, character: str) -> tuple[bool, int]:
    """Return a key that neighbouring characters of one piece share."""
    alone = not character.isspace() and _SPACED[ord(character)] != ord(character)
    return character.isspace(), place if alone else -1


class _Spaced(dict[int, int | str]):
    """A table for `str.translate` that separates words by spaces.

    It replaces punctuation, and surrounds characters that are words of their own.
    """

    def __missing__(self, code: int) -> int | str:
        character = chr(code)
        if unicodedata.category(character)[0] in "PS":
            return self.setdefault(code, " ")
        return self.setdefault(code, f" {character} " if _is_a_word(character) else code)


_SPACED = _Spaced()


def _is_a_word(character: str) -> bool:
    wide = unicodedata.east_asian_width(character) in "WF"
    letter = unicodedata.category(character) in ("Lo", "Lm")
    return wide and letter and ord(character) not in _HANGUL

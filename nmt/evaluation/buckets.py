"""Buckets of the segments of a text, which show where a translation is good and where it is not."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from nmt.evaluation.segments import Statistics
from nmt.evaluation.words import words

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

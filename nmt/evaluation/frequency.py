"""How well words are translated, by how often training saw them: systems differ in rare words.

The idea is that of compare-mt (Neubig et al. 2019): a word counts as found where translation and
reference have it in the same sentence, at any place.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from nmt.evaluation.scores import present
from nmt.evaluation.words import words

FREQUENCIES = (1, 2, 5, 10, 100, 1000)
"""Where buckets begin, after the one of words that were never seen."""


@dataclass(frozen=True)
class WordBucket:
    """Words that training saw about equally often. reference, hypothesis: how many there are in
    these texts; found: how many they share, sentence by sentence.
    """

    label: str
    reference: int
    hypothesis: int
    found: int

    @property
    def recall(self) -> float | None:
        """Share of the reference's words that were found; None where there are none."""
        return self.found / self.reference if self.reference else None

    @property
    def precision(self) -> float | None:
        """Share of the hypothesis' words that were found; None where there are none."""
        return self.found / self.hypothesis if self.hypothesis else None

    @property
    def f1(self) -> float | None:
        """Both as one, 2 found / (reference + hypothesis); None where there are no words."""
        both = self.reference + self.hypothesis
        return 2 * self.found / both if both else None


def count_words(
    lines: Iterable[str], wanted: Iterable[str], lowercase: bool = False
) -> Counter[str]:
    """How often each of the wanted words is in a text, which may be long: it is read once."""
    known = set(wanted)
    counts: Counter[str] = Counter()
    for line in lines:
        counts.update(word for word in words(line.lower() if lowercase else line) if word in known)
    return counts


def vocabulary(texts: Iterable[Iterable[str]], lowercase: bool = False) -> set[str]:
    """The words of some texts."""
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
    """Words by how often they are in the training text (`counts`). Of several references each
    sentence's is the one that shares most words with the hypothesis.
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

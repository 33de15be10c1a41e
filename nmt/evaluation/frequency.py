"""The accuracy of words by their frequency in training: systems differ in rare words.

The idea is that of compare-mt (Neubig et al. 2019). A word counts as found where translation and
reference have it in the same sentence, at any position.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from nmt.evaluation.scores import present
from nmt.evaluation.words import words

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

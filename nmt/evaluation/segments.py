"""Counts of a metric in each segment, for scores of sentences and of any part of a text.

A metric of sacreBLEU sums its counts over the segments of a text and computes a score from the
sums. The counts of each segment give the score of a part without reading the text again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nmt.evaluation.metrics import ScorerOptions, make_scorer
from nmt.evaluation.scores import check_counts, present

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric as Scorer


@dataclass(frozen=True)
class Statistics:
    """The counts of a metric in each segment of one translation.

    Attributes:
        metric: The name of the metric.
        name: The name in papers.
        rows: The counts of each segment.
    """

    metric: str
    name: str
    rows: list[list[float]]
    _whole: "Scorer"
    _single: "Scorer"

    def corpus(self, segments: Iterable[int] | None = None) -> float | None:
        """Return the corpus score of some segments; None where there are none.

        Args:
            segments: The indices of the segments; None: all.
        """
        rows = self.rows if segments is None else [self.rows[i] for i in segments]
        return float(self._whole._aggregate_and_compute(rows).score) if rows else None

    def sentences(self) -> list[float]:
        """Return the score of each segment, equal to sacreBLEU's `sentence_score`.

        BLEU uses the n-gram orders that a segment has (its effective order).
        """
        return [float(self._single._compute_score_from_stats(row).score) for row in self.rows]


class SegmentScorer:
    """Counts in translations of one text, whose references are read once.

    Args:
        references: One sequence for each set of references.
        metric: The name of the metric.
        lowercase: See `score`.
        tokenize: See `score`.

    Raises:
        UsageError: See `score`.
        ResourceError: See `score`.
    """

    def __init__(
        self,
        references: Sequence[Sequence[str]],
        metric: str,
        *,
        lowercase: bool = False,
        tokenize: str | None = None,
    ) -> None:
        """Make the scorers of the metric."""
        self._references = references
        self._metric = metric
        options = ScorerOptions(lowercase, tokenize, present(references))
        self._whole = make_scorer(metric, options)
        self._single = make_scorer(metric, replace(options, references=None, effective_order=True))

    def statistics(self, hypotheses: Sequence[str]) -> Statistics:
        """Return the counts in each segment of a translation.

        Raises:
            DataError: The line counts differ.
        """
        check_counts(hypotheses, self._references)
        rows = self._whole._extract_corpus_statistics(hypotheses, None)
        name = self._whole._aggregate_and_compute(rows).name
        return Statistics(self._metric, name, rows, self._whole, self._single)


def length_ratio(bleu: Statistics, segments: Iterable[int] | None = None) -> float | None:
    """Return the words of a translation divided by those of its references, as BLEU counts them.

    Args:
        bleu: The counts of BLEU.
        segments: The indices of the segments to count; None: all.

    Returns:
        The ratio; None where the references have no words.
    """
    rows = bleu.rows if segments is None else [bleu.rows[i] for i in segments]
    words = sum(row[1] for row in rows)
    return sum(row[0] for row in rows) / words if words else None

"""What a metric counts in each segment: of it come scores of sentences and of any part of a text.

A metric of sacreBLEU sums its counts over the segments of a text and makes a score of the sums.
Kept apart, they give the score of a part without looking at the text again.
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
    """What a metric counted in each segment of one translation.

    metric: the name to ask for it by; name: as papers write it; rows: the counts of each segment.
    """

    metric: str
    name: str
    rows: list[list[float]]
    _whole: "Scorer"
    _single: "Scorer"

    def corpus(self, segments: Iterable[int] | None = None) -> float | None:
        """The score of a text made of these segments, by index; None: of all. None for no segment:
        it has no score.
        """
        rows = self.rows if segments is None else [self.rows[i] for i in segments]
        return float(self._whole._aggregate_and_compute(rows).score) if rows else None

    def sentences(self) -> list[float]:
        """The score of each segment, as sacreBLEU's `sentence_score` gives it: BLEU takes the
        orders that there are (its effective order).
        """
        return [float(self._single._compute_score_from_stats(row).score) for row in self.rows]


class SegmentScorer:
    """Counts in translations of one text; the references are looked through once."""

    def __init__(
        self,
        references: Sequence[Sequence[str]],
        metric: str,
        *,
        lowercase: bool = False,
        tokenize: str | None = None,
    ) -> None:
        """references: one sequence for each set of references; the rest as for `score`.

        Raises as `score` does.
        """
        self._references = references
        self._metric = metric
        options = ScorerOptions(lowercase, tokenize, present(references))
        self._whole = make_scorer(metric, options)
        self._single = make_scorer(metric, replace(options, references=None, effective_order=True))

    def statistics(self, hypotheses: Sequence[str]) -> Statistics:
        """What there is in each segment. Raises DataError when the counts differ."""
        check_counts(hypotheses, self._references)
        rows = self._whole._extract_corpus_statistics(hypotheses, None)
        name = self._whole._aggregate_and_compute(rows).name
        return Statistics(self._metric, name, rows, self._whole, self._single)


def length_ratio(bleu: Statistics, segments: Iterable[int] | None = None) -> float | None:
    """Words of the translation to those of its references, as BLEU counts them, of these segments
    (None: of all); None where the references have no word.
    """
    rows = bleu.rows if segments is None else [bleu.rows[i] for i in segments]
    words = sum(row[1] for row in rows)
    return sum(row[0] for row in rows) / words if words else None

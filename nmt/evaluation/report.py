"""All there is to say of several translations of one text: scores, how sure they are, and where one
is good and the other is not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nmt.evaluation.buckets import Bucket, by_length, by_score, corpus_scores
from nmt.evaluation.frequency import WordBucket, by_frequency
from nmt.evaluation.metrics import SHORT_REFERENCES
from nmt.evaluation.scores import METRICS, first_present
from nmt.evaluation.segments import SegmentScorer, Statistics, length_ratio
from nmt.evaluation.significance import Comparison, Method, Standing, compare


@dataclass(frozen=True)
class System:
    """A translation of the text, one line each, and the name to call it by."""

    name: str
    hypotheses: Sequence[str]


@dataclass(frozen=True)
class Question:
    """What is asked about translations.

    references: one sequence for each set of references; sources: what was translated, where it is
    known; counts: how often words are in the training text, where it is known; the rest as for
    `score` and `compare`.
    """

    references: Sequence[Sequence[str]]
    sources: Sequence[str] | None = None
    counts: Mapping[str, int] | None = None
    metrics: Sequence[str] = METRICS
    lowercase: bool = False
    tokenize: str | None = None
    method: Method = "bootstrap"
    trials: int | None = None


@dataclass(frozen=True)
class Measure:
    """What one metric says. statistics: of each system, the baseline first."""

    metric: str
    comparison: Comparison
    statistics: list[Statistics]

    @property
    def standings(self) -> list[Standing]:
        """Of each system, the baseline first."""
        return self.comparison.standings


@dataclass(frozen=True)
class Report:
    """The answer.

    systems: the baseline first; ratios: of lengths, by system, as BLEU counts words; lengths:
    segments by words of the source, or of the reference where the source is not known; words: by
    frequency, by system; None where no counts are known.
    """

    question: Question
    systems: Sequence[System]
    measures: list[Measure]
    ratios: list[float | None]
    lengths: list[Bucket]
    words: list[list[WordBucket]] | None = field(default=None)

    @property
    def measured_by(self) -> str:
        """Whose words `lengths` counts."""
        return "reference" if self.question.sources is None else "source"

    @property
    def sampling(self) -> dict[str, Any]:
        """How significance was found, as plain data."""
        return {"test": self.question.method, "baseline": self.systems[0].name}


def report(systems: Sequence[System], question: Question) -> Report:
    """Compare translations of one text, the first of which is the baseline.

    Raises as `compare` does.
    """
    texts = [system.hypotheses for system in systems]
    measures = [_measure(metric, texts, question) for metric in question.metrics]
    bleu = _scorer(question, "bleu")
    sources = question.sources
    lines = first_present(question.references) if sources is None else sources
    return Report(
        question=question,
        systems=systems,
        measures=measures,
        ratios=[length_ratio(bleu.statistics(text)) for text in texts],
        lengths=by_length(lines),
        words=None
        if question.counts is None
        else [
            by_frequency(text, question.references, question.counts, question.lowercase)
            for text in texts
        ],
    )


def noise_warnings(found: Report) -> list[str]:
    """Return what to warn of where a score is noise, for each system.

    References that are too short for BLEU are warned of by `reference_warnings`.
    """
    several = len(found.systems) > 1
    return [
        (f"{system.name}: " if several else "")
        + noise_warning(measure.comparison.metric, standing.score, standing.noise)
        for measure in found.measures
        for system, standing in zip(found.systems, measure.standings, strict=True)
        if standing.noise not in ("", SHORT_REFERENCES)
    ]


def noise_warning(name: str, value: float, noise: str) -> str:
    """Return the warning of a score that is noise, for the reason `noise`."""
    return f"{name} {value:.2f} is noise ({noise}). Look at chrF."


def _measure(metric: str, texts: Sequence[Sequence[str]], question: Question) -> Measure:
    comparison = compare(
        texts[0],
        texts[1:],
        question.references,
        metric,
        method=question.method,
        trials=question.trials,
        lowercase=question.lowercase,
        tokenize=question.tokenize,
    )
    scorer = _scorer(question, metric)
    return Measure(metric, comparison, [scorer.statistics(text) for text in texts])


def _scorer(question: Question, metric: str) -> SegmentScorer:
    return SegmentScorer(
        question.references, metric, lowercase=question.lowercase, tokenize=question.tokenize
    )


def systems_record(found: Report) -> list[dict[str, Any]]:
    """The scores of each system, for programs."""
    return [
        {
            "name": system.name,
            "length_ratio": found.ratios[place],
            "scores": [_score_record(measure, place) for measure in found.measures],
        }
        for place, system in enumerate(found.systems)
    ]


def _score_record(measure: Measure, place: int) -> dict[str, Any]:
    standing = measure.standings[place]
    record: dict[str, Any] = {
        "metric": measure.metric,
        "name": measure.comparison.metric,
        "value": standing.score,
        "interval": list(standing.interval),
        "signature": measure.comparison.signature,
        "noise": standing.noise,
    }
    if standing.p is not None:
        record |= {"p": standing.p, "identical": standing.identical}
    return record


def buckets_record(found: Report) -> dict[str, Any]:
    """What there is in parts of the text, for programs: a row for each bucket, in which each list
    has an item for each system.
    """
    record: dict[str, Any] = {
        f"{found.measured_by}_length": [
            {"words": bucket.label, "lines": len(bucket.segments), **scores}
            for bucket, scores in zip(found.lengths, _by_metric(found), strict=True)
        ],
        "sentence_score": {measure.metric: _spread(measure) for measure in found.measures},
    }
    if found.words is not None:
        record["word_frequency"] = [
            _words_record(buckets) for buckets in zip(*found.words, strict=True)
        ]
    return record


def _by_metric(found: Report) -> list[dict[str, list[float | None]]]:
    """For each bucket of lengths the scores of the systems, by metric."""
    scores = {
        measure.metric: [corpus_scores(each, found.lengths) for each in measure.statistics]
        for measure in found.measures
    }
    return [
        {metric: [of_system[place] for of_system in each] for metric, each in scores.items()}
        for place in range(len(found.lengths))
    ]


def _spread(measure: Measure) -> list[dict[str, Any]]:
    """How many sentences of each system score how much."""
    spreads = [by_score(each.sentences()) for each in measure.statistics]
    return [
        {"points": buckets[0].label, "lines": [len(bucket.segments) for bucket in buckets]}
        for buckets in zip(*spreads, strict=True)
    ]


def _words_record(buckets: Sequence[WordBucket]) -> dict[str, Any]:
    return {
        "seen": buckets[0].label,
        "reference": [bucket.reference for bucket in buckets],
        "hypothesis": [bucket.hypothesis for bucket in buckets],
        "found": [bucket.found for bucket in buckets],
        "f1": [bucket.f1 for bucket in buckets],
    }

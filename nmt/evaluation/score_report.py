"""The report on several translations of one text: scores, significance, breakdowns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nmt.console import say
from nmt.evaluation.breakdown import (
    Bucket,
    WordBucket,
    by_frequency,
    by_length,
    by_score,
    corpus_scores,
)
from nmt.evaluation.metrics import SHORT_REFERENCES, metric
from nmt.evaluation.scores import METRICS, SegmentScorer, Statistics, first_present, length_ratio
from nmt.evaluation.significance import SIGNIFICANT, Comparison, Method, Standing, compare
from nmt.runtime.tables import print_table


@dataclass(frozen=True)
class System:
    """A translation of the text.

    Attributes:
        name: The name of the system.
        hypotheses: One translation a line.
    """

    name: str
    hypotheses: Sequence[str]


@dataclass(frozen=True)
class Question:
    """The options of a report.

    Attributes:
        references: One sequence for each set of references.
        sources: The source text, where it is known.
        counts: The frequencies of words in the training text, where they are known.
        metrics: See `score`.
        lowercase: See `score`.
        tokenize: See `score`.
        method: See `compare`.
        trials: See `compare`.
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
    """The results by one metric.

    Attributes:
        metric: The name of the metric.
        comparison: The scores of the systems and their significance.
        statistics: The counts of each system, the baseline first.
    """

    metric: str
    comparison: Comparison
    statistics: list[Statistics]

    @property
    def standings(self) -> list[Standing]:
        """The score of each system, the baseline first."""
        return self.comparison.standings


@dataclass(frozen=True)
class ScoreReport:
    """The scores of several systems and their breakdowns.

    Attributes:
        question: The options of the report.
        systems: The systems, the baseline first.
        measures: The results by metric.
        ratios: The length ratio of each system, with words as BLEU counts them.
        lengths: Buckets of segments by words of the source, or of the reference where the source is
            not known.
        words: Buckets of words by frequency, for each system; None where no frequencies are known.
    """

    question: Question
    systems: Sequence[System]
    measures: list[Measure]
    ratios: list[float | None]
    lengths: list[Bucket]
    words: list[list[WordBucket]] | None = field(default=None)

    @property
    def measured_by(self) -> str:
        """The text whose words `lengths` counts."""
        return "reference" if self.question.sources is None else "source"

    @property
    def sampling(self) -> dict[str, Any]:
        """The method of the significance test, as plain data."""
        return {"test": self.question.method, "baseline": self.systems[0].name}


def report(systems: Sequence[System], question: Question) -> ScoreReport:
    """Compare translations of one text.

    Args:
        systems: The translations, the baseline first.
        question: The options of the report.

    Returns:
        The report.

    Raises:
        DataError: See `compare`.
        UsageError: See `compare`.
        ResourceError: See `compare`.
    """
    texts = [system.hypotheses for system in systems]
    measures = [_measure(metric, texts, question) for metric in question.metrics]
    bleu = _scorer(question, "bleu")
    sources = question.sources
    lines = first_present(question.references) if sources is None else sources
    return ScoreReport(
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


def noise_warnings(found: ScoreReport) -> list[str]:
    """Return the warnings about scores that are noise, for each system.

    References that are too short for BLEU are left to `reference_warnings`.
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
    """Return the warning about a score that is noise.

    Args:
        name: The name of the metric.
        value: The score.
        noise: The reason why it is noise.
    """
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


def systems_record(found: ScoreReport) -> list[dict[str, Any]]:
    """Return the scores of each system, for programs."""
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


def buckets_record(found: ScoreReport) -> dict[str, Any]:
    """Return the breakdowns of the scores, for programs.

    There is a row for each bucket, in which each list has an item for each system.
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


def _by_metric(found: ScoreReport) -> list[dict[str, list[float | None]]]:
    """Return the scores of the systems by metric, for each bucket of lengths."""
    scores = {
        measure.metric: [corpus_scores(each, found.lengths) for each in measure.statistics]
        for measure in found.measures
    }
    return [
        {metric: [of_system[place] for of_system in each] for metric, each in scores.items()}
        for place in range(len(found.lengths))
    ]


def _spread(measure: Measure) -> list[dict[str, Any]]:
    """Return the number of sentences of each system in each bucket of scores."""
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


def print_scores(found: ScoreReport) -> None:
    """Print one table of all systems and metrics, and the signatures of the metrics."""
    header, rows = ["system"], [[system.name] for system in found.systems]
    for measure in found.measures:
        header += [measure.comparison.metric, "p"]
        for row, standing in zip(rows, measure.standings, strict=True):
            row += [_confident(standing, metric(measure.metric).highest), _chance(standing)]
    header.append("hyp/ref")
    for row, ratio in zip(rows, found.ratios, strict=True):
        row.append("-" if ratio is None else f"{ratio:.3f}")
    print_table(header, rows, left_aligned=(0,))
    for measure in found.measures:
        print(f"{measure.comparison.metric}: {measure.comparison.signature}")


def _confident(standing: Standing, highest: float) -> str:
    """Return a score and half the width of its interval.

    Where that would exceed the scale, the interval itself is shown.
    """
    low, high = standing.interval
    half = (high - low) / 2
    if standing.score < half or standing.score + half > highest:
        return f"{standing.score:.2f} ({low:.2f} - {high:.2f})"
    return f"{standing.score:.2f} ± {half:.2f}"


def _chance(standing: Standing) -> str:
    if standing.p is None:
        return "-"
    return f"{standing.p:.3f}{'*' if standing.p < SIGNIFICANT else ' '}"


def tell_verdicts(found: ScoreReport) -> None:
    """Write a sentence about each system that does not differ from the baseline."""
    baseline = found.systems[0].name
    for place, system in enumerate(found.systems[1:], start=1):
        standings = [measure.standings[place] for measure in found.measures]
        if standings[0].identical:
            say(f"{system.name}: the same as {baseline} in every line, so p = 1")
        elif all(standing.p is None or standing.p >= SIGNIFICANT for standing in standings):
            say(f"{system.name}: no difference to {baseline} beyond chance")


def print_buckets(found: ScoreReport) -> None:
    """Print tables by length, by score and by word frequency."""
    record = buckets_record(found)
    names = [system.name for system in found.systems]
    for measure in found.measures:
        title = measure.comparison.metric
        print(f"\n{title} by words of the {found.measured_by}")
        rows = [
            [row["words"], str(row["lines"]), *map(_figure, row[measure.metric])]
            for row in record[f"{found.measured_by}_length"]
        ]
        print_table(["words", "lines", *names], rows, left_aligned=(0,))
    for measure in found.measures:
        print(f"\nlines by {measure.comparison.metric} of the sentence")
        rows = [
            [row["points"], *map(str, row["lines"])]
            for row in record["sentence_score"][measure.metric]
        ]
        print_table(["points", *names], rows, left_aligned=(0,))
    if found.words is not None:
        print("\nF1 of words by how often training saw them")
        rows = [
            [row["seen"], f"{row['reference'][0]:,}", *map(_percent, row["f1"])]
            for row in record["word_frequency"]
        ]
        print_table(["times seen", "words", *names], rows, left_aligned=(0,))


def _figure(score: float | None) -> str:
    return "-" if score is None else f"{score:.2f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"

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
from nmt.evaluation.scores import METRICS, SegmentScorer, Statistics, first_references, length_ratio
from nmt.evaluation.significance import SIGNIFICANT, Comparison, Method, SystemScore, compare
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
class ReportOptions:
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
class MetricResult:
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
    def system_scores(self) -> list[SystemScore]:
        """The score of each system, the baseline first."""
        return self.comparison.system_scores


@dataclass(frozen=True)
class ScoreReport:
    """The scores of several systems and their breakdowns.

    Attributes:
        options: The options of the report.
        systems: The systems, the baseline first.
        results: The results by metric.
        ratios: The length ratio of each system, with words as BLEU counts them.
        lengths: Buckets of segments by words of the source, or of the reference where the source is
            not known.
        words: Buckets of words by frequency, for each system; None where no frequencies are known.
    """

    options: ReportOptions
    systems: Sequence[System]
    results: list[MetricResult]
    ratios: list[float | None]
    lengths: list[Bucket]
    words: list[list[WordBucket]] | None = field(default=None)

    @property
    def length_side(self) -> str:
        """The text whose words `lengths` counts."""
        return "reference" if self.options.sources is None else "source"

    @property
    def sampling(self) -> dict[str, Any]:
        """The method of the significance test, as plain data."""
        return {"test": self.options.method, "baseline": self.systems[0].name}


def compare_systems(systems: Sequence[System], options: ReportOptions) -> ScoreReport:
    """Compare translations of one text.

    Args:
        systems: The translations, the baseline first.
        options: The options of the report.

    Returns:
        The report.

    Raises:
        DataError: See `compare`.
        UsageError: See `compare`.
        ResourceError: See `compare`.
    """
    texts = [system.hypotheses for system in systems]
    results = [_score_by_metric(metric, texts, options) for metric in options.metrics]
    bleu = _scorer(options, "bleu")
    sources = options.sources
    lines = first_references(options.references) if sources is None else sources
    return ScoreReport(
        options=options,
        systems=systems,
        results=results,
        ratios=[length_ratio(bleu.statistics(text)) for text in texts],
        lengths=by_length(lines),
        words=None
        if options.counts is None
        else [
            by_frequency(text, options.references, options.counts, options.lowercase)
            for text in texts
        ],
    )


def noise_warnings(report: ScoreReport) -> list[str]:
    """Return the warnings about scores that are noise, for each system.

    References that are too short for BLEU are left to `reference_warnings`.
    """
    several = len(report.systems) > 1
    return [
        (f"{system.name}: " if several else "")
        + noise_warning(result.comparison.metric, system_score.score, system_score.noise)
        for result in report.results
        for system, system_score in zip(report.systems, result.system_scores, strict=True)
        if system_score.noise not in ("", SHORT_REFERENCES)
    ]


def noise_warning(name: str, value: float, noise: str) -> str:
    """Return the warning about a score that is noise.

    Args:
        name: The name of the metric.
        value: The score.
        noise: The reason why it is noise.
    """
    return f"{name} {value:.2f} is unreliable ({noise}). Use chrF."


def compare_texts(
    metric: str, texts: Sequence[Sequence[str]], options: ReportOptions
) -> Comparison:
    """Return the scores of translations by one metric, and their significance.

    Args:
        metric: The name of the metric.
        texts: The translations, the baseline first.
        options: The options of the report.

    Raises:
        DataError: See `compare`.
        UsageError: See `compare`.
        ResourceError: See `compare`.
    """
    return compare(
        texts[0],
        texts[1:],
        options.references,
        metric,
        method=options.method,
        trials=options.trials,
        lowercase=options.lowercase,
        tokenize=options.tokenize,
    )


def _score_by_metric(
    metric: str, texts: Sequence[Sequence[str]], options: ReportOptions
) -> MetricResult:
    comparison = compare_texts(metric, texts, options)
    scorer = _scorer(options, metric)
    return MetricResult(metric, comparison, [scorer.statistics(text) for text in texts])


def _scorer(options: ReportOptions, metric: str) -> SegmentScorer:
    return SegmentScorer(
        options.references, metric, lowercase=options.lowercase, tokenize=options.tokenize
    )


def systems_record(report: ScoreReport) -> list[dict[str, Any]]:
    """Return the scores of each system, for programs."""
    return [
        {
            "name": system.name,
            "length_ratio": report.ratios[index],
            "scores": [_score_record(result, index) for result in report.results],
        }
        for index, system in enumerate(report.systems)
    ]


def _score_record(result: MetricResult, index: int) -> dict[str, Any]:
    system_score = result.system_scores[index]
    record: dict[str, Any] = {
        "metric": result.metric,
        "name": result.comparison.metric,
        "value": system_score.score,
        "interval": list(system_score.interval),
        "signature": result.comparison.signature,
        "noise": system_score.noise,
    }
    if system_score.p is not None:
        record |= {"p": system_score.p, "identical": system_score.identical}
    return record


def buckets_record(report: ScoreReport) -> dict[str, Any]:
    """Return the breakdowns of the scores, for programs.

    There is a row for each bucket, in which each list has an item for each system.
    """
    record: dict[str, Any] = {
        f"{report.length_side}_length": [
            {"words": bucket.label, "lines": len(bucket.segments), **scores}
            for bucket, scores in zip(report.lengths, _bucket_scores(report), strict=True)
        ],
        "sentence_score": {result.metric: _score_distribution(result) for result in report.results},
    }
    if report.words is not None:
        record["word_frequency"] = [
            _words_record(buckets) for buckets in zip(*report.words, strict=True)
        ]
    return record


def _bucket_scores(report: ScoreReport) -> list[dict[str, list[float | None]]]:
    """Return the scores of the systems by metric, for each bucket of lengths."""
    scores = {
        result.metric: [corpus_scores(each, report.lengths) for each in result.statistics]
        for result in report.results
    }
    return [
        {metric: [of_system[index] for of_system in each] for metric, each in scores.items()}
        for index in range(len(report.lengths))
    ]


def _score_distribution(result: MetricResult) -> list[dict[str, Any]]:
    """Return the number of sentences of each system in each bucket of scores."""
    spreads = [by_score(each.sentences()) for each in result.statistics]
    return [
        {"points": buckets[0].label, "lines": [len(bucket.segments) for bucket in buckets]}
        for buckets in zip(*spreads, strict=True)
    ]


def _words_record(buckets: Sequence[WordBucket]) -> dict[str, Any]:
    return {
        "seen": buckets[0].label,
        "reference": [bucket.reference for bucket in buckets],
        "hypothesis": [bucket.hypothesis for bucket in buckets],
        "found": [bucket.matched for bucket in buckets],
        "f1": [bucket.f1 for bucket in buckets],
    }


def print_scores(report: ScoreReport) -> None:
    """Print one table of all systems and metrics, and the signatures of the metrics."""
    header, rows = ["system"], [[system.name] for system in report.systems]
    for result in report.results:
        header += [result.comparison.metric, "p"]
        for row, system_score in zip(rows, result.system_scores, strict=True):
            row += [
                format_interval(
                    system_score.score, system_score.interval, metric(result.metric).highest
                ),
                format_p(system_score.p),
            ]
    header.append("hyp/ref")
    for row, ratio in zip(rows, report.ratios, strict=True):
        row.append("-" if ratio is None else f"{ratio:.3f}")
    print_table(header, rows, left_aligned=(0,))
    for result in report.results:
        print(f"{result.comparison.metric}: {result.comparison.signature}")


def format_interval(score: float, interval: tuple[float, float], highest: float) -> str:
    """Return a score and half the width of its interval.

    Where that would exceed the scale, the interval itself is shown.

    Args:
        score: The score.
        interval: The bounds of the interval.
        highest: The end of the scale of the metric.
    """
    low, high = interval
    half = (high - low) / 2
    if score < half or score + half > highest:
        return f"{score:.2f} ({low:.2f} - {high:.2f})"
    return f"{score:.2f} ± {half:.2f}"


def format_p(p: float | None) -> str:
    """Return p with a mark where it is significant; a dash for None, which a baseline has."""
    if p is None:
        return "-"
    return f"{p:.3f}{'*' if p < SIGNIFICANT else ' '}"


def report_equal_systems(report: ScoreReport) -> None:
    """Write a sentence about each system that does not differ from the baseline."""
    baseline = report.systems[0].name
    for index, system in enumerate(report.systems[1:], start=1):
        system_scores = [result.system_scores[index] for result in report.results]
        if system_scores[0].identical:
            say(f"{system.name}: identical to {baseline} in every line, so p = 1")
        elif all(
            system_score.p is None or system_score.p >= SIGNIFICANT
            for system_score in system_scores
        ):
            say(f"{system.name}: no difference to {baseline} beyond chance")


def print_buckets(report: ScoreReport) -> None:
    """Print tables by length, by score and by word frequency."""
    record = buckets_record(report)
    names = [system.name for system in report.systems]
    for result in report.results:
        title = result.comparison.metric
        print(f"\n{title} by words of the {report.length_side}")
        rows = [
            [row["words"], str(row["lines"]), *map(_format_score, row[result.metric])]
            for row in record[f"{report.length_side}_length"]
        ]
        print_table(["words", "lines", *names], rows, left_aligned=(0,))
    for result in report.results:
        print(f"\nlines by {result.comparison.metric} of the sentence")
        rows = [
            [row["points"], *map(str, row["lines"])]
            for row in record["sentence_score"][result.metric]
        ]
        print_table(["points", *names], rows, left_aligned=(0,))
    if report.words is not None:
        print("\nF1 of words by frequency in the training text")
        rows = [
            [row["seen"], f"{row['reference'][0]:,}", *map(_format_percent, row["f1"])]
            for row in record["word_frequency"]
        ]
        print_table(["times seen", "words", *names], rows, left_aligned=(0,))


def _format_score(score: float | None) -> str:
    return "-" if score is None else f"{score:.2f}"


def _format_percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"

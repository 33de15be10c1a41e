"""Scores of groups of lines, such as the language pairs of a multilingual test set.

BLEU of a group uses the tokenizer of the group's target language. The mean of groups is the
arithmetic mean of their scores (macro average).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from nmt.evaluation.breakdown import Bucket
from nmt.evaluation.metrics import SHORT_REFERENCES, metric
from nmt.evaluation.score_report import (
    ReportOptions,
    System,
    compare_texts,
    format_interval,
    format_p,
    noise_warning,
)
from nmt.evaluation.scores import Score, SegmentScorer, score
from nmt.evaluation.significance import Comparison
from nmt.runtime.tables import print_table, printable

ALL_LINES = "all lines"
MEAN_OF_GROUPS = "mean of groups"

_DEFAULT_TOKENIZER = "13a"
_MAX_NAMED = 5


@dataclass(frozen=True)
class GroupScore:
    """The score of one translation of a group by one metric.

    Attributes:
        value: The score.
        interval: The 95% interval; None where it was not computed.
        p: The probability of the difference to the baseline by chance; None for the baseline, and
            where it was not computed.
        noise: The reason why the score is noise; empty where it is not.
    """

    value: float
    interval: tuple[float, float] | None = None
    p: float | None = None
    noise: str = ""


@dataclass(frozen=True)
class GroupResult:
    """The results of a group by one metric.

    Attributes:
        name: The name of the metric in papers.
        signature: The signature of sacreBLEU.
        scores: The score of each translation, the baseline first.
    """

    name: str
    signature: str
    scores: list[GroupScore]

    @classmethod
    def from_comparison(cls, comparison: Comparison) -> "GroupResult":
        """Return the results of translations whose differences were tested."""
        scores = [
            GroupScore(each.score, each.interval, each.p, each.noise)
            for each in comparison.system_scores
        ]
        return cls(comparison.metric, comparison.signature, scores)

    @classmethod
    def from_scores(cls, scores: Sequence[Score]) -> "GroupResult":
        """Return the results of translations without intervals.

        Args:
            scores: The score of each translation by one metric.
        """
        values = [GroupScore(each.value, noise=each.noise) for each in scores]
        return cls(scores[0].name, scores[0].signature, values)


@dataclass(frozen=True)
class ScoredGroup:
    """A group of lines with its scores.

    Attributes:
        label: The label.
        lines: The number of lines.
        tokenize: The tokenizer of BLEU; None: 13a.
        results: The results by metric.
    """

    label: str
    lines: int
    tokenize: str | None
    results: Mapping[str, GroupResult]

    @property
    def tokenizer(self) -> str:
        """The name of BLEU's tokenizer."""
        return self.tokenize or _DEFAULT_TOKENIZER


@dataclass(frozen=True)
class GroupReport:
    """The scores of all groups.

    Attributes:
        systems: The names of the translations, the baseline first.
        groups: The groups.
        whole: The scores of all lines.
    """

    systems: Sequence[str]
    groups: Sequence[ScoredGroup]
    whole: ScoredGroup

    @property
    def metrics(self) -> list[str]:
        """The metrics."""
        return list(self.whole.results)

    def means(self, name: str) -> list[float] | None:
        """Return the mean score over the groups of each translation; None for a single group.

        Args:
            name: The metric.
        """
        if len(self.groups) < 2:
            return None
        by_group = [[each.value for each in group.results[name].scores] for group in self.groups]
        return [fmean(values) for values in zip(*by_group, strict=True)]

    @property
    def has_different_tokenizers(self) -> bool:
        """Whether BLEU of a group uses another tokenizer than BLEU of all lines."""
        whole = self.whole.tokenizer
        return "bleu" in self.metrics and any(group.tokenizer != whole for group in self.groups)

    def bleu_signatures(self) -> list[tuple[str, str]]:
        """Return the signature of BLEU for each tokenizer that is not that of all lines.

        Each has a title with the labels of its groups.
        """
        if "bleu" not in self.metrics:
            return []
        by_tokenizer: dict[str, list[ScoredGroup]] = {}
        for group in self.groups:
            if group.tokenizer != self.whole.tokenizer:
                by_tokenizer.setdefault(group.tokenizer, []).append(group)
        signatures = []
        for groups in by_tokenizer.values():
            result = groups[0].results["bleu"]
            labels = ", ".join(printable(group.label) for group in groups)
            signatures.append((f"{result.name} of {labels}", result.signature))
        return signatures


def score_groups(
    systems: Sequence[System],
    options: ReportOptions,
    groups: Iterable[Bucket],
    tokenizers: Mapping[str, str | None],
    whole: ScoredGroup,
    has_intervals: bool,
) -> GroupReport:
    """Return the scores of each group of lines, scored as a text.

    Args:
        systems: The translations, the baseline first.
        options: The options of the scores of all lines.
        groups: The lines of each group.
        tokenizers: The tokenizer of BLEU for each label.
        whole: The scores of all lines.
        has_intervals: Whether to compute intervals and p. A group of one line has none.

    Raises:
        UsageError: See `compare`.
        ResourceError: See `compare`.
    """
    names = [system.name for system in systems]
    scored = [
        _score_group(systems, options, group, tokenizers[group.label], has_intervals)
        for group in groups
    ]
    return GroupReport(names, scored, whole)


def _score_group(
    systems: Sequence[System],
    options: ReportOptions,
    group: Bucket,
    tokenize: str | None,
    has_intervals: bool,
) -> ScoredGroup:
    texts = [select_lines(system.hypotheses, group) for system in systems]
    references = [select_lines(reference, group) for reference in options.references]
    options = replace(options, references=references, tokenize=tokenize)
    score_texts = _compare if has_intervals and len(group.segments) > 1 else _score
    return ScoredGroup(group.label, len(group.segments), tokenize, score_texts(texts, options))


def select_lines(lines: Sequence[str], group: Bucket) -> list[str]:
    """Return the lines of a group.

    Args:
        lines: The lines of the text.
        group: The group.
    """
    return [lines[segment] for segment in group.segments]


def _compare(texts: Sequence[Sequence[str]], options: ReportOptions) -> dict[str, GroupResult]:
    return {
        name: GroupResult.from_comparison(compare_texts(name, texts, options))
        for name in options.metrics
    }


def _score(texts: Sequence[Sequence[str]], options: ReportOptions) -> dict[str, GroupResult]:
    by_text = [
        score(
            text,
            options.references,
            options.metrics,
            lowercase=options.lowercase,
            tokenize=options.tokenize,
        )
        for text in texts
    ]
    by_metric = zip(*by_text, strict=True)
    return {scores[0].metric: GroupResult.from_scores(scores) for scores in by_metric}


def segment_scores(
    system: System,
    options: ReportOptions,
    groups: Sequence[Bucket],
    tokenizers: Mapping[str, str | None],
) -> list[dict[str, float]]:
    """Return the scores of each line of a translation, by metric.

    Args:
        system: The translation.
        options: The options of the scores.
        groups: The lines of each group. BLEU uses the tokenizer of the group. None: one group.
        tokenizers: The tokenizer of BLEU for each label.
    """
    rows: list[dict[str, float]] = [{} for _ in system.hypotheses]
    everything = Bucket(ALL_LINES, tuple(range(len(rows))))
    for group in groups or [everything]:
        tokenize = tokenizers[group.label] if groups else options.tokenize
        references = [select_lines(each, group) for each in options.references]
        for name in options.metrics:
            scorer = SegmentScorer(references, name, lowercase=options.lowercase, tokenize=tokenize)
            statistics = scorer.statistics(select_lines(system.hypotheses, group))
            for segment, value in zip(group.segments, statistics.sentences(), strict=True):
                rows[segment][name] = value
    return rows


def group_warnings(report: GroupReport) -> list[str]:
    """Return the warnings about groups whose scores are noise, and about BLEU of all lines."""
    warnings = []
    if report.has_different_tokenizers:
        warnings.append(
            "the groups need different tokenizers, so BLEU of all lines "
            f"(tok:{report.whole.tokenizer}) is not comparable. Use the mean of groups."
        )
    for name in report.metrics:
        noisy = [
            (group, each)
            for group in report.groups
            for each in group.results[name].scores
            if each.noise not in ("", SHORT_REFERENCES)
        ]
        by_group = {group.label: (group, each) for group, each in noisy}
        for group, each in list(by_group.values())[:_MAX_NAMED]:
            text = noise_warning(group.results[name].name, each.value, each.noise)
            warnings.append(f"{printable(group.label)}: {text}")
        if len(by_group) > _MAX_NAMED:
            title = report.whole.results[name].name
            warnings.append(f"{title} is unreliable in {len(by_group) - _MAX_NAMED} more groups.")
    return warnings


def groups_record(report: GroupReport) -> dict[str, Any]:
    """Return the scores of the groups and their mean, for programs."""
    systems = range(len(report.systems))
    record: dict[str, Any] = {
        "groups": [
            {
                "label": group.label,
                "lines": group.lines,
                **_by_system(report, [_scores_record(group, index) for index in systems]),
            }
            for group in report.groups
        ]
    }
    if len(report.groups) > 1:
        means = [_means_record(report, index) for index in systems]
        record["mean_of_groups"] = _by_system(report, means)
    return record


def _by_system(report: GroupReport, scores: Sequence[list[dict[str, Any]]]) -> dict[str, Any]:
    """Return the scores of a single translation, or of each by its name."""
    if len(report.systems) == 1:
        return {"scores": scores[0]}
    systems = zip(report.systems, scores, strict=True)
    return {"systems": [{"name": name, "scores": each} for name, each in systems]}


def _scores_record(group: ScoredGroup, index: int) -> list[dict[str, Any]]:
    records = []
    for name, result in group.results.items():
        each = result.scores[index]
        record: dict[str, Any] = {"metric": name, "name": result.name, "value": each.value}
        if each.interval is not None:
            record["interval"] = list(each.interval)
        record |= {"signature": result.signature, "noise": each.noise}
        if each.p is not None:
            record["p"] = each.p
        records.append(record)
    return records


def _means_record(report: GroupReport, index: int) -> list[dict[str, Any]]:
    return [
        {"metric": name, "name": report.whole.results[name].name, "value": means[index]}
        for name in report.metrics
        if (means := report.means(name)) is not None
    ]


def print_groups(report: GroupReport) -> None:
    """Print the scores of each group, of all lines, and the mean of groups.

    One translation has a table of all metrics. Several have a table for each metric, with the
    difference to the baseline and p.
    """
    if len(report.systems) == 1:
        names = [report.whole.results[name].name for name in report.metrics]
        print()
        _print_rows(names, report, report.metrics)
        _print_signatures(report)
    else:
        for name in report.metrics:
            baseline, *others = report.systems
            header = [baseline]
            for other in others:
                header += [other, "difference", "p"]
            print(f"\n{report.whole.results[name].name} by group")
            _print_rows(header, report, [name])
            if name == "bleu":
                _print_signatures(report)


def _print_signatures(report: GroupReport) -> None:
    for title, signature in report.bleu_signatures():
        print(f"{title}: {signature}")


def _print_rows(header: list[str], report: GroupReport, metrics: Sequence[str]) -> None:
    rows = [
        [printable(group.label), f"{group.lines:,}"]
        + [cell for name in metrics for cell in _cells(name, group.results[name].scores)]
        for group in (*report.groups, report.whole)
    ]
    means = [report.means(name) for name in metrics]
    cells = [
        cell
        for name, values in zip(metrics, means, strict=True)
        if values is not None
        for cell in _cells(name, [GroupScore(value) for value in values])
    ]
    if cells:
        rows.append([MEAN_OF_GROUPS, "-", *cells])
    print_table(["group", "lines", *header], rows, left_aligned=(0,))


def _cells(name: str, scores: Sequence[GroupScore]) -> list[str]:
    """Return the score of the baseline, then score, difference and p of each other one."""
    baseline, *others = scores
    cells = [_format_score(name, baseline)]
    for other in others:
        difference = other.value - baseline.value
        cells += [_format_score(name, other), f"{difference:+.2f}", format_p(other.p)]
    return cells


def _format_score(name: str, each: GroupScore) -> str:
    if each.interval is None:
        return f"{each.value:.2f}"
    return format_interval(each.value, each.interval, metric(name).highest)

"""Scoring against references for `nmt score --ref`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt.console import say, warn
from nmt.errors import DataError, UsageError
from nmt.text.format_detection import compression_of

if TYPE_CHECKING:
    from nmt.evaluation.group_scores import GroupReport, ScoredGroup
    from nmt.evaluation.line_labels import LineLabels
    from nmt.evaluation.score_report import MetricResult, ReportOptions, ScoreReport, System
    from nmt.evaluation.scores import Score
    from nmt.evaluation.significance import Method

_STDIN = Path("-")


@dataclass(frozen=True)
class ReferenceScoring:
    """The options of scoring against references.

    Attributes:
        hypotheses: Files of translations, `-` for stdin.
        references: Files of references.
        metrics: The metrics.
        lowercase: Whether to ignore case.
        tokenize: The tokenizer of BLEU; None for the default.
        source: The source text, or None.
        baseline: The translation to compare with; None for the first of `hypotheses`.
        names: The names of the translations; None for those of their files.
        confidence: Whether to compute intervals for a single translation.
        method: The significance test.
        trials: The number of samples of the test; None for the default.
        buckets: Whether to score buckets of lines.
        train: Target sides of the training text, or folders of runs.
        labels: The labels of the lines; None for no groups.
        tokenizers: The tokenizer of BLEU for each label.
    """

    hypotheses: Sequence[Path]
    references: Sequence[Path]
    metrics: Sequence[str]
    lowercase: bool = False
    tokenize: str | None = None
    source: Path | None = None
    baseline: Path | None = None
    names: Sequence[str] | None = None
    confidence: bool = False
    method: "Method" = "bootstrap"
    trials: int | None = None
    buckets: bool = False
    train: Sequence[Path] | None = None
    labels: "LineLabels | None" = None
    tokenizers: Mapping[str, str | None] = field(default_factory=dict)

    @cached_property
    def systems(self) -> list["System"]:
        """All translations, the baseline first. Each file is read once.

        Raises:
            DataError: A file cannot be read.
            UsageError: The names do not fit the translations.
        """
        from nmt.evaluation.score_report import System
        from nmt.text.lines import read_all_input_lines

        return [
            System(name, read_all_input_lines(None if path == _STDIN else path))
            for name, path in zip(self._names, self._files, strict=True)
        ]

    @cached_property
    def options(self) -> "ReportOptions":
        """The input of the evaluation: texts, metrics and significance test.

        Raises:
            DataError: A text is unfit, or the numbers of lines differ.
        """
        from nmt.evaluation.score_report import ReportOptions
        from nmt.evaluation.scores import check_reference_counts
        from nmt.text.lines import read_all_input_lines

        references = [read_all_input_lines(path) for path in self.references]
        for system in self.systems:
            try:
                check_reference_counts(system.hypotheses, references)
            except DataError as error:
                if len(self.systems) == 1:
                    raise
                raise DataError(f"{system.name}: {error.message}") from error
        if self.labels is not None:
            self.labels.check_count(len(references[0]), self.references[0])
        return ReportOptions(
            references=references,
            sources=self._sources(len(references[0])),
            counts=self._counts(references),
            metrics=self.metrics,
            lowercase=self.lowercase,
            tokenize=self.tokenize,
            method=self.method,
            trials=self.trials,
        )

    @cached_property
    def report(self) -> "ScoreReport":
        """The scores with their comparison. See `nmt.evaluation.score_report` for exceptions."""
        from nmt.evaluation.score_report import compare_systems

        return compare_systems(self.systems, self.options)

    @cached_property
    def groups(self) -> "GroupReport | None":
        """The scores of the groups; None without labels. For exceptions see `report`."""
        from nmt.evaluation.group_scores import score_groups

        if self.labels is None:
            return None
        return score_groups(
            self.systems,
            self.options,
            self.labels.groups,
            self.tokenizers,
            self._whole(),
            self._has_intervals,
        )

    def _whole(self) -> "ScoredGroup":
        """Return the scores of all lines as those of a group."""
        from nmt.evaluation.group_scores import ALL_LINES, GroupResult, ScoredGroup

        if self._has_intervals:
            results = {
                result.metric: GroupResult.from_comparison(result.comparison)
                for result in self.report.results
            }
        else:
            results = {score.metric: GroupResult.from_scores([score]) for score in self.scores}
        return ScoredGroup(ALL_LINES, len(self.systems[0].hypotheses), self.tokenize, results)

    @property
    def _has_intervals(self) -> bool:
        """Whether scores have intervals, and those of several translations p."""
        return len(self.systems) > 1 or self.confidence

    def warn_of_problems(self) -> None:
        """Warn of signs that the scores may be misleading."""
        from nmt.evaluation.input_checks import input_warnings, reference_warnings
        from nmt.evaluation.wrong_file_warnings import mismatch_warnings

        question = self.options
        by_group = any(each != self.tokenize for each in self.tokenizers.values())
        metrics = [name for name in self.metrics if name != "bleu" or not by_group]
        for warning in reference_warnings(question.references, metrics, self.tokenize):
            warn(warning)
        if by_group and "bleu" in self.metrics:
            self._warn_of_groups()
        for system in self.systems:
            problems = input_warnings(
                system.hypotheses, question.references, self.lowercase, self.tokenize, metrics
            )
            problems += mismatch_warnings(system.hypotheses, question.references, question.sources)
            prefix = f"{system.name}: " if len(self.systems) > 1 else ""
            for warning in problems:
                warn(prefix + warning)

    def _warn_of_groups(self) -> None:
        """Warn of signs that BLEU of a group, by the group's tokenizer, may be misleading."""
        from nmt.evaluation.group_scores import select_lines
        from nmt.evaluation.input_checks import bleu_warnings
        from nmt.runtime.tables import printable

        assert self.labels is not None
        for group in self.labels.groups:
            hypotheses = select_lines(self.systems[0].hypotheses, group)
            references = [select_lines(each, group) for each in self.options.references]
            for warning in bleu_warnings(hypotheses, references, self.tokenizers[group.label]):
                warn(f"{printable(group.label)}: {warning}")

    def warn_of_noise(self) -> None:
        """Warn of scores that are only noise."""
        from nmt.evaluation.group_scores import group_warnings
        from nmt.evaluation.metrics import SHORT_REFERENCES
        from nmt.evaluation.score_report import noise_warning, noise_warnings

        if self._has_intervals:
            warnings = noise_warnings(self.report)
        else:
            warnings = [
                noise_warning(score.name, score.value, score.noise)
                for score in self.scores
                if score.noise not in ("", SHORT_REFERENCES)
            ]
        if self.groups is not None:
            warnings += group_warnings(self.groups)
        for warning in warnings:
            warn(warning)

    def text(self) -> list[str]:
        """Return the scores of a single translation, a line for each metric."""
        if self.confidence:
            return [_interval_text(measure) for measure in self.report.results]
        return [str(score) for score in self.scores]

    def print_text(self) -> None:
        """Print the scores, of several translations as a table, then of groups and of buckets."""
        from nmt.evaluation.group_scores import print_groups
        from nmt.evaluation.score_report import print_buckets, print_scores, report_equal_systems

        if len(self.systems) > 1:
            print_scores(self.report)
            report_equal_systems(self.report)
        else:
            print("\n".join(self.text()))
        if self.groups is not None:
            print_groups(self.groups)
        if self.buckets:
            print_buckets(self.report)

    def record(self) -> dict[str, Any]:
        """Return the scores as plain data for JSON."""
        from nmt.evaluation.group_scores import groups_record
        from nmt.evaluation.score_report import buckets_record, systems_record

        record: dict[str, Any] = {"lines": len(self.systems[0].hypotheses)}
        if len(self.systems) > 1:
            record |= {**self.report.sampling, "systems": systems_record(self.report)}
        elif self.confidence:
            record |= systems_record(self.report)[0]
        else:
            record["scores"] = [asdict(score) for score in self.scores]
        if self.groups is not None:
            record |= groups_record(self.groups)
        if self.buckets:
            record["buckets"] = buckets_record(self.report)
        return record

    def write_page(self, file: Path) -> None:
        """Write the scores as an HTML report.

        Raises:
            ResourceError: The file cannot be written.
        """
        from nmt.evaluation.score_page import score_page
        from nmt.pages.page import render
        from nmt.runtime.atomic_files import write_text

        write_text(file, render(score_page(self.report, self.groups)))
        say(f"page: {file}")

    def print_segments(self, as_json: bool) -> None:
        """Print a row for each line and system: line, group where there are groups, system, scores.

        Args:
            as_json: Whether to print JSON objects rather than a table with a heading.
        """
        scores_by_system = [self._sentences(system) for system in self.systems]
        if not as_json:
            columns = ["line"] if self.labels is None else ["line", "group"]
            print("\t".join([*columns, "system", *self.metrics]))
        row = _segment_json if as_json else _segment_text
        for index, line_scores in enumerate(zip(*scores_by_system, strict=True)):
            position: dict[str, int | str] = {"line": index + 1}
            if self.labels is not None:
                position["group"] = self.labels.labels[index]
            for system, scores in zip(self.systems, line_scores, strict=True):
                print(row(position, system.name, scores))

    def _sentences(self, system: "System") -> list[dict[str, float]]:
        """Return the scores of each line, by metric. BLEU uses the tokenizer of each group."""
        from nmt.evaluation.group_scores import segment_scores

        return segment_scores(
            system,
            self.options,
            [] if self.labels is None else self.labels.groups,
            self.tokenizers,
        )

    @cached_property
    def scores(self) -> list["Score"]:
        """The scores of a single translation. See `nmt.evaluation.scores.score` for exceptions."""
        from nmt.evaluation.scores import score

        (system,) = self.systems
        return score(
            system.hypotheses,
            self.options.references,
            self.metrics,
            lowercase=self.lowercase,
            tokenize=self.tokenize,
        )

    @property
    def _files(self) -> list[Path]:
        """The files of translations, the baseline first."""
        files = [*([] if self.baseline is None else [self.baseline]), *self.hypotheses]
        if files.count(_STDIN) > 1:
            raise UsageError("stdin can be read only once. Give - for one text only.")
        return files

    @property
    def _names(self) -> list[str]:
        """The distinct names of the translations: those given, or else those of their files."""
        files = self._files
        names_of_options = list(self.names or ())
        if names_of_options and len(names_of_options) != len(self.hypotheses):
            raise UsageError(
                f"--name was given {len(names_of_options)} times for {len(self.hypotheses)} "
                "translations. Give it once for each, in the same order."
            )
        short = [_short_name(path) for path in files]
        names = [
            name if short.count(name) == 1 else str(path)
            for name, path in zip(short, files, strict=True)
        ]
        names = names[: len(names) - len(names_of_options)] + names_of_options
        return [_distinct(name, names[:index]) for index, name in enumerate(names)]

    def _sources(self, lines: int) -> list[str] | None:
        from nmt.text.lines import read_all_input_lines

        if self.source is None:
            return None
        sources = read_all_input_lines(self.source)
        if len(sources) != lines:
            raise DataError(
                f"line counts differ: {self.source}: {len(sources)}, {self.references[0]}: "
                f"{lines}. Line i of one file must correspond to line i of the other."
            )
        return sources

    def _counts(self, references: list[list[str]]) -> dict[str, int] | None:
        from nmt.evaluation.breakdown import count_words, vocabulary
        from nmt.text.lines import read_input_lines

        if not self.train:
            return None
        texts = [*references, *(system.hypotheses for system in self.systems)]
        lines = chain.from_iterable(
            map(read_input_lines, chain.from_iterable(map(_text_files, self.train)))
        )
        return count_words(lines, vocabulary(texts, self.lowercase), self.lowercase)


def _text_files(path: Path) -> Iterator[Path]:
    """Yield a text file, or the target training files of a run's folder."""
    from nmt.data.manifest import Manifest
    from nmt.runtime.run_directory import find_run

    if not path.is_dir():
        yield path
        return
    for file in Manifest.load(find_run(path).data).inputs["train.target"]:
        yield Path(file.path)


def _short_name(path: Path) -> str:
    if path == _STDIN:
        return "stdin"
    compression = compression_of(path.name)
    name = path.name if compression is None else path.name.removesuffix(compression.suffix)
    return name.removesuffix(".txt")


def _distinct(name: str, before: list[str]) -> str:
    """Return a name that differs from those before it."""
    return f"{name} ({before.count(name) + 1})" if name in before else name


def _interval_text(measure: "MetricResult") -> str:
    """Return the score of a single translation with its interval."""
    (standing,) = measure.system_scores
    low, high = standing.interval
    comparison = measure.comparison
    return (
        f"{comparison.metric} = {standing.score:.1f}  95% {low:.1f} - {high:.1f}  "
        f"({comparison.signature})"
    )


def _segment_json(position: Mapping[str, int | str], name: str, scores: Mapping[str, float]) -> str:
    return json.dumps({**position, "system": name, **scores}, ensure_ascii=False)


def _segment_text(position: Mapping[str, int | str], name: str, scores: Mapping[str, float]) -> str:
    figures = [f"{score:.4f}" for score in scores.values()]
    return "\t".join([*map(str, position.values()), name.replace("\t", " "), *figures])

"""`nmt score --ref`: translations of one text beside its references, one or several."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt.errors import DataError, UsageError
from nmt.runtime.console import say, warn
from nmt.text.formats import compression_of

if TYPE_CHECKING:
    from nmt.evaluation.report import Measure, Question, Report, System
    from nmt.evaluation.scores import Score
    from nmt.evaluation.significance import Method

_STDIN = Path("-")


@dataclass(frozen=True)
class ReferenceScoring:
    """What `--ref` and its companions ask for.

    hypotheses: files, `-` for stdin; baseline: what they are compared with, default: the first of
    them; names: for the hypotheses; the rest as the options say.
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

    @cached_property
    def systems(self) -> list["System"]:
        """All translations, the baseline first; each file is read once.

        Raises DataError when one cannot be read, UsageError for names that do not fit.
        """
        from nmt.evaluation.lines import read_all_lines
        from nmt.evaluation.report import System

        return [
            System(name, read_all_lines(None if path == _STDIN else path))
            for name, path in zip(self._names, self._files, strict=True)
        ]

    @cached_property
    def question(self) -> "Question":
        """What is asked about them. Raises DataError where a text is unfit or counts differ."""
        from nmt.evaluation.lines import read_all_lines
        from nmt.evaluation.report import Question
        from nmt.evaluation.scores import check_counts

        references = [read_all_lines(path) for path in self.references]
        for system in self.systems:
            try:
                check_counts(system.hypotheses, references)
            except DataError as error:
                if len(self.systems) == 1:
                    raise
                raise DataError(f"{system.name}: {error.message}") from error
        return Question(
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
    def report(self) -> "Report":
        """The answer. Raises as `nmt.evaluation.report` does."""
        from nmt.evaluation.report import report

        return report(self.systems, self.question)

    def warn_of_suspicions(self) -> None:
        """Warn of signs that the scores would mean something else than they seem to."""
        from nmt.evaluation.checks import reference_warnings, suspicions
        from nmt.evaluation.mixups import mixups

        asked = self.question
        for warning in reference_warnings(asked.references, self.metrics, self.tokenize):
            warn(warning)
        for system in self.systems:
            found = suspicions(
                system.hypotheses, asked.references, self.lowercase, self.tokenize, self.metrics
            )
            found += mixups(system.hypotheses, asked.references, asked.sources)
            prefix = f"{system.name}: " if len(self.systems) > 1 else ""
            for warning in found:
                warn(prefix + warning)

    def warn_of_noise(self) -> None:
        """Warn of scores that are noise."""
        from nmt.evaluation.metrics import SHORT_REFERENCES
        from nmt.evaluation.report import noise_warning, noise_warnings

        if len(self.systems) > 1 or self.confidence:
            found = noise_warnings(self.report)
        else:
            found = [
                noise_warning(score.name, score.value, score.noise)
                for score in self.scores
                if score.noise not in ("", SHORT_REFERENCES)
            ]
        for warning in found:
            warn(warning)

    def text(self) -> list[str]:
        """The scores of the one translation, a line for each metric."""
        if self.confidence:
            return [_confident(measure) for measure in self.report.measures]
        return [str(score) for score in self.scores]

    def print_text(self) -> None:
        """The scores, of several translations as a table; then those of buckets."""
        from nmt.evaluation.report_text import print_buckets, print_scores, tell_verdicts

        if len(self.systems) > 1:
            print_scores(self.report)
            tell_verdicts(self.report)
        else:
            print("\n".join(self.text()))
        if self.buckets:
            print_buckets(self.report)

    def record(self) -> dict[str, Any]:
        """The same for programs."""
        from nmt.evaluation.report import buckets_record, systems_record

        record: dict[str, Any] = {"lines": len(self.systems[0].hypotheses)}
        if len(self.systems) > 1:
            record |= {**self.report.sampling, "systems": systems_record(self.report)}
        elif self.confidence:
            record |= systems_record(self.report)[0]
        else:
            record["scores"] = [asdict(score) for score in self.scores]
        if self.buckets:
            record["buckets"] = buckets_record(self.report)
        return record

    def write_page(self, file: Path) -> None:
        """The report as a page. Raises ResourceError when the file cannot be written."""
        from nmt.evaluation.page import score_page
        from nmt.pages.page import render
        from nmt.runtime.files import write_text

        write_text(file, render(score_page(self.report)))
        say(f"page: {file}")

    def print_segments(self, as_json: bool) -> None:
        """A row for each line and system: line, system, scores; without JSON below a heading."""
        of_systems = [self._sentences(system) for system in self.systems]
        if not as_json:
            print("\t".join(["line", "system", *self.metrics]))
        row = _segment_json if as_json else _segment_text
        for number, several in enumerate(zip(*of_systems, strict=True), start=1):
            for system, scores in zip(self.systems, several, strict=True):
                print(row(number, system.name, scores))

    def _sentences(self, system: "System") -> list[dict[str, float]]:
        """The scores of each line, by metric."""
        from nmt.evaluation.segments import SegmentScorer

        scores = [
            SegmentScorer(
                self.question.references, metric, lowercase=self.lowercase, tokenize=self.tokenize
            )
            .statistics(system.hypotheses)
            .sentences()
            for metric in self.metrics
        ]
        return [dict(zip(self.metrics, line, strict=True)) for line in zip(*scores, strict=True)]

    @cached_property
    def scores(self) -> list["Score"]:
        """The scores of the one translation. Raises as `nmt.evaluation.scores.score` does."""
        from nmt.evaluation.scores import score

        (system,) = self.systems
        return score(
            system.hypotheses,
            self.question.references,
            self.metrics,
            lowercase=self.lowercase,
            tokenize=self.tokenize,
        )

    @property
    def _files(self) -> list[Path]:
        """The baseline first."""
        files = [*([] if self.baseline is None else [self.baseline]), *self.hypotheses]
        if files.count(_STDIN) > 1:
            raise UsageError("stdin can be read once: give - for one text only.")
        return files

    @property
    def _names(self) -> list[str]:
        """By which the translations are told apart: those given, else of their files."""
        files = self._files
        given = list(self.names or ())
        if given and len(given) != len(self.hypotheses):
            raise UsageError(
                f"--name was given {len(given)} times for {len(self.hypotheses)} translations: "
                "give it once for each, in their order."
            )
        short = [_short(path) for path in files]
        names = [
            name if short.count(name) == 1 else str(path)
            for name, path in zip(short, files, strict=True)
        ]
        names = names[: len(names) - len(given)] + given
        return [_numbered(name, names[:place]) for place, name in enumerate(names)]

    def _sources(self, lines: int) -> list[str] | None:
        from nmt.evaluation.lines import read_all_lines

        if self.source is None:
            return None
        sources = read_all_lines(self.source)
        if len(sources) != lines:
            raise DataError(
                f"line counts differ: {self.source}: {len(sources)}, {self.references[0]}: "
                f"{lines}. Line i of the one must belong to line i of the other."
            )
        return sources

    def _counts(self, references: list[list[str]]) -> dict[str, int] | None:
        from nmt.evaluation.frequency import count_words, vocabulary
        from nmt.evaluation.lines import each_line

        if not self.train:
            return None
        texts = [*references, *(system.hypotheses for system in self.systems)]
        lines = chain.from_iterable(map(each_line, chain.from_iterable(map(_texts, self.train))))
        return count_words(lines, vocabulary(texts, self.lowercase), self.lowercase)


def _texts(path: Path) -> Iterator[Path]:
    """A text; of the folder of a run, the target side of what it was trained on."""
    from nmt.data.manifest import Manifest
    from nmt.runtime.run_directory import find_run

    if not path.is_dir():
        yield path
        return
    for file in Manifest.load(find_run(path).data).inputs["train.target"]:
        yield Path(file.path)


def _short(path: Path) -> str:
    if path == _STDIN:
        return "stdin"
    compression = compression_of(path.name)
    name = path.name if compression is None else path.name.removesuffix(compression.suffix)
    return name.removesuffix(".txt")


def _numbered(name: str, before: list[str]) -> str:
    """The same file twice has two names."""
    return f"{name} ({before.count(name) + 1})" if name in before else name


def _confident(measure: "Measure") -> str:
    """The score of the one translation, with its interval."""
    (standing,) = measure.standings
    low, high = standing.interval
    comparison = measure.comparison
    return (
        f"{comparison.metric} = {standing.score:.1f}  95% {low:.1f} - {high:.1f}  "
        f"({comparison.signature})"
    )


def _segment_json(number: int, name: str, scores: Mapping[str, float]) -> str:
    return json.dumps({"line": number, "system": name, **scores}, ensure_ascii=False)


def _segment_text(number: int, name: str, scores: Mapping[str, float]) -> str:
    figures = [f"{score:.4f}" for score in scores.values()]
    return "\t".join([str(number), name.replace("\t", " "), *figures])

"""The comparison of several runs: settings, training and scores."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nmt.config.differences import config_differences
from nmt.config.key_index import all_keys
from nmt.config.serialize import format_value
from nmt.config.settings import Config
from nmt.console import format_duration
from nmt.evaluation.score_page import score_page
from nmt.evaluation.score_report import ScoreReport, buckets_record, systems_record
from nmt.evaluation.scores import SegmentScorer
from nmt.pages.charts import SCRIPTS, STYLE, chart_html
from nmt.pages.page import Page, render
from nmt.reports.curves import comparison_curves, dev_points
from nmt.reports.page_parts import (
    Column,
    format_count,
    format_score,
    format_time,
    paragraph,
    section,
    table,
)
from nmt.reports.run_history import METRICS
from nmt.reports.run_report import RUN_STYLE
from nmt.reports.run_state import RunState, status_text
from nmt.reports.text_charts import legend_mark, plain_lines, plot
from nmt.runtime.tables import print_table, printable

_LOCATIONS = ("name", "run_dir")
"""Settings that differ between any two runs and are left out."""


@dataclass(frozen=True)
class Setting:
    """A setting whose value differs between runs.

    Attributes:
        key: The key of the setting.
        values: The value in each run, as plain data.
    """

    key: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class SegmentDelta:
    """A sentence that a run translates much better or worse than the first run.

    Attributes:
        line: The line number, from 1.
        run: The index of the run.
        change: The change in the sentence's chrF, in points.
        source: The source; empty where it is not known.
        reference: The reference.
        hypotheses: The translations of the first run and of this one.
        scores: The chrF of these translations.
    """

    line: int
    run: int
    change: float
    source: str
    reference: str
    hypotheses: tuple[str, str]
    scores: tuple[float, float]


@dataclass(frozen=True)
class RunScores:
    """The translation quality of runs on a text.

    Attributes:
        text_name: The name of the text.
        report: The scores, with the first run as the baseline.
    """

    text_name: str
    report: ScoreReport


@dataclass(frozen=True)
class RunComparison:
    """A comparison of runs.

    Attributes:
        states: The state of each run.
        names: The names of the runs, all different.
        settings: The settings that differ.
        settings_problem: The reason why the settings are not compared.
        scores: The translation quality; None where it is not compared.
        scores_problem: The reason why translation quality is not compared.
    """

    states: tuple[RunState, ...]
    names: tuple[str, ...]
    settings: tuple[Setting, ...]
    settings_problem: str
    scores: RunScores | None
    scores_problem: str

    def record(self, deltas: int) -> dict[str, Any]:
        """Return the comparison as plain data for JSON.

        Args:
            deltas: The number of sentences with the largest differences to list.
        """
        record: dict[str, Any] = {
            "runs": [
                _run_record(name, state)
                for name, state in zip(self.names, self.states, strict=True)
            ],
            "settings": [
                {"key": setting.key, "values": list(setting.values)} for setting in self.settings
            ],
            "settings_problem": self.settings_problem or None,
            "not_judged": self.scores_problem or None,
        }
        if self.scores is not None:
            report = self.scores.report
            record |= {
                "text": self.scores.text_name,
                "lines": len(report.systems[0].hypotheses),
                **report.sampling,
                "systems": systems_record(report),
                "buckets": buckets_record(report),
                "swings": [
                    _delta_record(delta, self.names) for delta in largest_deltas(report, deltas)
                ],
            }
        return record


def compare_runs(
    states: Sequence[RunState], score: Callable[[Sequence[str]], RunScores | str]
) -> RunComparison:
    """Compare runs.

    Args:
        states: The state of each run.
        score: A function that takes the names of the runs. It returns their translation quality, or
            the reason why it is not known.

    Returns:
        The comparison.
    """
    names = _distinct_names(states)
    configs = [state.config for state in states]
    problems = [state.config_problem for state in states if state.config is None]
    known = [config for config in configs if config is not None]
    scores = score(names)
    return RunComparison(
        tuple(states),
        names,
        () if problems else tuple(different_settings(known)),
        "\n".join(problems),
        None if isinstance(scores, str) else scores,
        scores if isinstance(scores, str) else "",
    )


def different_settings(configs: Sequence[Config]) -> list[Setting]:
    """Return the settings that differ between configurations, in the order of the reference."""
    first, *others = configs
    values_by_key: dict[str, list[Any]] = {}
    for index, other in enumerate(others, start=1):
        for difference in config_differences(first, other):
            values = values_by_key.setdefault(difference.key, [difference.old] * len(configs))
            values[index] = difference.new
    order = [key for key in all_keys() if key in values_by_key and key not in _LOCATIONS]
    return [Setting(key, tuple(values_by_key[key])) for key in order]


def largest_deltas(report: ScoreReport, max_count: int) -> list[SegmentDelta]:
    """Return the sentences whose chrF differs most from that of the first run, the largest first.

    Args:
        report: The scores of the runs.
        max_count: The greatest number of sentences to return.
    """
    question = report.options
    scorer = SegmentScorer(question.references, "chrf", lowercase=question.lowercase)
    scores = [scorer.statistics(system.hypotheses).sentences() for system in report.systems]
    changes = [
        (scores[run][line] - scores[0][line], line, run)
        for run in range(1, len(scores))
        for line in range(len(scores[0]))
        if scores[run][line] != scores[0][line]
    ]
    changes.sort(key=lambda change_entry: (-abs(change_entry[0]), change_entry[1], change_entry[2]))
    texts = [system.hypotheses for system in report.systems]
    return [
        SegmentDelta(
            line + 1,
            run,
            change,
            "" if question.sources is None else question.sources[line],
            question.references[0][line],
            (texts[0][line], texts[run][line]),
            (scores[0][line], scores[run][line]),
        )
        for change, line, run in changes[:max_count]
    ]


def _distinct_names(states: Sequence[RunState]) -> tuple[str, ...]:
    """Return a distinct name for each run.

    Runs of the same name go by their folders, and where these are equal too, by folder and number.
    """
    names = [state.name for state in states]
    folders = [str(state.run.path) for state in states]
    chosen = [
        name if names.count(name) == 1 else folder
        for name, folder in zip(names, folders, strict=True)
    ]
    return tuple(
        f"{name} ({chosen[:index].count(name) + 1})" if name in chosen[:index] else name
        for index, name in enumerate(chosen)
    )


def _run_record(name: str, state: RunState) -> dict[str, Any]:
    history = state.history
    best = history.best(state.best_metric)
    return {
        "name": name,
        "run": str(state.run.path),
        "status": state.status,
        "update": history.update,
        "seconds": history.seconds,
        "parameters": history.fact("parameters"),
        "best_metric": state.best_metric,
        "best": None if best is None else {"update": best.update, **best.metrics},
        "dev": [{"update": point.update, **point.metrics} for point in history.dev],
    }


def _delta_record(delta: SegmentDelta, names: Sequence[str]) -> dict[str, Any]:
    return {
        "line": delta.line,
        "run": names[delta.run],
        "change": delta.change,
        "source": delta.source,
        "reference": delta.reference,
        "translations": list(delta.hypotheses),
        "chrf": list(delta.scores),
    }


RUN_COLUMNS = (
    Column("run"),
    Column("state"),
    Column("updates", True),
    Column("time", True),
    Column("parameters", True),
    Column("best validation"),
)


def run_rows(comparison: RunComparison) -> list[list[str]]:
    """Return a row for each run: name, state, updates, time, parameters, best validation."""
    rows = []
    for name, state in zip(comparison.names, comparison.states, strict=True):
        history = state.history
        best = history.best(state.best_metric)
        parameters = history.fact("parameters")
        best_text = "–"
        value = None if best is None else best.deciding_value(state.best_metric)
        if best is not None and value is not None:
            metric, shown = value.shown
            best_text = f"{METRICS[metric]} {format_score(shown)} at update {best.update:,}"
        rows.append(
            [
                name,
                status_text(state),
                format_count(history.update),
                format_duration(history.seconds),
                format_count(parameters) if isinstance(parameters, int) else "–",
                best_text,
            ]
        )
    return rows


def setting_rows(comparison: RunComparison) -> list[list[str]]:
    """Return a row for each setting that differs: its key and its value in each run."""
    return [[setting.key, *map(format_value, setting.values)] for setting in comparison.settings]


_CHART_HEIGHT = 10
_CHART_WIDTH = 76
_MAX_CELL = 48


def print_runs(comparison: RunComparison) -> None:
    """Print the runs, the settings that differ, and the curves of dev."""
    print_table(
        [column.name for column in RUN_COLUMNS],
        _printable_cells(run_rows(comparison)),
        left_aligned=(0, 1, 5),
    )
    print()
    if comparison.settings_problem:
        print(f"the settings cannot be compared: {comparison.settings_problem}")
    elif comparison.settings:
        header = ["different setting", *map(printable, comparison.names)]
        print_table(
            header, _printable_cells(setting_rows(comparison)), left_aligned=range(len(header))
        )
    else:
        print("the settings are the same")
    for metric in ("bleu", "perplexity"):
        lines = list(_curve(comparison, metric))
        if lines:
            print("\n" + "\n".join(lines))


def print_deltas(comparison: RunComparison, max_count: int) -> None:
    """Print the sentences whose translations differ most from those of the first run.

    Args:
        comparison: The comparison of the runs.
        max_count: The greatest number of sentences to print.
    """
    if comparison.scores is None:
        return
    deltas = largest_deltas(comparison.scores.report, max_count)
    if deltas:
        print("\nlargest differences by sentence chrF")
    for delta in deltas:
        names = comparison.names[0], comparison.names[delta.run]
        width = max(len(name) for name in (*names, "reference"))
        before, after = delta.scores
        rows = [
            ("source", delta.source),
            ("reference", delta.reference),
            (names[0], delta.hypotheses[0]),
            (names[1], delta.hypotheses[1]),
        ]
        print(f"\nline {delta.line}: {before:.1f} -> {after:.1f} ({delta.change:+.1f})")
        for name, text in rows:
            print(f"  {printable(name):<{width}}  {printable(text)}")


def _curve(comparison: RunComparison, metric: str) -> Iterator[str]:
    """Yield a chart of a dev metric, with a different letter for each run instead of a colour."""
    series = [dev_points(state.history, metric) for state in comparison.states]
    drawn = plot(series, _CHART_WIDTH, _CHART_HEIGHT, log=metric == "perplexity", ascii_only=True)
    if drawn:
        names = enumerate(map(printable, comparison.names))
        marks = "   ".join(f"{legend_mark(number, True)} {name}" for number, name in names)
        yield f"{METRICS[metric]} of dev   {marks}"
        yield from plain_lines(drawn)


def _printable_cells(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return cells without control characters, cut to a width that fits a row on the screen."""
    return [
        [
            text if len(text) <= _MAX_CELL else f"{text[: _MAX_CELL - 1]}…"
            for text in map(printable, row)
        ]
        for row in rows
    ]


def comparison_page(comparison: RunComparison) -> str:
    """Return the comparison as a self-contained HTML document."""
    translations_page = None if comparison.scores is None else score_page(comparison.scores.report)
    parts = (
        section("runs", "Runs", _runs(comparison)),
        section("settings", "Different settings", _settings(comparison)),
        section("curves", "Curves", _curves(comparison)),
        section(
            "translations",
            "Translations"
            if comparison.scores is None
            else f"Translations of {comparison.scores.text_name}",
            _translations(comparison, translations_page),
        ),
    )
    return render(
        Page(
            title=" and ".join(comparison.names)
            if len(comparison.names) == 2
            else ", ".join(comparison.names),
            about=f"compared {format_time(comparison.states[0].now)}",
            body="\n".join(parts),
            data=None if translations_page is None else translations_page.data,
            styles=(
                STYLE,
                RUN_STYLE,
                *(() if translations_page is None else translations_page.styles),
            ),
            scripts=(*SCRIPTS, *(() if translations_page is None else translations_page.scripts)),
        )
    )


def _translations(comparison: RunComparison, translations_page: Page | None) -> str:
    if translations_page is None:
        return paragraph(comparison.scores_problem, "muted")
    return translations_page.body


def _runs(comparison: RunComparison) -> str:
    return table(RUN_COLUMNS, run_rows(comparison))


def _settings(comparison: RunComparison) -> str:
    if comparison.settings_problem:
        return paragraph(f"The settings cannot be compared. {comparison.settings_problem}", "bad")
    if not comparison.settings:
        return paragraph("None: the runs have the same settings.", "muted")
    columns = (Column("setting"), *(Column(name) for name in comparison.names))
    return table(columns, setting_rows(comparison))


def _curves(comparison: RunComparison) -> str:
    charts = comparison_curves(comparison.names, [state.history for state in comparison.states])
    return f'<div class="charts">{"".join(map(chart_html, charts))}</div>'

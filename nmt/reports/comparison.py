"""The comparison of several runs: settings, training and scores."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nmt.config.key_index import all_keys
from nmt.config.serialize import config_differences, format_value
from nmt.config.settings import Config
from nmt.console import format_duration
from nmt.evaluation.score_page import score_page
from nmt.evaluation.score_report import ScoreReport, buckets_record, systems_record
from nmt.evaluation.scores import SegmentScorer
from nmt.pages.charts import SCRIPTS, STYLE, chart_html
from nmt.pages.page import Page, render
from nmt.reports.curves import comparison_curves, dev_points
from nmt.reports.page_parts import Column, clock, count, paragraph, points, section, table
from nmt.reports.run_history import METRICS
from nmt.reports.run_page import RUN_STYLE
from nmt.reports.run_state import RunState, status_text
from nmt.reports.text_charts import legend_mark, plain, plot
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
        what: The name of the text.
        report: The scores, with the first run as the baseline.
    """

    what: str
    report: ScoreReport


@dataclass(frozen=True)
class RunComparison:
    """A comparison of runs.

    Attributes:
        states: The state of each run.
        names: The names of the runs, all different.
        settings: The settings that differ.
        settings_problem: The reason why the settings are not compared.
        judged: The translation quality; None where it is not compared.
        why_not: The reason why translation quality is not compared.
    """

    states: tuple[RunState, ...]
    names: tuple[str, ...]
    settings: tuple[Setting, ...]
    settings_problem: str
    judged: RunScores | None
    why_not: str

    def record(self, swings: int) -> dict[str, Any]:
        """Return the comparison as plain data for JSON.

        Args:
            swings: The number of sentences with the largest differences to list.
        """
        record: dict[str, Any] = {
            "runs": [_run(*each) for each in zip(self.names, self.states, strict=True)],
            "settings": [{"key": each.key, "values": list(each.values)} for each in self.settings],
            "settings_problem": self.settings_problem or None,
            "not_judged": self.why_not or None,
        }
        if self.judged is not None:
            report = self.judged.report
            record |= {
                "text": self.judged.what,
                "lines": len(report.systems[0].hypotheses),
                **report.sampling,
                "systems": systems_record(report),
                "buckets": buckets_record(report),
                "swings": [_delta(each, self.names) for each in largest_deltas(report, swings)],
            }
        return record


def compare_runs(
    states: Sequence[RunState], judge: Callable[[Sequence[str]], RunScores | str]
) -> RunComparison:
    """Compare runs.

    Args:
        states: The state of each run.
        judge: A function that is given the names of the runs. It returns their translation quality,
            or the reason why it is not known.

    Returns:
        The comparison.
    """
    names = _names(states)
    configs = [state.config for state in states]
    problems = [state.config_problem for state in states if state.config is None]
    known = [config for config in configs if config is not None]
    judged = judge(names)
    return RunComparison(
        tuple(states),
        names,
        () if problems else tuple(different_settings(known)),
        "\n".join(problems),
        None if isinstance(judged, str) else judged,
        judged if isinstance(judged, str) else "",
    )


def different_settings(configs: Sequence[Config]) -> list[Setting]:
    """Return the settings that differ between configurations, in the order of the reference."""
    first, *others = configs
    found: dict[str, list[Any]] = {}
    for place, other in enumerate(others, start=1):
        for difference in config_differences(first, other):
            values = found.setdefault(difference.key, [difference.old] * len(configs))
            values[place] = difference.new
    order = [key for key in all_keys() if key in found and key not in _LOCATIONS]
    return [Setting(key, tuple(found[key])) for key in order]


def largest_deltas(report: ScoreReport, wanted: int) -> list[SegmentDelta]:
    """Return the sentences whose chrF differs most from that of the first run, the largest first.

    Args:
        report: The scores of the runs.
        wanted: The greatest number of sentences to return.
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
    changes.sort(key=lambda each: (-abs(each[0]), each[1], each[2]))
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
        for change, line, run in changes[:wanted]
    ]


def _names(states: Sequence[RunState]) -> tuple[str, ...]:
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
        f"{name} ({chosen[:place].count(name) + 1})" if name in chosen[:place] else name
        for place, name in enumerate(chosen)
    )


def _run(name: str, state: RunState) -> dict[str, Any]:
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


def _delta(swing: SegmentDelta, names: Sequence[str]) -> dict[str, Any]:
    return {
        "line": swing.line,
        "run": names[swing.run],
        "change": swing.change,
        "source": swing.source,
        "reference": swing.reference,
        "translations": list(swing.hypotheses),
        "chrf": list(swing.scores),
    }


RUN_COLUMNS = (
    Column("run"),
    Column("state"),
    Column("updates", True),
    Column("time", True),
    Column("parameters", True),
    Column("best validation"),
)


def run_rows(found: RunComparison) -> list[list[str]]:
    """Return a row for each run: name, state, updates, time, parameters, best validation."""
    rows = []
    for name, state in zip(found.names, found.states, strict=True):
        history = state.history
        best = history.best(state.best_metric)
        parameters = history.fact("parameters")
        told = "–"
        value = None if best is None else best.deciding_value(state.best_metric)
        if best is not None and value is not None:
            metric, shown = value.shown
            told = f"{METRICS[metric]} {points(shown)} at update {best.update:,}"
        rows.append(
            [
                name,
                status_text(state),
                count(history.update),
                format_duration(history.seconds),
                count(parameters) if isinstance(parameters, int) else "–",
                told,
            ]
        )
    return rows


def setting_rows(found: RunComparison) -> list[list[str]]:
    """Return a row for each setting that differs: its key and its value in each run."""
    return [[each.key, *map(format_value, each.values)] for each in found.settings]


_HEIGHT = 10
_WIDTH = 76
_WIDEST = 48


def print_runs(found: RunComparison) -> None:
    """Print the runs, the settings that differ, and the curves of dev."""
    print_table(
        [column.name for column in RUN_COLUMNS], _shown(run_rows(found)), left_aligned=(0, 1, 5)
    )
    print()
    if found.settings_problem:
        print(f"settings cannot be compared: {found.settings_problem}")
    elif found.settings:
        header = ["setting that differs", *map(printable, found.names)]
        print_table(header, _shown(setting_rows(found)), left_aligned=range(len(header)))
    else:
        print("the settings are the same")
    for metric in ("bleu", "perplexity"):
        lines = list(_curve(found, metric))
        if lines:
            print("\n" + "\n".join(lines))


def print_deltas(found: RunComparison, wanted: int) -> None:
    """Print the sentences whose translations differ most from those of the first run.

    Args:
        found: The comparison of the runs.
        wanted: The greatest number of sentences to print.
    """
    if found.judged is None:
        return
    swings = largest_deltas(found.judged.report, wanted)
    if swings:
        print("\nlargest swings by chrF of the sentence")
    for swing in swings:
        names = found.names[0], found.names[swing.run]
        width = max(len(name) for name in (*names, "reference"))
        before, after = swing.scores
        rows = [
            ("source", swing.source),
            ("reference", swing.reference),
            (names[0], swing.hypotheses[0]),
            (names[1], swing.hypotheses[1]),
        ]
        print(f"\nline {swing.line}: {before:.1f} -> {after:.1f} ({swing.change:+.1f})")
        for name, text in rows:
            print(f"  {printable(name):<{width}}  {printable(text)}")


def _curve(found: RunComparison, metric: str) -> Iterator[str]:
    """Yield a chart of a dev metric, drawn in letters that tell the runs apart without colours."""
    series = [dev_points(state.history, metric) for state in found.states]
    drawn = plot(series, _WIDTH, _HEIGHT, log=metric == "perplexity", ascii_only=True)
    if drawn:
        names = enumerate(map(printable, found.names))
        marks = "   ".join(f"{legend_mark(number, True)} {name}" for number, name in names)
        yield f"{METRICS[metric]} of dev   {marks}"
        yield from plain(drawn)


def _shown(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return cells without control characters, cut to a width that fits a row on the screen."""
    return [
        [
            text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"
            for text in map(printable, row)
        ]
        for row in rows
    ]


def comparison_page(found: RunComparison) -> str:
    """Return the comparison as a self-contained HTML document."""
    judged = None if found.judged is None else score_page(found.judged.report)
    parts = (
        section("runs", "Runs", _runs(found)),
        section("settings", "Settings that differ", _settings(found)),
        section("curves", "Curves", _curves(found)),
        section("translations", f"Translations{_of_what(found)}", *_judged(found, judged)),
    )
    return render(
        Page(
            title=" and ".join(found.names) if len(found.names) == 2 else ", ".join(found.names),
            about=f"compared {clock(found.states[0].now)}",
            body="\n".join(parts),
            data=None if judged is None else judged.data,
            styles=(STYLE, RUN_STYLE, *(() if judged is None else judged.styles)),
            scripts=(*SCRIPTS, *(() if judged is None else judged.scripts)),
        )
    )


def _of_what(found: RunComparison) -> str:
    return "" if found.judged is None else f" of {found.judged.what}"


def _judged(found: RunComparison, judged: Page | None) -> tuple[str, ...]:
    return (paragraph(found.why_not, "muted"),) if judged is None else (judged.body,)


def _runs(found: RunComparison) -> str:
    return table(RUN_COLUMNS, run_rows(found))


def _settings(found: RunComparison) -> str:
    if found.settings_problem:
        return paragraph(f"Cannot be compared. {found.settings_problem}", "bad")
    if not found.settings:
        return paragraph("None: the runs have the same settings.", "muted")
    columns = (Column("setting"), *(Column(name) for name in found.names))
    return table(columns, setting_rows(found))


def _curves(found: RunComparison) -> str:
    charts = comparison_curves(found.names, [state.history for state in found.states])
    return f'<div class="charts">{"".join(map(chart_html, charts))}</div>'

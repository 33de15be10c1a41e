"""Several runs beside each other as one HTML page."""

from nmt.config.dump import value_text
from nmt.doctor.report import time_text
from nmt.evaluation.page import score_page
from nmt.pages.charts import SCRIPTS, STYLE, chart_html
from nmt.pages.page import Page, render
from nmt.reports.comparison import RunComparison
from nmt.reports.comparison_curves import comparison_curves
from nmt.reports.history import METRICS
from nmt.reports.markup import Column, clock, count, paragraph, points, section, table
from nmt.reports.report_page import RUN_STYLE
from nmt.reports.words import status_text


def comparison_page(found: RunComparison) -> str:
    """The page as HTML, whole in itself."""
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


def run_rows(found: RunComparison) -> list[list[str]]:
    """A row for each run: name, state, updates, time, parameters, best validation."""
    rows = []
    for name, state in zip(found.names, found.states, strict=True):
        history = state.history
        best = history.best(state.best_metric)
        parameters = history.fact("parameters")
        told = "–"
        if best is not None:
            value = points(best.metrics[state.best_metric])
            told = f"{METRICS[state.best_metric]} {value} at update {best.update:,}"
        rows.append(
            [
                name,
                status_text(state),
                count(history.update),
                time_text(history.seconds),
                count(parameters) if isinstance(parameters, int) else "–",
                told,
            ]
        )
    return rows


RUN_COLUMNS = (
    Column("run"),
    Column("state"),
    Column("updates", True),
    Column("time", True),
    Column("parameters", True),
    Column("best validation"),
)


def setting_rows(found: RunComparison) -> list[list[str]]:
    """A row for each setting that differs: its key and the value in each run."""
    return [[each.key, *map(value_text, each.values)] for each in found.settings]


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

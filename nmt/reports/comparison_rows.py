"""The table rows of a comparison of runs, for the HTML report and the terminal."""

from nmt.config.dump import value_text
from nmt.doctor.report import time_text
from nmt.reports.comparison import RunComparison
from nmt.reports.history import METRICS
from nmt.reports.markup import Column, count, points
from nmt.reports.words import status_text

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
                time_text(history.seconds),
                count(parameters) if isinstance(parameters, int) else "–",
                told,
            ]
        )
    return rows


def setting_rows(found: RunComparison) -> list[list[str]]:
    """Return a row for each setting that differs: its key and its value in each run."""
    return [[each.key, *map(value_text, each.values)] for each in found.settings]

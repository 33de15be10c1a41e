"""The comparison of several runs as text for the terminal."""

from collections.abc import Iterator, Sequence

from nmt.inspection.display import printable
from nmt.reports.comparison import RunComparison, swings_of
from nmt.reports.comparison_rows import RUN_COLUMNS, run_rows, setting_rows
from nmt.reports.curves import dev_points
from nmt.reports.history import METRICS
from nmt.reports.text_charts import legend_mark, plain, plot
from nmt.runtime.tables import print_table

_HEIGHT = 10
_WIDTH = 76
_WIDEST = 48


def print_runs(found: RunComparison) -> None:
    """Print the runs, the settings that differ, and the curves of dev."""
    print_table([column.name for column in RUN_COLUMNS], _shown(run_rows(found)), words=(0, 1, 5))
    print()
    if found.settings_problem:
        print(f"settings cannot be compared: {found.settings_problem}")
    elif found.settings:
        header = ["setting that differs", *map(printable, found.names)]
        print_table(header, _shown(setting_rows(found)), words=range(len(header)))
    else:
        print("the settings are the same")
    for metric in ("bleu", "perplexity"):
        lines = list(_curve(found, metric))
        if lines:
            print("\n" + "\n".join(lines))


def print_swings(found: RunComparison, wanted: int) -> None:
    """Print the sentences whose translations differ most from those of the first run.

    Args:
        found: The comparison of the runs.
        wanted: The greatest number of sentences to print.
    """
    if found.judged is None:
        return
    swings = swings_of(found.judged.report, wanted)
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

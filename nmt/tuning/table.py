"""The trials of a tuning as a table: drawn on a terminal, aligned text in a pipe."""

import sys

from nmt.tuning.tune import Trial, Tuning

_WORDS = (1, 9)
"""Columns of words, aligned at the left; the others are of numbers."""


def print_table(tuning: Tuning) -> None:
    """Print the trials on stdout, best first, and how they were scored."""
    header = ["beam", "penalty", "alpha", "coverage", tuning.metric, "95% interval", "p"]
    header += ["hyp/ref", "sentences/s", ""]
    rows = [[*_cells(trial), _mark(trial, tuning)] for trial in tuning.trials]
    if sys.stdout.isatty():
        _draw(header, rows)
    else:
        print(_aligned([header, *rows]))
    print(tuning.signature)


def _cells(trial: Trial) -> list[str]:
    settings, standing = trial.settings, trial.standing
    low, high = standing.interval
    greedy = settings.beam_size == 1
    plain = greedy or settings.length_penalty == "none"
    return [
        str(settings.beam_size),
        "-" if greedy else settings.length_penalty,
        "-" if plain else f"{settings.alpha:g}",
        "-" if greedy else f"{settings.coverage_penalty:g}",
        f"{standing.score:.2f}",
        f"{low:.2f} - {high:.2f}",
        "-" if standing.p is None else f"{standing.p:.3f}",
        f"{standing.length_ratio:.3f}",
        f"{trial.sentences_per_second:.1f}",
    ]


def _mark(trial: Trial, tuning: Tuning) -> str:
    marks = ["best"] if trial is tuning.winner else []
    marks += ["present"] if trial.present else []
    return ", ".join(marks)


def _aligned(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: list[str], widths: list[int]) -> str:
    cells = [
        cell.ljust(width) if column in _WORDS else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def _draw(header: list[str], rows: list[list[str]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD)
    for column, name in enumerate(header):
        table.add_column(name, justify="left" if column in _WORDS else "right", no_wrap=True)
    for place, row in enumerate(rows):
        table.add_row(*row, style="bold" if place == 0 else None)
    console = Console()
    whole = console.options.update(max_width=sum(map(len, header)) + sum(map(len, rows[0])) + 100)
    # Lines that the terminal breaks are better than digits that are not there.
    console.width = max(console.width, console.measure(table, options=whole).maximum)
    console.print(table)

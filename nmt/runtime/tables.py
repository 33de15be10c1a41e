"""Tables on a terminal or in a pipe, and the width of text in terminal cells."""

import sys
import unicodedata
from collections.abc import Collection, Sequence
from itertools import pairwise

from nmt.text.characters import JOINERS


def print_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    left_aligned: Collection[int] = (),
    bold: Collection[int] = (),
) -> None:
    """Print a table on stdout.

    Args:
        header: The names of the columns.
        rows: The cells of each row.
        left_aligned: The indices of the columns to align at the left. Others are aligned at the
            right.
        bold: The indices of the rows that are bold on a terminal.
    """
    if sys.stdout.isatty():
        _print_rich_table(header, rows, left_aligned, bold)
    else:
        print(align_columns([header, *rows], left_aligned))


def align_columns(rows: Sequence[Sequence[str]], left_aligned: Collection[int] = ()) -> str:
    """Return rows as lines of text, with two spaces between columns.

    Args:
        rows: The cells of each row.
        left_aligned: The indices of the columns to align at the left. Others are aligned at the
            right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths, left_aligned) for row in rows)


def _line(row: Sequence[str], widths: Sequence[int], left_aligned: Collection[int]) -> str:
    cells = [
        cell.ljust(width) if column in left_aligned else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def _print_rich_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    left_aligned: Collection[int],
    bold: Collection[int],
) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD)
    for column, name in enumerate(header):
        table.add_column(
            Text(name), justify="left" if column in left_aligned else "right", no_wrap=True
        )
    for index, row in enumerate(rows):
        table.add_row(*map(Text, row), style="bold" if index in bold else None)
    console = Console()
    widest = sum(map(len, header)) + sum(
        max(map(len, column)) for column in zip(*rows, strict=True)
    )
    unlimited = console.options.update(max_width=widest + 100)
    # Lines that the terminal wraps are better than missing digits.
    console.width = max(console.width, console.measure(table, options=unlimited).maximum)
    console.print(table)


def display_width(text: str) -> int:
    """Return the number of cells that a text takes: wide characters two, combining marks none."""
    return sum(map(_cell_width, text))


def printable(text: str) -> str:
    """Return a text without characters that move the cursor or change the writing direction.

    Joiners of letters are kept. Joiners of emoji are dropped, because terminals differ in the width
    of a joined emoji.
    """
    kept = []
    for character, following in pairwise(f"{text} "):
        if character in JOINERS and unicodedata.category(following) != "So":
            kept.append(character)
        elif unicodedata.category(character) != "Cf":
            kept.append(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}")
    return "".join(kept)


def align_right(text: str, width: int) -> str:
    """Return a text, padded at the left to a width.

    Args:
        text: The text.
        width: The width in cells.
    """
    return " " * (width - display_width(text)) + text


def _cell_width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1

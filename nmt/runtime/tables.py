"""Tables on a terminal or in a pipe, and the width of text in terminal cells."""

import sys
import unicodedata
from collections.abc import Collection, Sequence
from itertools import pairwise

from nmt.text.characters import JOINERS


def print_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    words: Collection[int] = (),
    bold: Collection[int] = (),
) -> None:
    """Print a table on stdout.

    Args:
        header: The names of the columns.
        rows: The cells of each row.
        words: The indices of the columns that are aligned at the left; the others are aligned at
            the right.
        bold: The indices of the rows that are bold on a terminal.
    """
    if sys.stdout.isatty():
        _draw(header, rows, words, bold)
    else:
        print(aligned([header, *rows], words))


def aligned(rows: Sequence[Sequence[str]], words: Collection[int] = ()) -> str:
    """Return rows as lines of text, with two spaces between columns.

    Args:
        rows: The cells of each row.
        words: The indices of the columns that are aligned at the left; the others are aligned at
            the right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths, words) for row in rows)


def _line(row: Sequence[str], widths: Sequence[int], words: Collection[int]) -> str:
    cells = [
        cell.ljust(width) if column in words else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]
    return "  ".join(cells).rstrip()


def _draw(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    words: Collection[int],
    bold: Collection[int],
) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD)
    for column, name in enumerate(header):
        table.add_column(Text(name), justify="left" if column in words else "right", no_wrap=True)
    for place, row in enumerate(rows):
        table.add_row(*map(Text, row), style="bold" if place in bold else None)
    console = Console()
    widest = sum(map(len, header)) + sum(
        max(map(len, column)) for column in zip(*rows, strict=True)
    )
    whole = console.options.update(max_width=widest + 100)
    # Lines that the terminal wraps are better than missing digits.
    console.width = max(console.width, console.measure(table, options=whole).maximum)
    console.print(table)


def display_width(text: str) -> int:
    """Return the number of cells that a text takes: wide characters two, combining marks none."""
    return sum(map(_width, text))


def printable(text: str) -> str:
    """Return a text without characters that move the cursor or change the writing direction.

    Joiners of letters stay. Joiners of emoji go, because terminals differ in the width of a joined
    emoji.
    """
    shown = []
    for character, following in pairwise(f"{text} "):
        if character in JOINERS and unicodedata.category(following) != "So":
            shown.append(character)
        elif unicodedata.category(character) != "Cf":
            shown.append(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}")
    return "".join(shown)


def right_aligned(text: str, width: int) -> str:
    """Return a text, padded at the left to a width.

    Args:
        text: The text.
        width: The width in cells.
    """
    return " " * (width - display_width(text)) + text


def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1

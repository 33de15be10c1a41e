"""Attention as a text picture: target tokens down, source tokens across."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nmt.runtime.tables import align_right, display_width, printable
from nmt.search.hypothesis import Weights

_STEPS = (0.05, 0.25, 0.5, 0.75)
_CELL = 3
_COLORS = ("2", "2;36", "36", "1;36", "1;36")
_NO_COLOR = "0"


@dataclass(frozen=True)
class Style:
    """The characters in which weights are drawn.

    Attributes:
        shades: Five cells of two characters, from the lowest weight to the highest.
        leader: The line from a source token down to its column.
        numbers: Whether to show hundredths rather than shades.
    """

    shades: tuple[str, str, str, str, str]
    leader: str
    numbers: bool = False


BLOCKS = Style(("· ", "░░", "▒▒", "▓▓", "██"), "│")
ASCII = Style((". ", "::", "++", "**", "##"), "|")
NUMBERS = Style(BLOCKS.shades, BLOCKS.leader, numbers=True)
ASCII_NUMBERS = Style(ASCII.shades, ASCII.leader, numbers=True)


def render_attention(
    target: Sequence[str],
    source: Sequence[str],
    weights: Weights,
    style: Style = BLOCKS,
    *,
    color: bool = False,
    width: int | None = None,
) -> str:
    """Return attention weights as a picture of lines that end in a line feed.

    Each source token has a line of its own, above a leader to its column.

    Args:
        target: The target tokens.
        source: The source tokens.
        weights: Attention weights `[target, source]`.
        style: The characters to draw with.
        color: Whether to use ANSI colour escapes.
        width: The width of the terminal in cells; None for no limit. A wider picture is drawn in
            parts, one below the other.
    """
    rows = [printable(token) for token in target]
    columns = [printable(token) for token in source]
    margin = max(map(display_width, rows), default=0) + 1
    lines: list[str] = []
    for part in _parts(columns, margin, width):
        if lines:
            lines.append("")
        lines += _header(columns[part], margin, style)
        for row, values in zip(rows, weights[:, part], strict=True):
            cells = " ".join(_cell(float(value), style, color) for value in values)
            lines.append(f"{align_right(row, margin - 1)} {cells}".rstrip())
    return "".join(f"{line}\n" for line in lines)


def legend(style: Style) -> str:
    """Return a line that explains the shades."""
    if style.numbers:
        return "attention in hundredths"
    edges = (0.0, *_STEPS, 1.0)
    return "attention: " + ", ".join(
        f"{shade.strip()} {low:.0%} to {high:.0%}"
        for shade, low, high in zip(style.shades, edges[:-1], edges[1:], strict=True)
    )


def _parts(columns: Sequence[str], margin: int, width: int | None) -> list[slice]:
    """Return ranges of columns that fit into the width, each of at least one column."""
    if width is None:
        return [slice(0, len(columns))]
    parts, start = [], 0
    while start < len(columns):
        stop = start + 1
        while stop < len(columns) and _picture_width(columns[start : stop + 1], margin) <= width:
            stop += 1
        parts.append(slice(start, stop))
        start = stop
    return parts


def _picture_width(columns: Sequence[str], margin: int) -> int:
    ends = [margin + _CELL * i + display_width(column) for i, column in enumerate(columns)]
    return max(*ends, margin + _CELL * len(columns) - 1)


def _header(columns: Sequence[str], margin: int, style: Style) -> list[str]:
    leader = style.leader.ljust(_CELL)
    return [" " * margin + leader * i + column for i, column in enumerate(columns)]


def _cell(weight: float, style: Style, color: bool) -> str:
    level = int(np.searchsorted(_STEPS, weight, side="right"))
    text = style.shades[level]
    if style.numbers and level > 0:
        text = f"{min(99, round(100 * weight)):2d}"
    return f"\x1b[{_COLORS[level]}m{text}\x1b[{_NO_COLOR}m" if color else text

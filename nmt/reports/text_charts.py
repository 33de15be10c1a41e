"""Line charts as text: braille dots, or letters where a terminal has none."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

Point = tuple[float, float]

_BRAILLE = 0x2800
_DOT_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bit of each dot of a braille character, by row and column."""

_LETTERS = "*o+x#@"
"""The letter of each series in ASCII charts."""

_BAR_CHARACTERS = "▁▂▃▄▅▆▇█"
_ASCII_BAR_CHARACTERS = "_.-=+*#@"


@dataclass(frozen=True)
class StyledText:
    """A run of characters in a line.

    Attributes:
        text: The characters.
        series: The index of the series that they draw; None for labels and blanks.
    """

    text: str
    series: int | None = None


Line = list[StyledText]


@dataclass(frozen=True)
class Frame:
    """The ranges of a chart's axes.

    Attributes:
        left: The least x.
        right: The greatest x.
        bottom: The least y, as a logarithm where `log` is true.
        top: The greatest y, in the same form.
        log: Whether the y axis is logarithmic.
    """

    left: float
    right: float
    bottom: float
    top: float
    log: bool


def plot(
    series: Sequence[Sequence[Point]],
    width: int,
    height: int,
    *,
    log: bool = False,
    ascii_only: bool = False,
) -> list[Line]:
    """Return a line chart with labels for the ends of both axes.

    Args:
        series: The points of each line, with rising x. Points whose y is not finite are left out.
        width: The width in cells, labels included.
        height: The number of rows above the labels of the x axis.
        log: Whether the y axis is logarithmic. It is linear where a value is not positive.
        ascii_only: Whether to draw in ASCII characters alone.

    Returns:
        `height` + 1 lines of at most `width` cells; none without points.
    """
    known = [[point for point in line_points if math.isfinite(point[1])] for line_points in series]
    frame = _frame([point for line_points in known for point in line_points], log)
    if frame is None:
        return []
    labels = [_number_text(_unscaled(frame, y)) for y in (frame.top, frame.bottom)]
    margin = max(map(len, labels))
    canvas_width = max(4, width - margin - 2)
    canvas = _Canvas(canvas_width, height, ascii_only)
    for number, points in enumerate(known):
        canvas.draw(number, [_position(frame, point) for point in points])
    axis = "|" if ascii_only else "┤"
    rows = []
    for row, line in enumerate(canvas.lines()):
        label = {0: labels[0], height - 1: labels[1]}.get(row, "")
        rows.append([StyledText(f"{label:>{margin}} {axis if label else ' '}"), *line])
    ends = _number_text(frame.left), _number_text(frame.right)
    gap = max(1, canvas_width - len(ends[0]) - len(ends[1]))
    return [*rows, [StyledText(" " * (margin + 2) + ends[0] + " " * gap + ends[1])]]


def sparkline(values: Sequence[float], width: int, ascii_only: bool = False) -> str:
    """Return the last values as bars of eight heights, from zero to the highest value.

    Args:
        values: The values.
        width: The greatest number of bars.
        ascii_only: Whether to draw in ASCII characters alone.
    """
    bars = _ASCII_BAR_CHARACTERS if ascii_only else _BAR_CHARACTERS
    known = [max(0.0, value) if math.isfinite(value) else 0.0 for value in values[-width:]]
    highest = max(known, default=0.0)
    if highest <= 0.0:
        return bars[0] * len(known)
    return "".join(bars[min(7, int(8 * value / highest))] for value in known)


def legend_mark(number: int, ascii_only: bool) -> str:
    """Return the mark before the name of a series.

    Args:
        number: The index of the series.
        ascii_only: Whether the chart is drawn in ASCII characters alone.
    """
    return _LETTERS[number % len(_LETTERS)] if ascii_only else "─"


def plain_lines(lines: Sequence[Line]) -> list[str]:
    """Return the text of lines, without blanks at their ends."""
    return ["".join(span.text for span in line).rstrip() for line in lines]


def _frame(points: Sequence[Point], log: bool) -> Frame | None:
    if not points:
        return None
    log = log and all(y > 0.0 for _, y in points)
    scaled = [math.log(y) if log else y for _, y in points]
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    bottom, top = min(scaled), max(scaled)
    if left == right:
        right = left + 1
    if bottom == top:
        bottom, top = bottom - 0.5, top + 0.5
    return Frame(left, right, bottom, top, log)


def _unscaled(frame: Frame, y: float) -> float:
    return math.exp(y) if frame.log else y


def _position(frame: Frame, point: Point) -> Point:
    """Return the position of a point from the top left corner, each coordinate from 0 to 1."""
    y = math.log(point[1]) if frame.log else point[1]
    return (
        (point[0] - frame.left) / (frame.right - frame.left),
        (frame.top - y) / (frame.top - frame.bottom),
    )


class _Canvas:
    """A grid of cells to draw on. A cell has the colour of the series last drawn in it."""

    def __init__(self, width: int, height: int, ascii_only: bool) -> None:
        self._width, self._height, self._ascii = width, height, ascii_only
        self._columns, self._rows = (width, height) if ascii_only else (2 * width, 4 * height)
        self._dots: dict[tuple[int, int], int] = {}
        self._owners: dict[tuple[int, int], int] = {}

    def draw(self, number: int, positions: Sequence[Point]) -> None:
        """Draw a series through positions from 0 to 1."""
        dots = [(round(x * (self._columns - 1)), round(y * (self._rows - 1))) for x, y in positions]
        for dot in dots:
            self._dot(number, *dot)
        for (x0, y0), (x1, y1) in pairwise(dots):
            steps = max(abs(x1 - x0), abs(y1 - y0))
            for step in range(1, steps):
                share = step / steps
                self._dot(number, round(x0 + share * (x1 - x0)), round(y0 + share * (y1 - y0)))

    def _dot(self, number: int, x: int, y: int) -> None:
        if self._ascii:
            cell, bit = (y, x), 0
        else:
            cell, bit = (y // 4, x // 2), _DOT_BITS[y % 4][x % 2]
        self._dots[cell] = self._dots.get(cell, 0) | bit
        self._owners[cell] = number

    def lines(self) -> list[Line]:
        """Return the rows of the grid."""
        return [self._line(row) for row in range(self._height)]

    def _line(self, row: int) -> Line:
        spans: Line = []
        for column in range(self._width):
            owner = self._owners.get((row, column))
            text = " " if owner is None else self._character((row, column), owner)
            if spans and spans[-1].series == owner:
                spans[-1] = StyledText(spans[-1].text + text, owner)
            else:
                spans.append(StyledText(text, owner))
        return spans

    def _character(self, cell: tuple[int, int], owner: int) -> str:
        if self._ascii:
            return _LETTERS[owner % len(_LETTERS)]
        return chr(_BRAILLE + self._dots[cell])


def _number_text(value: float) -> str:
    if value and not 1e-3 <= abs(value) < 1e6:
        return f"{value:.1e}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"

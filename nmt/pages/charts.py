"""Charts for HTML reports: lines over a number, and bars over bins or names.

`charts.js` draws them. A report with charts has `SCRIPTS` among its scripts and `STYLE` among its
styles.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nmt.pages.page import escape_html, json_for_script

SCRIPTS = ("charts.js", "chart_lines.js", "chart_bars.js")
STYLE = "charts.css"

MAX_POINTS = 2000
"""The maximum number of points of a line, which is more than a screen can show.

Of more points, the extremes of each interval are kept.
"""

Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """A line of a chart.

    Attributes:
        name: The name.
        points: The points (x, y), with rising x. The line is broken where y is not finite.
        dots: Whether each point is marked.
        best: The x of the point to emphasise.
        colour: The colour, from 1 to 6. The default depends on the position of the line.
    """

    name: str
    points: Sequence[Point]
    dots: bool = False
    best: float | None = None
    colour: int | None = None


@dataclass(frozen=True)
class Mark:
    """An event at an x, shown as a vertical line with a text."""

    x: float
    text: str


@dataclass(frozen=True)
class LineChart:
    """A chart of lines over a common x.

    Attributes:
        title: The title.
        series: The lines.
        x_name: The name of x.
        y_name: The name of y.
        logarithmic: Whether y is logarithmic at first. The reader may change it for positive
            values.
        from_zero: Whether y begins at zero.
        group: The group of charts that show the same x.
        marks: The events.
    """

    title: str
    series: Sequence[Series]
    x_name: str = "update"
    y_name: str = ""
    logarithmic: bool = False
    from_zero: bool = False
    group: str = ""
    marks: Sequence[Mark] = ()

    def record(self) -> dict[str, Any]:
        """Return the data that the script draws."""
        return {
            "kind": "lines",
            "title": self.title,
            "xName": self.x_name,
            "yName": self.y_name,
            "log": self.logarithmic,
            "fromZero": self.from_zero,
            "group": self.group,
            "marks": [{"x": mark.x, "text": mark.text} for mark in self.marks],
            "series": [
                {
                    "name": series.name,
                    "points": thin_points(
                        [point for point in series.points if math.isfinite(point[0])]
                    ),
                    "dots": series.dots,
                    "best": series.best,
                    "colour": series.colour or index % 6 + 1,
                }
                for index, series in enumerate(self.series)
            ],
        }


@dataclass(frozen=True)
class Bars:
    """The bars of one series.

    Attributes:
        name: The name.
        values: One value for each bin or label. A value that is not finite has no bar.
        colour: The colour, from 1 to 6. The default depends on the position of the series.
    """

    name: str
    values: Sequence[float]
    colour: int | None = None


@dataclass(frozen=True)
class BarChart:
    """A chart of bars over bins or names, with one bar for each series.

    Attributes:
        title: The title.
        series: The series.
        labels: The name of each bar, for people. Not needed with edges.
        edges: The beginning of each bin and the end of the last, one more than there are values.
        x_name: The name of x.
        y_name: The name of y.
        marks: The events.
    """

    title: str
    series: Sequence[Bars]
    labels: Sequence[str] = ()
    edges: Sequence[float] = ()
    x_name: str = ""
    y_name: str = ""
    marks: Sequence[Mark] = ()

    def record(self) -> dict[str, Any]:
        """Return the data that the script draws."""
        return {
            "kind": "bars",
            "title": self.title,
            "xName": self.x_name,
            "yName": self.y_name,
            "labels": list(self.labels),
            "edges": list(self.edges),
            "marks": [{"x": mark.x, "text": mark.text} for mark in self.marks],
            "series": [
                {
                    "name": series.name,
                    "values": list(series.values),
                    "colour": series.colour or index % 6 + 1,
                }
                for index, series in enumerate(self.series)
            ],
        }


def chart_html(chart: LineChart | BarChart) -> str:
    """Return a chart as HTML, which is drawn when the report is opened, in the available width."""
    return (
        f'<figure class="chart" data-chart="{escape_html(json_for_script(chart.record()))}">'
        f"<figcaption>{escape_html(chart.title)}</figcaption></figure>"
    )


def thin_points(points: Sequence[Point], max_points: int = MAX_POINTS) -> list[Point]:
    """Return at most `max_points` points, with the lowest and the highest of each interval of x.

    The first and the last point are always kept.

    Args:
        points: The points, with rising x.
        max_points: The maximum number of points.
    """
    if len(points) <= max_points:
        return list(points)
    inner, size = points[1:-1], math.ceil((len(points) - 2) / ((max_points - 2) // 2))
    kept = [points[0]]
    for begin in range(0, len(inner), size):
        candidates = [point for point in inner[begin : begin + size] if math.isfinite(point[1])]
        if candidates:
            lowest = min(candidates, key=lambda point: point[1])
            highest = max(candidates, key=lambda point: point[1])
            kept += sorted({lowest, highest})
    return [*kept, points[-1]]

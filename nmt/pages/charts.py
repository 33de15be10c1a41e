"""Charts for HTML reports: lines over a number, and bars over bins or names.

`charts.js` draws them. A report with charts has `SCRIPTS` among its scripts and `STYLE` among its
styles.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nmt.pages.page import escaped, script_json

SCRIPTS = ("charts.js", "chart_lines.js", "chart_bars.js")
STYLE = "charts.css"

MOST_POINTS = 2000
"""The number of points of a line, at most, which is more than a screen can show.

Of more points, the extremes of each stretch remain.
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
                    "name": each.name,
                    "points": thinned([point for point in each.points if math.isfinite(point[0])]),
                    "dots": each.dots,
                    "best": each.best,
                    "colour": each.colour or place % 6 + 1,
                }
                for place, each in enumerate(self.series)
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
                    "name": each.name,
                    "values": list(each.values),
                    "colour": each.colour or place % 6 + 1,
                }
                for place, each in enumerate(self.series)
            ],
        }


def chart_html(chart: LineChart | BarChart) -> str:
    """Return a chart as HTML, which is drawn when the report is opened, in the available width."""
    return (
        f'<figure class="chart" data-chart="{escaped(script_json(chart.record()))}">'
        f"<figcaption>{escaped(chart.title)}</figcaption></figure>"
    )


def thinned(points: Sequence[Point], most: int = MOST_POINTS) -> list[Point]:
    """Return at most `most` points, which include the lowest and the highest of each stretch of x.

    The first and the last point always remain.

    Args:
        points: The points, with rising x.
        most: The number of points, at most.
    """
    if len(points) <= most:
        return list(points)
    inner, size = points[1:-1], math.ceil((len(points) - 2) / ((most - 2) // 2))
    kept = [points[0]]
    for begin in range(0, len(inner), size):
        stretch = [point for point in inner[begin : begin + size] if math.isfinite(point[1])]
        if stretch:
            low = min(stretch, key=lambda point: point[1])
            high = max(stretch, key=lambda point: point[1])
            kept += sorted({low, high})
    return [*kept, points[-1]]

"""Charts for pages: lines over a number, and bars over bins or names, drawn by `charts.js`.

A page that has some takes `SCRIPTS` among its scripts and `STYLE` among its styles.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nmt.pages.page import escaped, script_json

SCRIPTS = ("charts.js", "chart_lines.js", "chart_bars.js")
STYLE = "charts.css"

MOST_POINTS = 2000
"""Of a line: more than a screen can show. Of the others the extremes of each stretch stay."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """A line. points: (x, y), x rising; where y is not finite the line is broken; dots: whether
    each point is marked; best: the x of the point that is to stand out; colour: from 1 to 6,
    default: by its place.
    """

    name: str
    points: Sequence[Point]
    dots: bool = False
    best: float | None = None
    colour: int | None = None


@dataclass(frozen=True)
class Mark:
    """Something that happened at an x, shown as a vertical line with a text."""

    x: float
    text: str


@dataclass(frozen=True)
class LineChart:
    """Lines over a common x. logarithmic: how y is drawn at first (the reader may change it where
    all values are positive); from_zero: whether y begins there; group: charts of one group show
    the same x; marks: see `Mark`.
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
        """What the script draws."""
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
    """The bars of a name. values: one for each bin or label; not finite: none there."""

    name: str
    values: Sequence[float]
    colour: int | None = None


@dataclass(frozen=True)
class BarChart:
    """Bars over bins or over names, several a bin where there are several series.

    edges: where the bins begin, and where the last ends, one more than there are values; labels:
    what each bar is of, for people; may be left out where there are edges.
    """

    title: str
    series: Sequence[Bars]
    labels: Sequence[str] = ()
    edges: Sequence[float] = ()
    x_name: str = ""
    y_name: str = ""
    marks: Sequence[Mark] = ()

    def record(self) -> dict[str, Any]:
        """What the script draws."""
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
    """A chart as HTML, to be drawn when the page is opened, as wide as there is room."""
    return (
        f'<figure class="chart" data-chart="{escaped(script_json(chart.record()))}">'
        f"<figcaption>{escaped(chart.title)}</figcaption></figure>"
    )


def thinned(points: Sequence[Point], most: int = MOST_POINTS) -> list[Point]:
    """At most so many points: of each stretch of x the lowest and the highest, so that no peak is
    lost; all where there are no more. The first and the last always stay.
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

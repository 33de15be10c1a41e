"""The data of charts in HTML reports."""

import html
import json
import math
import re

from nmt.pages.charts import BarChart, Bars, LineChart, Mark, Series, chart_html, thin_points


def data(chart):
    (found,) = re.findall(r'data-chart="([^"]*)"', chart_html(chart))
    return json.loads(html.unescape(found))


def test_all_that_is_drawn_is_in_the_page():
    lines = LineChart(
        "a",
        (Series("x", [(1, 2.0), (2, math.inf), (math.nan, 3.0)], best=1), Series("y", [])),
        marks=(Mark(1, "here"),),
    )
    found = data(lines)
    assert found["series"][0]["points"] == [[1, 2.0], [2, None]]
    assert [each["colour"] for each in found["series"]] == [1, 2]
    assert found["marks"] == [{"x": 1, "text": "here"}]
    bars = data(BarChart("b", (Bars("n", [1, math.nan]),), labels=("p", "q")))
    assert bars["series"][0]["values"] == [1, None]


def test_hostile_names_stay_names():
    name = "</figure><script>alert(1)</script>\"'>"
    page = chart_html(LineChart(name, (Series(name, [(1, 1.0)]),), marks=(Mark(1, name),)))
    assert "<script" not in page
    assert page.count("</figure>") == 1
    assert data(LineChart(name, (Series(name, []),)))["title"] == name


def test_thinning_keeps_the_ends_and_every_peak():
    points = [(float(x), float(x % 7)) for x in range(10_000)]
    points[5003] = (5003.0, 99.0)
    points[7001] = (7001.0, -5.0)
    points[7002] = (7002.0, math.nan)
    kept = thin_points(points, 500)
    assert len(kept) <= 500
    assert kept[0] == points[0] and kept[-1] == points[-1]
    assert {(5003.0, 99.0), (7001.0, -5.0)} <= set(kept)
    assert kept == sorted(kept)
    assert thin_points(points[:500], 500) == points[:500]

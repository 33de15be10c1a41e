"""Charts in a real browser: lines and bars are where the numbers say, and can be read off."""

import math
import re

import pytest

pytest.importorskip("selenium", reason="selenium is not installed")

from browsing import overflows, prefer, requests, resize
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from nmt.pages.charts import SCRIPTS, STYLE, BarChart, Bars, LineChart, Mark, Series, chart_html
from nmt.pages.page import Page, render

TRAIN = [(50, 400.0), (100, 90.0), (150, 30.0), (200, 9.0), (250, 4.0)]
DEV = [(100, 80.0), (200, 12.0), (250, 14.0)]


def line_chart(**more):
    values = {
        "series": (Series("train", TRAIN), Series("dev", DEV, dots=True, best=200)),
        "marks": (Mark(150, "resumed from update 150"),),
        "group": "g",
        **more,
    }
    return LineChart("Perplexity", **values)


@pytest.fixture
def drawn(opened):
    """Opens a page with some charts; gives their figures."""

    def drawn(*charts):
        body = f'<div class="charts">{"".join(map(chart_html, charts))}</div>'
        page = opened(render(Page("Charts", body, styles=(STYLE,), scripts=SCRIPTS)))
        return page.find_elements(By.CSS_SELECTOR, "figure.chart")

    return drawn


def ticks(figure, axis):
    """The places of an axis that are named: (value, pixel)."""
    found = figure.find_elements(By.CSS_SELECTOR, f"text.{axis}-tick")
    pixels = "y" if axis == "y" else "x"
    return [
        (
            float(each.get_attribute("data-value").replace("k", "e3")),
            float(each.get_attribute(pixels)),
        )
        for each in found
    ]


def scale(figure, axis, log=False):
    """From a value to its pixel, as the outermost two ticks have it."""
    (v0, p0), *_, (v1, p1) = sorted(ticks(figure, axis))
    shift = 4.0 if axis == "y" else 0.0  # of the text from its line
    turn = math.log if log else float
    return lambda value: p0 - shift + (turn(value) - turn(v0)) / (turn(v1) - turn(v0)) * (p1 - p0)


def path(figure, name):
    line = figure.find_element(By.CSS_SELECTOR, f'g[data-name="{name}"] path')
    return [
        (float(x), float(y))
        for x, y in re.findall(r"[ML]([\d.-]+) ([\d.-]+)", line.get_attribute("d"))
    ]


def assert_drawn(figure, name, points, log=False):
    x, y = scale(figure, "x"), scale(figure, "y", log)
    expected = [pytest.approx((x(a), y(b)), abs=0.1) for a, b in points]
    assert path(figure, name) == expected


def test_lines_are_where_the_numbers_say_on_both_scales(drawn):
    (figure,) = drawn(line_chart())
    assert_drawn(figure, "train", TRAIN)
    assert_drawn(figure, "dev", DEV)
    button = figure.find_element(By.CSS_SELECTOR, ":scope > button")
    assert button.get_attribute("aria-pressed") == "false"
    button.click()
    assert_drawn(figure, "train", TRAIN, log=True)
    assert_drawn(figure, "dev", DEV, log=True)
    mark = figure.find_element(By.CSS_SELECTOR, "line.mark")
    assert float(mark.get_attribute("x1")) == pytest.approx(scale(figure, "x")(150), abs=0.1)
    assert len(figure.find_elements(By.CSS_SELECTOR, ".dot")) == 3
    best = figure.find_element(By.CSS_SELECTOR, ".best")
    assert float(best.get_attribute("cx")) == pytest.approx(scale(figure, "x")(200), abs=0.1)
    assert figure.find_element(By.CSS_SELECTOR, ".best-text").text == "best 12"


def readout(figure):
    found = figure.find_element(By.CSS_SELECTOR, ".readout")
    rows = found.find_elements(By.CSS_SELECTOR, ".row")
    name = found.find_elements(By.TAG_NAME, "b")
    return (name[0].text if name else None), [" ".join(row.text.split()) for row in rows]


def test_pointing_shows_the_values_in_all_charts_of_a_group(browser, drawn):
    one, two = drawn(
        line_chart(), LineChart("Other", (Series("o", [(60, 1.0), (110, 3.5)]),), group="g")
    )
    plot = one.find_element(By.CSS_SELECTOR, ".plot")
    offset = scale(one, "x")(104) - plot.size["width"] / 2
    ActionChains(browser).move_to_element_with_offset(plot, round(offset), 0).perform()
    assert readout(one) == ("update 100", ["train 90", "dev 80"])
    assert readout(two) == ("update 110", ["o 3.5"])
    ActionChains(browser).move_to_element(browser.find_element(By.TAG_NAME, "h1")).perform()
    assert readout(one) == (None, [])


def test_the_keyboard_goes_from_value_to_value(drawn):
    (figure,) = drawn(line_chart())
    plot = figure.find_element(By.CSS_SELECTOR, ".plot")
    plot.send_keys(Keys.ARROW_RIGHT)
    assert readout(figure) == ("update 50", ["train 400", "dev at 100 80"])
    plot.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert readout(figure)[1][-1] == "resumed from update 150"
    plot.send_keys(Keys.END)
    assert readout(figure)[0] == "update 250"
    plot.send_keys(Keys.HOME, Keys.ARROW_LEFT)
    assert readout(figure)[0] == "update 50"
    plot.send_keys(Keys.ESCAPE)
    assert readout(figure) == (None, [])


def test_a_line_can_be_hidden_and_the_rest_takes_its_room(drawn):
    (figure,) = drawn(line_chart())
    train, dev = figure.find_elements(By.CSS_SELECTOR, ".tools button")
    train.send_keys(Keys.ENTER)
    assert train.get_attribute("aria-pressed") == "false"
    assert figure.find_elements(By.CSS_SELECTOR, 'g[data-name="train"]') == []
    assert_drawn(figure, "dev", DEV)
    assert max(value for value, _ in ticks(figure, "y")) < 100
    dev.click()  # the last one stays
    assert_drawn(figure, "dev", DEV)


def test_gaps_break_a_line_and_single_values_are_dots(drawn):
    gap = [(1, 1.0), (2, math.nan), (3, 2.0), (4, math.inf), (5, 2.0)]
    broken, single, none, flat = drawn(
        LineChart("a", (Series("s", gap),)),
        LineChart("b", (Series("s", [(7, 3.0)]),)),
        LineChart("c", (Series("s", []), Series("t", [(1, math.nan)]))),
        LineChart("d", (Series("s", [(0, 0.0), (1, 0.0)]),), from_zero=True),
    )
    d = broken.find_element(By.CSS_SELECTOR, "path.curve").get_attribute("d")
    assert d.count("M") == 3 and "L" not in d
    assert len(single.find_elements(By.CSS_SELECTOR, ".dot")) == 1
    assert "nothing to show yet" in none.text
    assert_drawn(flat, "s", [(0, 0.0), (1, 0.0)])


def bars_of(figure):
    return figure.find_elements(By.CSS_SELECTOR, "rect.column")


def test_bars_are_as_high_as_the_numbers_say(drawn):
    counts = [0, 10, 40, 20, 5]
    chart = BarChart("h", (Bars("pairs", counts),), edges=(0, 2, 4, 6, 8, 10), x_name="subwords")
    (figure,) = drawn(chart)
    x, y = scale(figure, "x"), scale(figure, "y")
    bars = bars_of(figure)
    for place, (bar, count) in enumerate(zip(bars, counts, strict=True)):
        box = {name: float(bar.get_attribute(name)) for name in ("x", "y", "width", "height")}
        assert box["height"] == pytest.approx(y(0) - y(count), abs=0.1)
        assert box["y"] == pytest.approx(y(count), abs=0.1)
        middle = box["x"] + box["width"] / 2
        assert middle == pytest.approx((x(2 * place) + x(2 * place + 2)) / 2, abs=0.6)
    figure.find_element(By.CSS_SELECTOR, ".plot").send_keys(Keys.HOME, Keys.ARROW_RIGHT)
    assert readout(figure) == ("subwords 2 to 4", ["pairs 10"])


def test_rare_bins_are_seen_on_a_logarithmic_scale(drawn):
    counts = [1, 0, 1000, 10]
    (figure,) = drawn(BarChart("h", (Bars("pairs", counts),), edges=(0, 1, 2, 3, 4)))
    figure.find_element(By.CSS_SELECTOR, ":scope > button").click()
    y = scale(figure, "y", log=True)
    tops = [float(bar.get_attribute("y")) for bar in bars_of(figure)]
    heights = [float(bar.get_attribute("height")) for bar in bars_of(figure)]
    assert [tops[i] for i in (0, 2, 3)] == [pytest.approx(y(n), abs=0.1) for n in (1, 1000, 10)]
    assert heights[1] == 0.0 and min(heights[0], heights[2], heights[3]) > 5


def test_bars_below_zero_hang(drawn):
    (figure,) = drawn(BarChart("h", (Bars("change", [3.0, -2.0]),), ("a", "b")))
    y = scale(figure, "y")
    up, down = bars_of(figure)
    assert float(up.get_attribute("y")) == pytest.approx(y(3), abs=0.1)
    assert float(down.get_attribute("y")) == pytest.approx(y(0), abs=0.1)
    assert float(down.get_attribute("height")) == pytest.approx(y(-2) - y(0), abs=0.1)


def test_two_histograms_are_outlines_and_named_bars_stand_side_by_side(drawn):
    bins = BarChart("h", (Bars("source", [3, 1]), Bars("target", [1, 2])), edges=(0, 1, 2))
    names = BarChart(
        "n", (Bars("A", [3.0, math.nan]), Bars("B", [1.0, 2.0])), ("up to 5", "over 5")
    )
    one, two = drawn(bins, names)
    x, y = scale(one, "x"), scale(one, "y")
    corners = path(one, "target")
    expected = [(0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 0)]
    assert corners == [pytest.approx((x(a), y(b)), abs=0.1) for a, b in expected]
    assert len(two.find_elements(By.CSS_SELECTOR, "rect.column")) == 3
    two.find_element(By.CSS_SELECTOR, ".plot").send_keys(Keys.END)
    assert readout(two) == ("over 5", ["A –", "B 2"])


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_they_fit_the_window_and_ask_for_nothing(browser, drawn, width, scheme):
    prefer(browser, scheme)
    resize(browser, width)
    figures = drawn(line_chart(), BarChart("h", (Bars("n", [1, 2]),), ("a" * 50, "b")))
    assert not overflows(browser)
    for figure in figures:
        svg = figure.find_element(By.TAG_NAME, "svg")
        texts = [each.rect for each in svg.find_elements(By.TAG_NAME, "text")]
        assert all(each["x"] >= figure.rect["x"] for each in texts)
        right = figure.rect["x"] + figure.rect["width"]
        assert all(each["x"] + each["width"] <= right for each in texts)
    resize(browser, 700)
    assert not overflows(browser)
    (only,) = [url for url in requests(browser) if not url.startswith("data:")]
    assert only.startswith("file:")

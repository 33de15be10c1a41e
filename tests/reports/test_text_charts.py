"""Curves as text: each dot where its number is."""

import math

from nmt.reports.text_charts import StyledText, plain_lines, plot, sparkline

_BITS = [[0, 3], [1, 4], [2, 5], [6, 7]]


def dots(lines, margin):
    """The dots that are set, as (column, row) of a grid of 2 by 4 a character."""
    found = set()
    for row, line in enumerate(plain_lines(lines)[:-1]):
        for column, character in enumerate(line[margin:]):
            code = ord(character) - 0x2800
            if 0 < code < 256:
                for y, bits in enumerate(_BITS):
                    for x, bit in enumerate(bits):
                        if code >> bit & 1:
                            found.add((2 * column + x, 4 * row + y))
    return found


def test_a_line_goes_from_corner_to_corner():
    lines = plot([[(0, 0.0), (9, 9.0)]], 13, 5)  # one of label, a wall and a blank: 10 remain
    assert plain_lines(lines)[0].startswith("9 ┤")
    assert plain_lines(lines)[4].startswith("0 ┤")
    assert plain_lines(lines)[5] == "   0        9"
    found = dots(lines, 3)
    assert {(0, 19), (19, 0)} <= found
    assert found == {(x, 19 - x) for x in range(20)}


def test_on_a_logarithmic_scale_equal_factors_are_equal_ways():
    lines = plot([[(0, 1.0), (1, 10.0), (2, 100.0)]], 26, 5, log=True)
    heights = dict(sorted(dots(lines, len("100 ┤"))))
    assert (heights[0], heights[40 // 2], max(heights)) == (19, 10, 41)
    assert plain_lines(plot([[(0, 0.0), (1, 9.0)]], 20, 4, log=True))[3].startswith("0 ┤")


def test_in_ascii_each_line_has_a_letter_and_knows_its_number():
    lines = plot([[(0, 1.0), (4, 1.0)], [(0, 5.0), (4, 5.0)]], 8, 3, ascii_only=True)
    assert plain_lines(lines) == ["5 |ooooo", "", "1 |*****", "   0   4"]
    assert StyledText("ooooo", 1) in lines[0]
    assert StyledText("*****", 0) in lines[2]


def test_what_is_no_number_is_left_out_and_nothing_is_nothing():
    assert plot([[(1, math.nan), (2, math.inf)], []], 20, 5) == []
    lines = plot([[(1, math.nan), (2, 3.0)]], 20, 5)
    assert len(dots(lines, len("3.5 ┤"))) == 1


def test_all_lines_fit_the_width():
    points = [(x * 1000.0, 1e-9 * x) for x in range(100)]
    for ascii_only in (False, True):
        lines = plain_lines(plot([points], 40, 6, ascii_only=ascii_only))
        assert len(lines) == 7
        assert max(map(len, lines)) <= 40


def test_a_sparkline_shows_the_last_values():
    assert sparkline([0.0, 1.0, 4.0, 8.0], 3) == "▂▅█"
    assert sparkline([1.0, 8.0], 5, ascii_only=True) == ".@"
    assert sparkline([math.nan, 0.0], 5) == "▁▁"
    assert sparkline([], 5) == ""

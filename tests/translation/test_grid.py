import pytest

from nmt.config.settings import SearchSettings
from nmt.errors import UsageError
from nmt.translation.tuning import grid, values

PENALTIES = ("length_penalty", "alpha", "coverage_penalty")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("5", [5]),
        ("1, 5,10", [1, 5, 10]),
        ("gnmt,average", ["gnmt", "average"]),
        ("0,0.2,...,1", [0, 0.2, 0.4, 0.6, 0.8, 1]),
        ("0.1,0.3,...,0.5,2", [0.1, 0.3, 0.5, 2]),
        ("1,2,...,3", [1, 2, 3]),
        ("3,2,...,0", [3, 2, 1, 0]),
        ("1,,2", [1, None, 2]),
    ],
)
def test_values(text, found):
    assert values(text) == found
    assert [type(value) for value in values(text)] == [type(value) for value in found]


@pytest.mark.parametrize(
    "text",
    [
        "...",
        "1,...,3",
        "1,2,...",
        "...,2,3",
        "1,1,...,1",
        "1,1,...,3",
        "0,0.2,...,0.5",
        "0,0.2,...,0.2",
        "2,1,...,5",
        "a,b,...,c",
        "0,nan,...,1",
        "0,1,...,inf",
        "0,1e-9,...,1",
    ],
)
def test_dots_that_say_nothing_are_refused(text):
    with pytest.raises(UsageError, match=r"`\.\.\.` needs two numbers"):
        values(text)


def test_the_present_settings_come_first_and_nothing_else_changes():
    present = SearchSettings(beam_size=4, alpha=0.6, max_length=50, batch_sentences=7)
    points = grid(present, {"beam_size": [4, 8], "alpha": [0.2, 0.6]})
    assert points[0] == present
    assert [(point.beam_size, point.alpha) for point in points] == [
        (4, 0.6),
        (4, 0.2),
        (8, 0.2),
        (8, 0.6),
    ]
    assert {(point.max_length, point.batch_sentences) for point in points} == {(50, 7)}


def test_one_search_is_tried_once():
    present = SearchSettings(beam_size=5)
    kinds = ["gnmt", "average", "word_reward", "none"]
    axes = {"beam_size": [5], "length_penalty": kinds, "alpha": [0, 0.5]}
    tried = [(point.length_penalty, point.alpha) for point in grid(present, axes)[1:]]
    assert tried == [("gnmt", 0.0), ("gnmt", 0.5), ("average", 0.5), ("word_reward", 0.5)]


def test_a_greedy_search_is_tried_once_with_the_present_penalties():
    present = SearchSettings(beam_size=5, alpha=0.3, coverage_penalty=0.1)
    axes = {"beam_size": [1], "alpha": [0, 1], "coverage_penalty": [0, 0.2]}
    points = grid(present, axes)
    assert points == [present, present.model_copy(update={"beam_size": 1})]


@pytest.mark.parametrize(
    ("axes", "rule"),
    [
        (
            {"beam_size": [5, 0]},
            "search.beam_size: expected a whole number >= 1 and .* got 0",
        ),
        ({"beam_size": ["wide"]}, "search.beam_size: .* got the text 'wide'"),
        ({"length_penalty": ["gnmtt"]}, r"one of gnmt, average.*; did you mean gnmt\?"),
        ({"alpha": [float("nan")]}, "search.alpha: expected a number >= -100 and <= 100, got nan"),
        ({"alpha": [None]}, "search.alpha: expected a number >= -100 and <= 100, got nothing"),
        ({"coverage_penalty": [-1]}, "search.coverage_penalty: expected"),
    ],
)
def test_what_settings_do_not_allow_is_explained(axes, rule):
    with pytest.raises(UsageError, match=rule):
        grid(SearchSettings(n_best=3), axes)


def test_a_longer_list_gives_way_to_a_narrow_beam():
    points = grid(SearchSettings(beam_size=5, n_best=3), {"beam_size": [1]})
    assert [(point.beam_size, point.n_best) for point in points] == [(5, 3), (1, 1)]

import pytest

from nmt.alignment.error_rate import parse_gold
from nmt.alignment.links import check_within, format_links, parse_links, swap_sides
from nmt.errors import DataError


def test_links_are_read_and_written_in_the_order_of_the_target():
    links = parse_links(" 2-1 0-0  1-0 0-0", "f", 1)
    assert links == [(0, 0), (1, 0), (2, 1)]
    assert format_links(links) == "0-0 1-0 2-1"
    assert parse_links("", "f", 1) == []


def test_turning_twice_changes_nothing():
    links = [(0, 0), (1, 0), (2, 1)]
    assert swap_sides(links) == [(0, 0), (0, 1), (1, 2)]
    assert swap_sides(swap_sides(links)) == links


def test_gold_has_sure_and_possible_links():
    gold = parse_gold("0-0 1p2 3?4", "f", 1)
    assert gold.sure == {(0, 0)}
    assert gold.possible == {(0, 0), (1, 2), (3, 4)}


def test_gold_counted_from_one():
    assert parse_gold("1-1 2p3", "f", 1, first=1).possible == {(0, 0), (1, 2)}
    with pytest.raises(DataError, match="f: line 7: '0-1' has index 0"):
        parse_gold("0-1", "f", 7, first=1)


@pytest.mark.parametrize("text", ["1", "1-", "a-b", "-1-1", "1-1:0.5", "1−1", "1-" + "9" * 5000])
def test_what_is_no_link(text):
    with pytest.raises(DataError, match=r"f: line 3: .* is not a link"):
        parse_links("0-0 " + text, "f", 3)


def test_links_that_are_only_possible_are_no_alignment():
    with pytest.raises(DataError, match="has possible links"):
        parse_links("0-0 1?1", "f", 1)


def test_links_beyond_a_sentence():
    check_within([(1, 2)], (2, 3), "f", 1)
    with pytest.raises(DataError, match=r"line 4: a link to source word 2 .* source has 2 words"):
        check_within([(2, 2)], (2, 3), "f", 4)
    with pytest.raises(DataError, match="target word 3"):
        check_within([(1, 3)], (2, 3), "f", 4)

import pytest

from nmt.alignment.error_rate import AlignmentErrorRate, GoldLinks


def gold(sure, possible=()):
    return GoldLinks(frozenset(sure), frozenset([*sure, *possible]))


def test_by_hand():
    error = AlignmentErrorRate()
    error.add([(0, 0), (1, 1), (2, 2)], gold([(0, 0), (3, 3)], [(1, 1)]))
    error.add([(0, 0)], gold([(0, 1)]))
    assert (error.pairs, error.links, error.sure, error.possible) == (2, 4, 3, 4)
    assert error.precision == pytest.approx(2 / 4)
    assert error.recall == pytest.approx(1 / 3)
    assert error.rate == pytest.approx(1 - (1 + 2) / (4 + 3))


def test_without_possible_links_it_is_one_minus_f1():
    error = AlignmentErrorRate()
    error.add([(0, 0), (1, 1), (2, 1)], gold([(0, 0), (1, 1), (2, 2), (3, 3)]))
    f1 = 2 * error.precision * error.recall / (error.precision + error.recall)
    assert error.rate == pytest.approx(1 - f1)


def test_all_and_nothing():
    error = AlignmentErrorRate()
    assert (error.precision, error.recall, error.rate) == (1.0, 1.0, 0.0)
    error.add([], gold([]))
    assert error.rate == 0.0
    error.add([(0, 0)], gold([(0, 0)]))
    assert error.rate == 0.0
    error.add([], gold([(0, 0)]))
    assert 0.0 < error.rate < 1.0

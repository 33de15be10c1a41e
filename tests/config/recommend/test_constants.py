import pytest

from nmt.config.recommend import constants
from nmt.config.recommend.constants import Curve

CURVE = Curve(((100, 10), (10_000, 30), (100_000, 0)), 5)


@pytest.mark.parametrize(
    ("amount", "value"),
    [(0, 10), (100, 10), (1000, 20), (10_000, 30), (31_623, 15), (100_000, 0), (10**9, 0)],
)
def test_between_its_points_a_curve_goes_with_the_logarithm(amount, value):
    assert CURVE.at(amount) == value


def test_it_is_rounded_to_what_is_said():
    assert Curve(((1, 0.0), (10, 0.1)), 0.05).at(5) == 0.05
    assert CURVE.integer_at(200) == 15


@pytest.mark.parametrize(
    "name", [name for name, value in vars(constants).items() if isinstance(value, Curve)]
)
def test_points_of_each_curve_rise(name):
    amounts = [amount for amount, _ in getattr(constants, name).points]
    assert amounts == sorted(set(amounts))

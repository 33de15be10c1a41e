import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nmt.config.registry import LENGTH_PENALTIES
from nmt.search.penalties import coverage_penalty


@pytest.mark.parametrize(
    ("kind", "alpha", "expected"),
    [
        ("gnmt", 0.6, -3.0 / (12 / 6) ** 0.6),
        ("average", 1.0, -3.0 / 7),
        ("average", 0.5, -3.0 / math.sqrt(7)),
        ("word_reward", 0.25, -3.0 + 1.75),
        ("none", 9.0, -3.0),
    ],
)
def test_scores(kind, alpha, expected):
    penalty = LENGTH_PENALTIES.resolve(kind)(alpha)
    score = penalty.score(torch.tensor([-3.0]), torch.tensor([7]))
    assert float(score) == pytest.approx(expected, rel=1e-6)


@given(
    kind=st.sampled_from(LENGTH_PENALTIES.names()),
    alpha=st.floats(-2.0, 2.0),
    log_probability=st.floats(-50.0, 0.0),
    loss=st.floats(0.0, 50.0),
    length=st.integers(1, 20),
    longer=st.integers(0, 20),
    room=st.integers(0, 20),
)
def test_no_continuation_beats_the_bound(kind, alpha, log_probability, loss, length, longer, room):
    penalty = LENGTH_PENALTIES.resolve(kind)(alpha)
    best = torch.tensor(log_probability, dtype=torch.float64)
    bound = penalty.bound(best, torch.tensor(length), torch.tensor(length + longer + room))
    later = penalty.score(best - loss, torch.tensor(length + longer))
    assert float(later) <= float(bound) + 1e-9


def test_coverage_by_hand_and_without_padding():
    coverage = torch.tensor([[[0.5, 1.4, 0.0, 0.0]]])
    mask = torch.tensor([[True, True, False, False]])
    penalty = coverage_penalty(coverage, mask, 0.2)
    assert penalty.shape == (1, 1)
    assert float(penalty) == pytest.approx(0.2 * math.log(0.5), rel=1e-6)


def test_coverage_of_a_source_token_never_looked_at_is_finite():
    penalty = coverage_penalty(torch.zeros(1, 1, 2), torch.tensor([[True, True]]), 0.2)
    assert torch.isfinite(penalty).all()
    assert float(penalty) < -10

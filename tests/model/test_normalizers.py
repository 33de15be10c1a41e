"""Scores to weights, against a search for the threshold that needs no sorting."""

import pytest
import torch
from reference_attention import normalize
from torch.autograd import gradcheck

from nmt.config.registry import NORMALIZERS


def functions():
    return pytest.mark.parametrize("name", NORMALIZERS.names())


@functions()
@pytest.mark.parametrize("spread", [0.01, 1.0, 5.0, 1000.0])
def test_values_and_gradients_equal_the_search(name, spread):
    generator = torch.Generator().manual_seed(0)
    for length in (1, 2, 5, 30):
        scores = torch.randn(length, generator=generator, dtype=torch.float64) * spread
        scores.requires_grad_()
        weights = NORMALIZERS.resolve(name)(scores)
        expected = torch.stack(normalize(name, list(scores.unbind())))
        torch.testing.assert_close(weights, expected, rtol=1e-9, atol=1e-12)
        assert weights.sum().item() == pytest.approx(1.0, rel=1e-12)
        upstream = torch.randn(length, generator=generator, dtype=torch.float64)
        (found,) = torch.autograd.grad(weights @ upstream, scores)
        (wanted,) = torch.autograd.grad(expected @ upstream, scores)
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-11)


@functions()
def test_what_may_not_be_seen_gets_nothing(name):
    minus = float("-inf")
    scores = torch.tensor([[0.3, minus, 0.1, minus], [minus, minus, minus, -7.0]])
    scores = scores.double().requires_grad_()
    weights = NORMALIZERS.resolve(name)(scores)
    alone = NORMALIZERS.resolve(name)(scores[0, [0, 2]])
    torch.testing.assert_close(weights[0, [0, 2]], alone)
    assert weights[0, [1, 3]].eq(0).all()
    assert weights[1].tolist() == [0, 0, 0, 1]
    weights.square().sum().backward()
    assert scores.grad.isfinite().all()
    assert scores.grad[0, [1, 3]].eq(0).all()


@functions()
def test_equal_scores_share_alike(name):
    weights = NORMALIZERS.resolve(name)(torch.full((2, 7), 3.0))
    torch.testing.assert_close(weights, torch.full((2, 7), 1 / 7))


@functions()
def test_gradcheck(name):
    generator = torch.Generator().manual_seed(1)
    scores = torch.randn(3, 2, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    assert gradcheck(NORMALIZERS.resolve(name), (scores,))


def test_sparsemax_in_the_paper():
    """Martins and Astudillo 2016, figure 2: in two dimensions, the hard sigmoid (t + 1) / 2."""
    t = torch.tensor([-3.0, -1.0, -0.4, 0.0, 0.5, 1.0, 2.0]).double()
    weights = NORMALIZERS.resolve("sparsemax")(torch.stack((t, torch.zeros_like(t)), -1))
    torch.testing.assert_close(weights[:, 0], ((t + 1) / 2).clamp(0, 1))

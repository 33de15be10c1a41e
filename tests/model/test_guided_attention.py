"""Guided alignment: costs and gradients against the equations, whatever the attention."""

import numpy as np
import pytest
import torch
from reference_model import reference_loss
from tiny_model import KINDS, PAIRS, batch_of, each_kind, gradients, make_model

from nmt.config.registry import GUIDANCE_COSTS
from nmt.data.batches import pad_to_bucket
from nmt.model.loss import Guidance, guided_cross_entropy, guided_squared_error

LINKS = [
    np.array([[0, 0], [1, 0], [3, 2]]),
    np.array([[0, 1], [0, 4]]),
    np.empty((0, 2), np.int64),
    np.empty((0, 2), np.int64),
]
"""Of `PAIRS`: a target token with two links, tokens without any, sentences without any."""
WEIGHT = 0.7


def slow_costs(kind):
    """The cost of each step, for each pair, one weight at a time."""

    def of_pair(links):
        def cost(position, weights):
            places = [int(i) for i, j in links if j == position]
            total = 0.0
            for i, weight in enumerate(weights):
                share = 1.0 / len(places) if i in places else 0.0
                if kind == "cross_entropy" and share:
                    tiny = torch.finfo(weight.dtype).tiny
                    total = total - share * torch.log(torch.clamp(weight, min=tiny))
                elif kind == "mse" and places:
                    total = total + (share - weight) ** 2
            return WEIGHT * total

        return cost

    return [of_pair(links) for links in LINKS]


def guided_loss(model, batch, kind, **options):
    guidance = Guidance(batch.guide, WEIGHT, GUIDANCE_COSTS.resolve(kind))
    tensors = (batch.source, batch.source_lengths, batch.target_input, batch.target_output)
    return model.loss(*tensors, smoothing=0.1, coverage=0.3, guidance=guidance, **options)


ATTENTIVE = [kind for kind, changes in KINDS.items() if changes.get("attention__kind") != "none"]


@pytest.mark.parametrize("cost", GUIDANCE_COSTS.names())
@pytest.mark.parametrize("kind", ATTENTIVE)
def test_values_and_gradients_equal_the_equations(kind, cost):
    model = make_model(**KINDS[kind])
    expected = reference_loss(model, PAIRS, 0.1, 0.3, slow_costs(cost))
    wanted = gradients(model, expected)
    sums = guided_loss(model, batch_of(PAIRS).with_guide(LINKS), cost)
    found = gradients(model, sums.loss)
    assert sums.loss.item() == pytest.approx(expected.item(), rel=1e-10)
    scale = max(gradient.abs().max() for gradient in wanted.values())
    for name, gradient in wanted.items():
        assert (found[name] - gradient).abs().max() <= 1e-9 * scale, name


@each_kind
def test_fixed_shapes_and_buckets_change_nothing(kind):
    model = make_model(**KINDS[kind])
    batch = batch_of(PAIRS).with_guide(LINKS)
    plain = guided_loss(model, batch, "cross_entropy")
    padded = guided_loss(model, pad_to_bucket(batch, 100), "cross_entropy", fixed_shapes=True)
    assert padded.loss.item() == pytest.approx(plain.loss.item(), rel=1e-12)
    if plain.guided is None:
        assert KINDS[kind]["attention__kind"] == "none"
    else:
        assert padded.guided.item() == pytest.approx(plain.guided.item(), rel=1e-12)


def test_the_loss_has_the_cost_times_its_weight():
    model = make_model()
    batch = batch_of(PAIRS)
    tensors = (batch.source, batch.source_lengths, batch.target_input, batch.target_output)
    plain = model.loss(*tensors, smoothing=0.1, coverage=0.3)
    guided = guided_loss(model, batch.with_guide(LINKS), "mse")
    assert plain.guided is None
    assert not guided.guided.requires_grad
    difference = guided.loss - plain.loss
    torch.testing.assert_close(difference, WEIGHT * guided.guided, rtol=1e-12, atol=0)
    assert guided.cross_entropy == plain.cross_entropy


def test_costs_by_hand():
    weights = torch.tensor([[[0.5, 0.25, 0.25], [0.2, 0.8, 0.0], [1.0, 0.0, 0.0]]])
    shares = torch.tensor([[[0.5, 0.0, 0.5], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]])
    expected = -(0.5 * np.log(0.5) + 0.5 * np.log(0.25) + np.log(0.8))
    assert guided_cross_entropy(weights, shares).item() == pytest.approx(expected)
    expected = 0.25**2 + 0.25**2 + 0.2**2 + 0.2**2
    assert guided_squared_error(weights, shares).item() == pytest.approx(expected)


def test_a_weight_of_zero_that_should_be_more_costs_much_but_is_finite():
    weights = torch.tensor([[[1.0, 0.0]]], requires_grad=True)
    cost = guided_cross_entropy(weights, torch.tensor([[[0.0, 1.0]]]))
    cost.backward()
    assert 50 < cost.item() < 100
    assert weights.grad.isfinite().all()


def test_links_share_a_token_evenly():
    guide = batch_of(PAIRS).with_guide(LINKS).guide
    assert guide.shape == (4, 7, 8)
    assert guide[0, 0].tolist() == [0.5, 0.5, 0, 0, 0, 0, 0, 0]
    assert guide[0, 2].tolist() == [0, 0, 0, 1, 0, 0, 0, 0]
    assert guide.sum().item() == 4.0

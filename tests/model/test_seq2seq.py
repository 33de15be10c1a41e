"""The fast model against the slow one written from the equations, and its invariances."""

import itertools

import pytest
import torch
from reference_model import reference_loss

from nmt.config.kinds import DECODER_STARTS
from nmt.config.settings import ModelSettings
from nmt.data.batches import make_batch
from nmt.model.seq2seq import Seq2Seq

PAIRS = [
    ([5, 6, 7, 8], [4, 9, 5]),
    ([9], [6, 7, 8, 9, 4, 5]),
    ([4, 4, 6, 5, 8, 7, 9], []),
    ([], [8]),
]


def settings(**changes):
    tree = {
        "embedding_size": 6,
        "encoder": {"hidden_size": 3},
        "decoder": {"hidden_size": 6},
        "attention": {},
        "output": {},
    }
    for key, value in changes.items():
        section, _, name = key.partition("__")
        if name:
            tree[section][name] = value
        else:
            tree[section] = value
    return ModelSettings(**tree)


def make_model(**changes):
    torch.manual_seed(0)
    model = Seq2Seq(settings(**changes), 10, 10).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.5)
    return model


def batch_loss(model, pairs, smoothing=0.0, teacher_forcing=1.0):
    batch = make_batch([s for s, _ in pairs], [t for _, t in pairs], None)
    return model.loss(
        batch.source,
        batch.source_lengths,
        batch.target_input,
        batch.target_output,
        smoothing,
        teacher_forcing,
    )


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


VARIANTS = [
    {},
    {"decoder__input_feeding": False},
    {"attention__kind": "general", "output__bias": False},
    {
        "attention__kind": "dot",
        "decoder__input_feeding": False,
        "attention__query": "previous_state",
    },
    {"attention__query": "previous_state", "attention__context": "both", "output__kind": "deep"},
    {
        "attention__query": "previous_state",
        "attention__context": "recurrence",
        "decoder__input_feeding": False,
        "decoder__start": "mean",
    },
    {
        "attention__query": "previous_state",
        "attention__context": "recurrence",
        "output__kind": "deep",
    },
    {"encoder__direction": "forward", "encoder__layers": 2, "decoder__layers": 2},
    {"encoder__layers": 2, "decoder__layers": 3, "decoder__start": "bridge"},
    {"encoder__layers": 2, "decoder__layers": 2, "decoder__start": "copy"},
    {"decoder__start": "zeros", "attention__size": 5},
    {"tying": "all"},
    {"tying": "source_target", "output__size": 4},
    {"tying": "target_output", "decoder__hidden_size": 7},
]


@pytest.mark.parametrize(
    ("variant", "cells"),
    list(
        itertools.product(
            VARIANTS, [("lstm", "lstm"), ("gru", "gru"), ("lstm", "gru"), ("gru", "lstm")]
        )
    ),
    ids=lambda value: ",".join(map(str, value.items() if isinstance(value, dict) else value)),
)
def test_values_and_gradients_equal_the_equations(variant, cells):
    if variant.get("decoder__start") == "copy" and cells[0] != cells[1]:
        pytest.skip("copying needs the same cell on both sides")
    model = make_model(**variant, encoder__cell=cells[0], decoder__cell=cells[1])
    fast = batch_loss(model, PAIRS, smoothing=0.1).loss
    fast_gradients = gradients(model, fast)
    slow = reference_loss(model, PAIRS, smoothing=0.1)
    slow_gradients = gradients(model, slow)
    assert fast.item() == pytest.approx(slow.item(), rel=1e-11)
    assert fast_gradients.keys() == slow_gradients.keys()
    for name, gradient in slow_gradients.items():
        scale = gradient.abs().max().clamp_min(1e-3)
        error = (fast_gradients[name] - gradient).abs().max() / scale
        assert error < 1e-9, name


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_every_parameter_is_learned(variant):
    model = make_model(**variant)
    found = gradients(model, batch_loss(model, PAIRS).loss)
    assert found.keys() == dict(model.named_parameters()).keys()
    assert all(gradient.abs().sum() > 0 for gradient in found.values())


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_a_step_at_a_time_equals_the_whole_sequence(variant):
    model = make_model(**variant)
    batch = make_batch([s for s, _ in PAIRS], [t for _, t in PAIRS], None)
    encoded = model.encode(batch.source, batch.source_lengths)
    whole = model.decoder.unroll(encoded, batch.target_input)
    state = model.start(encoded, 1)
    for position, previous in enumerate(batch.target_input.split(1, 1)):
        step = model.step(encoded, state, previous)
        state = step.state
        torch.testing.assert_close(step.features[:, 0], whole.features[:, position])
        torch.testing.assert_close(step.weights[:, 0], whole.weights[:, position])


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_company_and_padding_change_nothing(variant, cell):
    model = make_model(**variant, encoder__cell=cell, decoder__cell=cell)
    together = batch_loss(model, PAIRS).loss
    alone = sum(batch_loss(model, [pair]).loss for pair in PAIRS)
    turned = batch_loss(model, PAIRS[::-1]).loss
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=0)
    torch.testing.assert_close(together, turned, rtol=1e-12, atol=0)


def test_what_stands_in_the_padding_changes_nothing():
    model = make_model()
    batch = make_batch([s for s, _ in PAIRS], [t for _, t in PAIRS], None)
    garbage = batch.source.clone()
    garbage[batch.source == 0] = 7
    clean = model.encode(batch.source, batch.source_lengths)
    dirty = model.encode(garbage, batch.source_lengths)
    for one, other in zip(clean.annotations.final[0], dirty.annotations.final[0], strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    step = model.step(clean, model.start(clean, 1), batch.target_input[:, :1])
    again = model.step(dirty, model.start(dirty, 1), batch.target_input[:, :1])
    torch.testing.assert_close(step.features, again.features, rtol=1e-14, atol=0)
    padding = ~clean.annotations.mask
    assert step.weights[:, 0][padding].eq(0).all()


def test_beams_select_and_reorder_move_the_state():
    model = make_model(decoder__layers=2)
    batch = make_batch([s for s, _ in PAIRS], [t for _, t in PAIRS], None)
    encoded = model.encode(batch.source, batch.source_lengths)
    previous = torch.tensor([[4, 5, 6]] * len(PAIRS))
    step = model.step(encoded, model.start(encoded, 3), previous)
    beams = torch.tensor([[2, 0], [1, 1], [0, 2], [2, 2]])
    moved = model.step(encoded, step.state.reorder(beams), torch.full((4, 2), 7))
    rows = torch.tensor([3, 1])
    kept = model.step(encoded.select(rows), step.state.select(rows), torch.full((2, 3), 7))
    whole = model.step(encoded, step.state, torch.full((4, 3), 7))
    for row in range(4):
        torch.testing.assert_close(moved.features[row], whole.features[row, beams[row]])
    torch.testing.assert_close(kept.features, whole.features[rows])


def test_scheduled_sampling_sees_its_own_words():
    model = make_model()
    true = batch_loss(model, PAIRS, teacher_forcing=1.0).loss
    torch.manual_seed(3)
    nearly = batch_loss(model, PAIRS, teacher_forcing=1.0 - 1e-12).loss
    torch.testing.assert_close(nearly, true, rtol=1e-12, atol=0)

    source, target = PAIRS[0]
    encoded = model.encode(torch.tensor([[*source, 3]]), torch.tensor([len(source) + 1]))
    state, previous, expected = model.start(encoded, 1), torch.tensor([[2]]), 0.0
    for word in [*target, 3]:
        step = model.step(encoded, state, previous)
        log_p = model.log_probabilities(step.features)
        expected -= log_p[0, 0, word]
        state, previous = step.state, log_p.argmax(-1)
    own = batch_loss(model, [PAIRS[0]], teacher_forcing=0.0).loss
    torch.testing.assert_close(own, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("start", DECODER_STARTS.names())
@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("feeding", [True, False])
def test_bfloat16_is_float32_within_its_rounding(start, cell, feeding):
    torch.manual_seed(1)
    shape = settings(
        encoder__hidden_size=32,
        decoder__hidden_size=64,
        encoder__cell=cell,
        decoder__cell=cell,
        decoder__start=start,
        decoder__input_feeding=feeding,
    )
    model = Seq2Seq(shape, 10, 10)
    exact = batch_loss(model, PAIRS).loss
    exact_gradients = gradients(model, exact)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = batch_loss(model, PAIRS).loss
        encoded = model.encode(torch.tensor([[5, 3]]), torch.tensor([2]))
        for layer in model.start(encoded, 1).layers:
            assert all(part.dtype == torch.float32 for part in layer)
    rough_gradients = gradients(model, rough)
    assert rough.item() == pytest.approx(exact.item(), rel=2e-2)
    whole = torch.cat([gradient.flatten() for gradient in exact_gradients.values()])
    found = torch.cat([rough_gradients[name].flatten() for name in exact_gradients])
    assert (found - whole).norm() / whole.norm() < 2e-2


def test_log_probabilities_are_those_of_the_loss():
    model = make_model()
    source, target = PAIRS[0]
    encoded = model.encode(torch.tensor([[*source, 3]]), torch.tensor([len(source) + 1]))
    unrolled = model.decoder.unroll(encoded, torch.tensor([[2, *target]]))
    log_p = model.log_probabilities(unrolled.features)[0]
    torch.testing.assert_close(log_p.exp().sum(-1), torch.ones(len(target) + 1).double())
    expected = -log_p[range(len(target) + 1), [*target, 3]].sum()
    sums = batch_loss(model, [PAIRS[0]])
    torch.testing.assert_close(sums.cross_entropy, expected)
    assert sums.tokens == len(target) + 1

"""The fast model of every kind: against the slow one written from the equations, and alone."""

import numpy as np
import pytest
import torch
from tiny_model import (
    KINDS,
    PAIRS,
    VOCABULARY,
    assert_equals_the_equations,
    batch_loss,
    batch_of,
    each_kind,
    each_kind_with,
    encode,
    gradients,
    make_model,
    settings,
)
from torch.autograd import gradcheck

from nmt.config import registry
from nmt.data.batches import make_batch
from nmt.model.kernels.precision import cast_matrices
from nmt.model.seq2seq import Seq2Seq

CELLS = [
    ("lstm", "lstm"),
    ("gru", "gru"),
    ("layer_norm_lstm", "lstm"),
    ("gru", "layer_norm_gru"),
]


@each_kind_with("cells", CELLS)
def test_values_and_gradients_equal_the_equations(kind, cells):
    model = make_model(**KINDS[kind], encoder__cell=cells[0], decoder__cell=cells[1])
    coverage = 0.0 if KINDS[kind].get("attention__kind") == "none" else 0.7
    assert_equals_the_equations(model.train(), coverage=coverage)
    loss = batch_loss(model, PAIRS, coverage=coverage).loss
    evaluated = batch_loss(model.eval(), PAIRS, coverage=coverage).loss
    torch.testing.assert_close(evaluated, loss, rtol=1e-12, atol=0)


@pytest.mark.parametrize("kind", ["bridge upwards", "linear", "mean", "zeros"])
@pytest.mark.parametrize("cells", [("lstm", "gru"), ("gru", "lstm")], ids="-".join)
def test_starts_from_another_cell(kind, cells):
    model = make_model(**KINDS[kind], encoder__cell=cells[0], decoder__cell=cells[1])
    assert_equals_the_equations(model, smoothing=0.0)


def test_no_kind_is_left_out():
    built = [settings(**changes) for changes in KINDS.values()]
    assert {s.attention.kind for s in built} == set(registry.ATTENTIONS.names())
    assert {s.attention.normalizer for s in built} == set(registry.NORMALIZERS.names())
    assert {s.attention.window for s in built} == set(registry.WINDOWS.names())
    assert {s.decoder.start for s in built} == set(registry.DECODER_STARTS.names())
    assert {s.output.kind for s in built} == set(registry.OUTPUTS.names())
    assert {cell for pair in CELLS for cell in pair} == set(registry.CELLS.names())


@each_kind
def test_every_parameter_is_learned(kind):
    model = make_model(**KINDS[kind])
    found = gradients(model, batch_loss(model, PAIRS).loss)
    assert found.keys() == dict(model.named_parameters()).keys()
    assert all(gradient.abs().sum() > 0 for gradient in found.values())


@each_kind
def test_a_step_at_a_time_equals_the_whole_sequence(kind):
    model = make_model(**KINDS[kind])
    batch = batch_of(PAIRS)
    encoded = encode(model, PAIRS)
    whole = model.decoder.unroll(encoded, batch.target_input)
    state = model.start(encoded, 1)
    total = torch.zeros((), dtype=torch.float64)
    for position, previous in enumerate(batch.target_input.split(1, 1)):
        step = model.step(encoded, state, previous)
        state = step.state
        torch.testing.assert_close(step.features[:, 0], whole.features[:, position])
        if step.weights is not None:
            torch.testing.assert_close(step.weights[:, 0], whole.weights[:, position])
        words = batch.target_output[:, position]
        log_p = model.log_probabilities(encoded, step)[:, 0]
        torch.testing.assert_close(log_p.exp().sum(-1), torch.ones(len(PAIRS)).double())
        total -= log_p.gather(1, words.unsqueeze(1))[words != 0].sum()
    sums = batch_loss(model, PAIRS)
    torch.testing.assert_close(total, sums.loss, rtol=1e-11, atol=0)
    torch.testing.assert_close(total, sums.cross_entropy, rtol=1e-11, atol=0)
    assert sums.tokens == sum(len(target) + 1 for _, target in PAIRS)


@each_kind_with("cell", ["lstm", "layer_norm_gru"])
def test_company_and_padding_change_nothing(kind, cell):
    model = make_model(**KINDS[kind], encoder__cell=cell, decoder__cell=cell)
    together = batch_loss(model, PAIRS, 0.1, coverage=0.3).loss
    alone = sum(batch_loss(model, [pair], 0.1, coverage=0.3).loss for pair in PAIRS)
    turned = batch_loss(model, PAIRS[::-1], 0.1, coverage=0.3).loss
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=0)
    torch.testing.assert_close(together, turned, rtol=1e-12, atol=0)


@each_kind
def test_what_stands_in_the_padding_changes_nothing(kind):
    model = make_model(**KINDS[kind])
    batch = batch_of(PAIRS)
    garbage = batch.source.masked_fill(batch.source == 0, 7)
    clean = model.encode(batch.source, batch.source_lengths)
    dirty = model.encode(garbage, batch.source_lengths)
    previous = batch.target_input[:, :1]
    step = model.step(clean, model.start(clean, 1), previous)
    again = model.step(dirty, model.start(dirty, 1), previous)
    log_p, log_q = model.log_probabilities(clean, step), model.log_probabilities(dirty, again)
    torch.testing.assert_close(log_q, log_p, rtol=1e-13, atol=0)
    if step.weights is not None:
        assert again.weights[:, 0][~clean.annotations.mask].eq(0).all()


@each_kind
def test_beams_select_and_reorder_move_the_state(kind):
    model = make_model(**KINDS[kind])
    encoded = encode(model, PAIRS)
    previous = torch.tensor([[4, 5, 6]] * len(PAIRS))
    state = model.step(encoded, model.start(encoded, 3), previous).state

    def distribution(encoded, state, shape):
        step = model.step(encoded, state, torch.full(shape, 7))
        return model.log_probabilities(encoded, step)

    whole = distribution(encoded, state, (4, 3))
    beams = torch.tensor([[2, 0], [1, 1], [0, 2], [2, 2]])
    moved = distribution(encoded, state.reorder(beams), (4, 2))
    for row in range(4):
        torch.testing.assert_close(moved[row], whole[row, beams[row]])
    rows = torch.tensor([3, 1])
    kept = distribution(encoded.select(rows), state.select(rows), (2, 3))
    torch.testing.assert_close(kept, whole[rows])


@each_kind
def test_weights_go_into_another_model(kind):
    model = make_model(**KINDS[kind])
    other = make_model(seed=1, **KINDS[kind])
    expected = batch_loss(model, PAIRS).loss
    assert batch_loss(other, PAIRS).loss != expected
    other.load_state_dict(model.state_dict())
    assert batch_loss(other, PAIRS).loss == expected


@pytest.mark.parametrize(
    "kind",
    ["luong", "transitions", "multi head, own size", "conditional", "pointer, covering", "gnmt"],
)
@pytest.mark.parametrize("cell", ["lstm", "layer_norm_gru"])
def test_gradcheck_of_whole_models(kind, cell):
    model = make_model(**KINDS[kind], encoder__cell=cell, decoder__cell=cell)

    def loss(*_parameters):
        return batch_loss(model, [([5, 6], [4, 5])], 0.1, coverage=0.5).loss

    assert gradcheck(loss, list(model.parameters()), fast_mode=True)


def test_scheduled_sampling_sees_its_own_words():
    model = make_model()
    true = batch_loss(model, PAIRS, teacher_forcing=1.0).loss
    torch.manual_seed(3)
    nearly = batch_loss(model, PAIRS, teacher_forcing=1.0 - 1e-12).loss
    torch.testing.assert_close(nearly, true, rtol=1e-12, atol=0)


@pytest.mark.parametrize("draw", ["token", "step", "sentence"])
def test_a_draw_of_teacher_forcing_holds_for_what_it_says(draw, monkeypatch):
    model, seen = make_model(), []
    previous = model._previous

    def noted(encoded, true, step, is_forced):
        seen.append(is_forced.expand(len(true)).tolist())
        return previous(encoded, true, step, is_forced)

    monkeypatch.setattr(model, "_previous", noted)
    pairs = [([4 + i], [4, 5, 6, 7, 8, 9]) for i in range(6)]
    batch = make_batch([x for x, _ in pairs], [y for _, y in pairs], np.arange(6))
    torch.manual_seed(1)
    model.loss(
        batch.source,
        batch.source_lengths,
        batch.target_input,
        batch.target_output,
        teacher_forcing=0.5,
        forcing_draw=draw,
    )
    by_step = {len(set(row)) == 1 for row in seen}
    by_sentence = {len(set(column)) == 1 for column in zip(*seen, strict=True)}
    assert {value for row in seen for value in row} == {True, False}
    assert (by_step == {True}) == (draw == "step")
    assert (by_sentence == {True}) == (draw == "sentence")


@each_kind
def test_scheduled_sampling_without_a_teacher_is_greedy_search(kind):
    model = make_model(**KINDS[kind])
    source, target = PAIRS[0]
    encoded = encode(model, [(source, target)])
    state, previous, expected = model.start(encoded, 1), torch.tensor([[2]]), 0.0
    for word in [*target, 3]:
        step = model.step(encoded, state, previous)
        log_p = model.log_probabilities(encoded, step)
        expected -= log_p[0, 0, word]
        state, previous = step.state, log_p.argmax(-1)
    own = batch_loss(model, [PAIRS[0]], teacher_forcing=0.0).loss
    torch.testing.assert_close(own, expected, rtol=1e-12, atol=0)


@each_kind_with("cell", ["lstm", "layer_norm_lstm", "gru", "layer_norm_gru"])
def test_bfloat16_is_near(kind, cell):
    model = make_model(spread=0.3, **KINDS[kind], encoder__cell=cell, decoder__cell=cell)
    exact = batch_loss(model, PAIRS, 0.1, coverage=0.5).loss
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = batch_loss(model.float(), PAIRS, 0.1, coverage=0.5).loss
    assert rough.item() == pytest.approx(exact.item(), rel=2e-2)
    assert all(gradient.isfinite().all() for gradient in gradients(model, rough).values())


@each_kind
def test_narrow_matrices_give_what_autocast_gives(kind):
    model = make_model(spread=0.3, **KINDS[kind]).float().eval()

    def steps():
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            encoded = model.encode(torch.tensor([[5, 6, 3], [7, 3, 0]]), torch.tensor([3, 2]))
            state = model.start(encoded, 2)
            for tokens in ([[1, 1], [1, 1]], [[5, 6], [7, 8]], [[8, 4], [9, 9]]):
                step = model.step(encoded, state, torch.tensor(tokens))
                state = step.state
                yield model.log_probabilities(encoded, step)

    plain = list(steps())
    cast_matrices(model, torch.bfloat16)
    for one, other in zip(steps(), plain, strict=True):
        assert torch.equal(one, other)
    assert all(p.dtype == torch.bfloat16 for p in model.parameters() if p.dim() == 2)


@pytest.mark.parametrize("start", registry.DECODER_STARTS.names())
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
    model = Seq2Seq(shape, VOCABULARY, VOCABULARY)
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

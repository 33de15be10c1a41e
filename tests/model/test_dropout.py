"""Dropout: what is drawn when, what stays the same over time, and nothing of it in evaluation."""

import pytest
import torch
from tiny_model import KINDS, PAIRS, batch_loss, each_kind_with, make_model

from nmt.model import decoder as decoder_module
from nmt.model import encoder as encoder_module
from nmt.model.cells import apply_mask, make_cell
from nmt.model.embedding import Dropout, WordDropout, recurrent_mask
from nmt.model.recurrent_layer import run_cells

RATES = {
    "embedding_dropout": 0.2,
    "source_word_dropout": 0.2,
    "target_word_dropout": 0.2,
    "encoder__dropout": 0.2,
    "encoder__recurrent_dropout": 0.2,
    "attention__dropout": 0.2,
    "decoder__dropout": 0.2,
    "decoder__recurrent_dropout": 0.2,
    "output__dropout": 0.2,
}


def training_loss(model, seed, teacher_forcing=1.0):
    torch.manual_seed(seed)
    return batch_loss(model.train(), PAIRS, 0.1, teacher_forcing).loss


@each_kind_with("variational", [True, False])
def test_all_dropout_together(kind, variational):
    model = make_model(**KINDS[kind], **RATES, variational_dropout=variational)
    loss = training_loss(model, 1)
    assert training_loss(model, 1) == loss != training_loss(model, 2)
    loss.backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())
    plain = make_model(**KINDS[kind])
    plain.load_state_dict(model.state_dict())
    expected = batch_loss(plain, PAIRS).loss
    torch.testing.assert_close(batch_loss(model.eval(), PAIRS).loss, expected, rtol=1e-13, atol=0)


@pytest.mark.parametrize("rate", [0.02, 0.3, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_each_element_is_dropped_at_the_rate(rate, dtype):
    """Those that share a draw on a CPU too: each of them, and apart from each other."""
    torch.manual_seed(0)
    result = Dropout(rate, False)(torch.ones(1000, 200, dtype=dtype))
    dropped = result == 0
    assert result[~dropped].unique().tolist() == [pytest.approx(1 / (1 - rate), rel=5e-3)]
    shares = dropped.double().view(-1, 4)
    error = 4 * (rate * (1 - rate) / len(shares)) ** 0.5
    assert (shares.mean(0) - rate).abs().max() < error
    apart = torch.corrcoef(shares.T) - torch.eye(4)
    assert apart.abs().max() < 4 / len(shares) ** 0.5
    assert Dropout(rate, False)(torch.ones(3, 3, 3, dtype=dtype)).shape == (3, 3, 3)


@pytest.mark.parametrize("key", RATES)
@pytest.mark.parametrize("feeding", [True, False])
@pytest.mark.parametrize("variational", [True, False])
def test_each_rate_draws(key, feeding, variational):
    model = make_model(
        **{key: 0.3},
        encoder__layers=2,
        decoder__layers=2,
        decoder__input_feeding=feeding,
        variational_dropout=variational,
    )
    losses = {training_loss(model, seed).item() for seed in range(4)}
    assert len(losses) == 4
    assert training_loss(model, 0).item() in losses


def test_dropout_of_vectors():
    torch.manual_seed(0)
    x = torch.ones(50, 40, 30)
    for variational in (True, False):
        dropped = Dropout(0.3, variational)(x)
        assert dropped.unique().tolist() == pytest.approx([0, 1 / 0.7])
        assert dropped.mean() == pytest.approx(1.0, abs=0.05)
        assert (dropped == dropped[:, :1]).all() == variational
        assert not (dropped == dropped[:1]).all()
        assert not (dropped == dropped[:, :, :1]).all()
        assert Dropout(0.3, variational).eval()(x) is x
        assert Dropout(0.0, variational)(x) is x


def test_one_mask_serves_the_steps_of_a_loop():
    dropout = Dropout(0.5, variational=True)
    steps = torch.ones(4, 6, 8)
    mask = dropout.mask(steps, 8)
    together = dropout(steps, mask)
    apart = torch.cat([dropout(step, mask) for step in steps.split(1, 1)], 1)
    assert torch.equal(together, apart)
    assert Dropout(0.5, variational=False).mask(steps, 8) is None
    assert dropout.eval().mask(steps, 8) is None


def test_dropout_of_words():
    torch.manual_seed(0)
    x = torch.ones(50, 40, 6)
    dropped = WordDropout(0.25)(x)
    assert (dropped == dropped[..., :1]).all()
    assert dropped.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert (dropped[..., 0] == 0).double().mean() == pytest.approx(0.25, abs=0.03)
    assert not (dropped == dropped[:, :1]).all()
    assert WordDropout(0.25).eval()(x) is x


def test_the_recurrent_product_is_the_same_on_average():
    torch.manual_seed(0)
    hidden = torch.randn(1, 5).double().expand(20000, -1)
    cell = make_cell("lstm", [3], 5).double()
    mask = recurrent_mask(hidden, 5, 0.4, training=True)
    assert mask.unique().tolist() == pytest.approx([0, 1 / 0.6])
    mean = cell.recurrent(apply_mask(hidden, mask)).mean(0)
    torch.testing.assert_close(mean, cell.recurrent(hidden[0]), rtol=0, atol=0.05)
    assert recurrent_mask(hidden, 5, 0.4, training=False) is None
    assert recurrent_mask(hidden, 5, 0.0, training=True) is None


@pytest.mark.parametrize("kind", ["lstm", "gru", "layer_norm_lstm", "layer_norm_gru"])
@pytest.mark.parametrize("depth", [1, 2])
def test_the_recurrent_mask_is_the_same_at_each_step(kind, depth):
    torch.manual_seed(0)
    cell = make_cell(kind, [3], 4, depth).double()
    x, mask = torch.randn(2, 6, 3).double(), torch.tensor([[0.0, 2, 2, 0], [2, 0, 0, 2]]).double()
    state = cell.zero_state(x, 2)
    found, final = run_cells([cell], [x], [state], ("forward",), None, [mask])
    for time in range(6):
        state = cell.advance(cell.project(x[:, time]), state, mask)
        torch.testing.assert_close(found[:, time], state[0])
    torch.testing.assert_close(final[0], state[0])
    # With weights that meet only what the mask keeps, it only doubles them.
    for row in range(2):
        kept = make_cell(kind, [3], 4, depth).double()
        kept.load_state_dict(cell.state_dict())
        for name, weight in kept.named_parameters():
            if name.endswith("recurrent.weight"):
                weight.data *= mask[row]
        alone, _ = run_cells([kept], [x[row : row + 1]], [kept.zero_state(x, 1)], ("forward",))
        torch.testing.assert_close(alone[0], found[row])


@each_kind_with("cell", ["lstm", "gru"])
def test_the_loop_for_recurrent_dropout_equals_the_kernel(monkeypatch, kind, cell):
    cells = {"encoder__cell": cell, "decoder__cell": cell}
    model = make_model(**KINDS[kind], **cells)
    expected = batch_loss(model, PAIRS, 0.1).loss
    looped = make_model(
        **KINDS[kind], **cells, encoder__recurrent_dropout=0.5, decoder__recurrent_dropout=0.5
    )
    asked = []

    def ones(like, size, rate, training):
        asked.append(rate)
        return like.new_ones(like.shape[0], size)

    monkeypatch.setattr(encoder_module, "recurrent_mask", ones)
    monkeypatch.setattr(decoder_module, "recurrent_mask", ones)
    found = batch_loss(looped.train(), PAIRS, 0.1).loss
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
    settings = model.settings
    directions = sum(len(settings.encoder.directions(i)) for i in range(settings.encoder.layers))
    assert asked == [0.5] * (directions + settings.decoder.layers)


@pytest.mark.parametrize("teacher_forcing", [1.0, 0.5])
@pytest.mark.parametrize("kind", ["luong", "bahdanau", "gnmt"])
def test_variational_masks_of_a_model_are_the_same_over_time(kind, teacher_forcing):
    model = make_model(**KINDS[kind], embedding_dropout=0.5, variational_dropout=True)
    seen = {name: [] for name in ("source_embedding", "target_embedding")}
    for name, calls in seen.items():
        getattr(model, name).register_forward_hook(
            lambda _m, _i, out, calls=calls: calls.append(out)
        )
    training_loss(model, 5, teacher_forcing)
    for calls in seen.values():
        zero = torch.cat(calls, 1) == 0
        assert (zero == zero[:, :1]).all()
        assert zero.any() and not zero.all()

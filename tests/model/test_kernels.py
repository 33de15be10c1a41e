"""Kernels give what the plain expressions give that they replace."""

import pytest
import torch
from tiny_model import KINDS, PAIRS, batch_loss, batch_of, gradients, randomized, settings

from nmt.config.presets import PRESETS
from nmt.config.registry import CELLS
from nmt.config.settings import ModelSettings
from nmt.model import decoder as decoder_module
from nmt.model.kernels.conditional_gru import ConditionalGRUWeights, conditional_gru

_SHRINKING = 125
"""All widths are divided by it."""

RECIPES = {"default": ModelSettings().model_dump()} | {
    name: preset.model for name, preset in PRESETS.items()
}


def small(section):
    """Return a section of settings with small widths, its dropout as it is."""
    return {
        key: small(value)
        if isinstance(value, dict)
        else max(2, value // _SHRINKING)
        if key in ("embedding_size", "hidden_size", "size") and value is not None
        else value
        for key, value in section.items()
    }


def loss_and_gradients(model, kernels, dtype=torch.float64):
    """Of a training step with dropout, from the same seed."""
    model.use_kernels(kernels)
    model.to(dtype).train()
    torch.manual_seed(5)
    loss = batch_loss(model, PAIRS, 0.1).loss
    return loss, gradients(model, loss)


def assert_same(found, expected, tolerance):
    (loss, by_name), (other_loss, other_by_name) = found, expected
    assert loss.item() == pytest.approx(other_loss.item(), rel=tolerance)
    assert by_name.keys() == other_by_name.keys()
    scale = max(gradient.abs().max() for gradient in other_by_name.values())
    for name, gradient in other_by_name.items():
        assert (by_name[name] - gradient).abs().max() <= tolerance * scale, name


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-4)], ids=str
)
@pytest.mark.parametrize("name", RECIPES)
def test_recipes(name, dtype, tolerance):
    model = randomized(ModelSettings(**small(RECIPES[name])))
    fast = loss_and_gradients(model, "fast", dtype)
    assert_same(fast, loss_and_gradients(model, "plain", dtype), tolerance)


@pytest.mark.parametrize("cell", CELLS.names())
@pytest.mark.parametrize("kind", ["luong", "conditional", "bahdanau", "encoder alternating"])
def test_cells(kind, cell):
    model = randomized(settings(**KINDS[kind], encoder__cell=cell, decoder__cell=cell))
    assert_same(loss_and_gradients(model, "fast"), loss_and_gradients(model, "plain"), 1e-9)


@pytest.mark.parametrize("kind", ["luong", "no attention", "multi head", "pointer", "local p"])
def test_search(kind):
    model = randomized(settings(**KINDS[kind]))
    batch = batch_of(PAIRS)

    def distribution(kernels):
        model.use_kernels(kernels)
        with torch.inference_mode():
            encoded = model.encode(batch.source, batch.source_lengths)
            state = model.start(encoded, 2)
            state = model.step(encoded, state, torch.tensor([[4, 5]] * 4)).state
            step = model.step(encoded, state, torch.tensor([[6, 7]] * 4))
            return model.log_probabilities(encoded, step)

    torch.testing.assert_close(distribution("fast"), distribution("plain"), rtol=1e-12, atol=0)


CONDITIONAL = {**KINDS["conditional"], "encoder__cell": "gru", "decoder__cell": "gru"}


@pytest.mark.parametrize(
    ("changes", "used"),
    [
        ({}, 1),
        ({"attention__kind": "normalized_additive"}, 1),
        ({"attention__kind": "concat", "output__copy_source": True}, 1),
        ({"decoder__layers": 3, "attention__context": "all_layers", "decoder__dropout": 0.2}, 1),
        ({"decoder__cell": "lstm", "decoder__start": "bridge"}, 0),
        ({"decoder__transition_depth": 3}, 0),
        ({"decoder__recurrent_dropout": 0.2}, 0),
        ({"attention__dropout": 0.2}, 0),
        ({"attention__coverage": True}, 0),
        ({"attention__window": "local_p"}, 0),
        ({"attention__normalizer": "sparsemax"}, 0),
        ({"attention__kind": "general"}, 0),
        ({"attention__query_embedding": True}, 0),
        ({"decoder__input_feeding": True}, 0),
    ],
    ids=str,
)
def test_the_kernel_of_a_conditional_gru_is_used_where_it_computes_the_same(
    monkeypatch, changes, used
):
    calls = []

    def counted(*arguments):
        calls.append(arguments)
        return conditional_gru(*arguments)

    monkeypatch.setattr(decoder_module, "conditional_gru", counted)
    model = randomized(settings(**{**CONDITIONAL, **changes}))
    fast = loss_and_gradients(model, "fast")
    assert len(calls) == used
    assert_same(fast, loss_and_gradients(model, "plain"), 1e-9)
    assert len(calls) == used


def inputs_of_a_conditional_gru(batch, source_len, target_len, hidden, annotation, size):
    torch.manual_seed(0)
    shapes = [
        (batch, target_len, 3 * hidden),
        (batch, hidden),
        (batch, source_len, annotation),
        (batch, source_len, size),
        (3 * hidden, hidden),
        (hidden,),
        (size, hidden),
        (size,),
        (3 * hidden, annotation),
        (3 * hidden,),
        (3 * hidden, hidden),
        (hidden,),
    ]
    learned = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    bias = torch.zeros(batch, source_len, dtype=torch.float64)
    bias[0, source_len - 1] = -torch.inf

    def compute(*learned):
        return conditional_gru(*learned[:4], bias, ConditionalGRUWeights(*learned[4:]))

    return compute, learned


def test_gradcheck_of_a_conditional_gru():
    compute, learned = inputs_of_a_conditional_gru(2, 3, 2, 2, 3, 2)
    assert torch.autograd.gradcheck(compute, learned)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_conditional_gru_whose_hidden_layer_does_not_fit_into_the_buffer(monkeypatch, rows):
    from nmt.model.kernels import additive_score

    compute, learned = inputs_of_a_conditional_gru(5, 4, 3, 6, 5, 7)

    def results():
        outputs = compute(*learned)
        return [*outputs, *torch.autograd.grad(sum((x**3).sum() for x in outputs), learned)]

    whole = results()
    monkeypatch.setitem(additive_score._BUFFER_BYTES, "cpu", rows * 4 * 7 * 8)
    for one, other in zip(results(), whole, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def test_a_backward_pass_may_run_again_and_for_one_gradient_alone():
    compute, learned = inputs_of_a_conditional_gru(2, 3, 4, 3, 3, 3)
    total = sum((x**2).sum() for x in compute(*learned))
    expected = torch.autograd.grad(total, learned, retain_graph=True)
    (alone,) = torch.autograd.grad(total, learned[3], retain_graph=True)
    assert torch.equal(alone, expected[3])
    for one, other in zip(torch.autograd.grad(total, learned), expected, strict=True):
        assert torch.equal(one, other)

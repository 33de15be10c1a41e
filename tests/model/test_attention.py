"""Attention's own differentiable function, its windows' edges, and a kind of one's own."""

import pytest
import torch
from tiny_model import LOCATION, PAIRS, assert_equals_the_equations, batch_of, encode, make_model
from torch.autograd import gradcheck

from nmt.config import registry
from nmt.config.settings.attention import AttentionSettings
from nmt.model.attention import Attention, Query
from nmt.model.kernels import additive_score


def built(batch=2, source_len=4, **changes):
    """An attention of size 3 over annotations of size 5, and its memory of random ones."""
    torch.manual_seed(0)
    settings = AttentionSettings(**changes)
    attention = registry.ATTENTIONS.resolve(settings.kind)(settings, 3, 5).double()
    attention.initialize()
    annotations = torch.randn(batch, source_len, 5).double()
    mask = torch.ones(batch, source_len, dtype=torch.bool)
    mask[0, -1] = False
    return attention, attention.prepare(annotations, mask)


@pytest.mark.parametrize("kind", ["additive", "normalized_additive", "concat"])
@pytest.mark.parametrize("queries", [1, 3])
def test_gradcheck_of_the_additive_score(kind, queries):
    attention, memory = built(kind=kind)
    query = torch.randn(2, queries, 3).double().requires_grad_()
    keys = memory.keys.detach().requires_grad_()
    energy = attention.energy_vector().detach().requires_grad_()

    def score(query, keys, energy):
        attention.energy_vector = lambda: energy
        return attention.score(query, keys)

    assert gradcheck(score, (query, keys, energy))


@pytest.mark.parametrize("kind", ["additive", "normalized_additive", "concat"])
def test_the_kernel_of_additive_scores_is_the_plain_expression(kind):
    attention, memory = built(batch=5, kind=kind)
    queries = [torch.randn(5, 1, 3).double().requires_grad_() for _ in range(3)]
    keys = memory.keys.detach().requires_grad_()
    learned = [*queries, keys, attention.energy, attention.query_map.weight]

    def gradients():
        total = sum((attention.score(query, keys) ** 3).sum() for query in queries)
        return torch.autograd.grad(total, learned)

    fast = gradients()
    attention.use_kernels("plain")
    for one, other in zip(fast, gradients(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("window", ["local_m", "local_p"])
def test_windows_see_what_lies_within_their_size(window):
    attention, memory = built(source_len=9, window=window, window_size=2)
    query = torch.randn(2, 7, 3).double()
    _, weights = attention(Query(query, torch.arange(7)), memory)
    if window == "local_m":
        for row, length in enumerate((8, 9)):
            for position in range(7):
                centre = min(position, length - 1)
                seen = [abs(j - centre) <= 2 and j < length for j in range(9)]
                assert (weights[row, position] > 0).tolist() == seen
        torch.testing.assert_close(weights.sum(-1), torch.ones(2, 7).double())
    else:
        assert ((weights > 0).sum(-1) <= 5).all()
        assert (weights.sum(-1) < 1).all()


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_a_predicted_position_at_the_end_of_the_source_sees_something(sign):
    attention, memory = built(window="local_p", window_size=1)
    with torch.no_grad():
        attention.window.hidden.weight.fill_(1.0)
        attention.window.position.weight.fill_(1e6 * sign)
    query = torch.ones(2, 1, 3).double()
    context, weights = attention(Query(query, torch.zeros(1)), memory)
    last = torch.tensor([2, 3])
    expected = last if sign > 0 else torch.zeros(2, dtype=torch.long)
    assert weights.argmax(-1).squeeze(1).tolist() == expected.tolist()
    assert context.isfinite().all()


def test_local_m_beyond_the_end_stays_at_the_end():
    attention, memory = built(window="local_m", window_size=1)
    query = torch.randn(2, 1, 3).double()
    _, weights = attention(Query(query, torch.tensor([50])), memory)
    assert (weights[:, 0] > 0).tolist() == [[False, True, True, False], [False, False, True, True]]


@pytest.mark.parametrize("window", registry.WINDOWS.names())
@pytest.mark.parametrize("normalizer", registry.NORMALIZERS.names())
def test_sources_longer_than_the_places(window, normalizer):
    model = make_model(
        **LOCATION,
        attention__max_positions=2,
        attention__window=window,
        attention__window_size=1,
        attention__normalizer=normalizer,
    )
    assert_equals_the_equations(model)
    encoded = encode(model, PAIRS)
    step = model.step(encoded, model.start(encoded, 1), batch_of(PAIRS).target_input[:, :1])
    assert step.weights[:, 0, 2:].eq(0).all()


class NearestAttention(Attention):
    """-|s - W h|^2: what CONTRIBUTING.md would have a new kind be, one class."""

    def __init__(self, settings, query_size, annotation_size):
        super().__init__(settings, query_size, annotation_size)
        self.key_map = torch.nn.Linear(annotation_size, query_size)

    def keys(self, annotations):
        return self.key_map(annotations)

    def score(self, query, keys):
        return -(query.unsqueeze(2) - keys.unsqueeze(1)).square().sum(-1)


@pytest.mark.parametrize("feeding", [True, False])
def test_a_kind_is_one_class_and_one_line(monkeypatch, feeding):
    line = registry.Kind(f"{__name__}:NearestAttention", "minus the squared distance")
    monkeypatch.setitem(registry.ATTENTIONS.kinds, "nearest", line)
    model = make_model(attention__kind="nearest", decoder__input_feeding=feeding)
    batch = batch_of(PAIRS)
    encoded = encode(model, PAIRS)
    whole = model.decoder.unroll(encoded, batch.target_input)
    state = model.start(encoded, 1)
    for position, previous in enumerate(batch.target_input.split(1, 1)):
        step = model.step(encoded, state, previous)
        state = step.state
        torch.testing.assert_close(step.features[:, 0], whole.features[:, position])
        query, h = state.layers[0][0][1, 0], encoded.memory.annotations[1, :2]
        scores = [-((query - model.decoder.attention.key_map(x)) ** 2).sum() for x in h]
        expected = torch.softmax(torch.stack(scores), 0)
        torch.testing.assert_close(step.weights[1, 0, :2], expected)


@pytest.mark.parametrize("queries", [1, 3])
@pytest.mark.parametrize("rows", [1, 2, 5, 7])
def test_additive_scores_are_the_same_whatever_fits_into_the_buffer(monkeypatch, queries, rows):
    row_bytes = queries * 4 * 6 * 8
    monkeypatch.setitem(additive_score._BUFFER_BYTES, "cpu", rows * row_bytes)
    torch.manual_seed(0)
    shapes = ((5, queries, 6), (5, 4, 6), (6,))
    learned = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    query, keys, energy = learned
    expected = torch.tanh(query.unsqueeze(2) + keys.unsqueeze(1)) @ energy
    found = additive_score.additive_score(query, keys, energy)
    torch.testing.assert_close(found, expected)
    weights = torch.randn_like(expected)
    ours = torch.autograd.grad((found * weights).sum(), learned)
    theirs = torch.autograd.grad((expected * weights).sum(), learned)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)

"""Tiny random models of every kind, in float64, and the sentences they are tried on."""

import pytest
import torch
from reference_model import reference_loss

from nmt.config.presets import PRESET_DEFAULTS, merge_settings
from nmt.config.settings import ModelSettings
from nmt.data.batches import make_batch
from nmt.model.seq2seq import Seq2Seq

PAIRS = [
    ([5, 6, 7, 8], [4, 9, 5]),
    ([9], [6, 7, 8, 9, 4, 5]),
    ([4, 4, 6, 5, 8, 7, 9], []),
    ([], [8]),
]
VOCABULARY = 10

BAHDANAU = {"attention__query": "previous_state", "attention__context": "both"}
CONDITIONAL = {
    "attention__query": "inner_state",
    "attention__query_layer": "bottom",
    "attention__context": "both",
    "decoder__transition_depth": 2,
}
GNMT = {
    "attention__query": "previous_state",
    "attention__query_layer": "bottom",
    "attention__context": "all_layers",
    "decoder__layers": 3,
    "decoder__residual_from": 3,
    "decoder__input_feeding": False,
}
LOCATION = {"attention__kind": "location", "attention__query_embedding": True}
APART = {"decoder__input_feeding": False}
DEEP = {"decoder__layers": 2, "decoder__residual_from": 2}

KINDS = {
    "luong": {},
    "no feeding": APART,
    "no bias": {"attention__kind": "general", "output__bias": False},
    "encoder forward": {"encoder__direction": "forward", "encoder__layers": 2, **DEEP},
    "encoder bottom": {"encoder__direction": "bidirectional_bottom", "encoder__layers": 2},
    "encoder alternating": {"encoder__direction": "alternating", "encoder__layers": 3},
    "encoder reversed": {"encoder__reverse_source": True},
    "encoder residual": {
        "encoder__direction": "bidirectional_bottom",
        "encoder__layers": 4,
        "encoder__residual_from": 3,
        "encoder__reverse_source": True,
    },
    "encoder all residual": {"encoder__layers": 2, "encoder__residual_from": 2, **APART},
    "transitions": {"encoder__transition_depth": 3, "decoder__transition_depth": 2},
    "no attention": {"attention__kind": "none"},
    "no attention, apart": {
        "attention__kind": "none",
        "encoder__direction": "forward",
        "encoder__reverse_source": True,
        "encoder__layers": 2,
        "encoder__hidden_size": 6,
        "decoder__layers": 2,
        "decoder__start": "copy",
        **APART,
    },
    "additive": {"attention__size": 5, **BAHDANAU},
    "normalized additive": {"attention__kind": "normalized_additive"},
    "concat": {"attention__kind": "concat", "attention__size": 4, "output__kind": "concat"},
    "dot": {"attention__kind": "dot", "attention__query": "previous_state", **APART},
    "scaled dot": {"attention__kind": "scaled_dot"},
    "general": {"attention__kind": "general", "attention__query_embedding": True},
    "location": {**LOCATION, "attention__max_positions": 8},
    "location, cut": {**LOCATION, "attention__max_positions": 3, "attention__window": "local_m"},
    "multi head": {"attention__kind": "multi_head", "attention__heads": 2},
    "multi head, own size": {
        "attention__kind": "multi_head",
        "attention__heads": 3,
        "attention__size": 9,
        "attention__window": "local_p",
        "attention__normalizer": "sparsemax",
        **APART,
    },
    "sparsemax": {"attention__normalizer": "sparsemax", "attention__kind": "dot"},
    "entmax": {"attention__normalizer": "entmax15", **APART},
    "local m": {"attention__window": "local_m", "attention__window_size": 1, **APART},
    "local m, fed": {"attention__window": "local_m", "attention__window_size": 2, **BAHDANAU},
    "local p": {"attention__window": "local_p", "attention__window_size": 2},
    "local p, apart": {
        "attention__window": "local_p",
        "attention__window_size": 1,
        "attention__query_embedding": True,
        "attention__kind": "general",
        **APART,
    },
    "coverage": {"attention__coverage": True, **APART},
    "coverage, concat": {
        "attention__coverage": True,
        "attention__kind": "concat",
        "attention__window": "local_p",
        **CONDITIONAL,
    },
    "bahdanau": {
        **BAHDANAU,
        "output__kind": "maxout",
        "output__state": "previous_state",
        "decoder__start": "mean",
        **APART,
    },
    "recurrence alone": {**BAHDANAU, "attention__context": "recurrence", "output__kind": "deep"},
    "bottom asks": {**DEEP, "attention__query_layer": "bottom"},
    "bottom asks, apart": {
        **DEEP,
        **APART,
        "attention__query_layer": "bottom",
        "attention__context": "upper_layers",
        "attention__query_embedding": True,
    },
    "top asks for upper layers": {
        **DEEP,
        **APART,
        "attention__query": "previous_state",
        "attention__context": "upper_layers",
    },
    "conditional": {**CONDITIONAL, **APART, "output__kind": "deep"},
    "conditional, deep": {
        **CONDITIONAL,
        **DEEP,
        "decoder__transition_depth": 4,
        "attention__context": "all_layers",
    },
    "gnmt": GNMT,
    "combined": {
        **LOCATION,
        **BAHDANAU,
        "attention__context": "recurrence",
        "decoder__combine_context": True,
        "output__kind": "plain",
        **APART,
    },
    "combined, fed": {**BAHDANAU, "decoder__combine_context": True},
    "deep output": {"output__kind": "deep", **APART},
    "maxout": {"output__kind": "maxout", "output__size": 5},
    "plain": {"output__kind": "plain", **APART},
    "concat output": {"output__kind": "concat", **BAHDANAU},
    "late state": {"output__state": "previous_state", "output__kind": "deep", **DEEP, **APART},
    "pointer": {"output__copy_source": True},
    "pointer, apart": {
        "output__copy_source": True,
        "output__state": "previous_state",
        "output__bias": False,
        "attention__kind": "multi_head",
        "attention__heads": 2,
        "encoder__reverse_source": True,
        **APART,
    },
    "pointer, covering": {
        "output__copy_source": True,
        "attention__coverage": True,
        "attention__normalizer": "sparsemax",
        **BAHDANAU,
    },
    "zeros": {"decoder__start": "zeros"},
    "copy": {"encoder__layers": 2, "decoder__layers": 2, "decoder__start": "copy"},
    "bridge upwards": {"encoder__layers": 2, "decoder__layers": 3},
    "linear": {"decoder__start": "linear", "decoder__layers": 2},
    "mean": {"decoder__start": "mean", "encoder__reverse_source": True},
    "tied": {"tying": "all"},
    "tied sources": {"tying": "source_target", "output__size": 4},
    "tied output": {"tying": "target_output", "decoder__hidden_size": 7},
}
"""One model at least for every kind that the settings know, by a name for the test report."""


def each_kind(function):
    """Run a test with every one of `KINDS`."""
    return pytest.mark.parametrize("kind", KINDS)(function)


def each_kind_with(name, values):
    """Run a test with every one of `KINDS` and every value of an argument.

    By default each kind has one of the values, in turn: each value comes with many kinds. The
    other rows are slow.
    """
    rows = [
        pytest.param(
            kind,
            value,
            marks=[] if number % len(values) == turn else pytest.mark.slow,
            id=f"{kind}-{'-'.join(value) if isinstance(value, tuple) else value}",
        )
        for number, kind in enumerate(KINDS)
        for turn, value in enumerate(values)
    ]
    return pytest.mark.parametrize(("kind", name), rows)


def settings(**changes):
    """Settings of a tiny model; `section__key=value` changes a key of a section."""
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
    return ModelSettings(**merge_settings(PRESET_DEFAULTS["model"], tree))


def make_model(*, seed=0, spread=0.5, **changes):
    """A model of `settings(**changes)`, see `randomized`."""
    return randomized(settings(**changes), seed, spread)


def randomized(model_settings, seed=0, spread=0.5):
    """A model in float64 whose every weight is random, biases and gains too."""
    torch.manual_seed(seed)
    model = Seq2Seq(model_settings, VOCABULARY, VOCABULARY).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * spread)
    return model.eval()


def batch_of(pairs):
    """Sentence pairs, padded to a batch."""
    return make_batch([source for source, _ in pairs], [target for _, target in pairs], None)


def batch_loss(model, pairs, smoothing=0.0, teacher_forcing=1.0, coverage=0.0):
    """The fast model's loss sums of sentence pairs."""
    batch = batch_of(pairs)
    return model.loss(
        batch.source,
        batch.source_lengths,
        batch.target_input,
        batch.target_output,
        smoothing,
        teacher_forcing,
        coverage,
    )


def encode(model, pairs):
    """The sources of sentence pairs, encoded."""
    batch = batch_of(pairs)
    return model.encode(batch.source, batch.source_lengths)


def gradients(model, loss):
    """Of each parameter that the loss depends on."""
    model.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def assert_equals_the_equations(model, pairs=PAIRS, smoothing=0.1, coverage=0.0):
    """Value and all gradients of the fast model are those of the slow one."""
    fast = batch_loss(model, pairs, smoothing, coverage=coverage).loss
    slow = reference_loss(model, pairs, smoothing, coverage)
    assert fast.item() == pytest.approx(slow.item(), rel=1e-11)
    found, expected = gradients(model, fast), gradients(model, slow)
    assert found.keys() == expected.keys() == dict(model.named_parameters()).keys()
    largest = max(gradient.abs().max() for gradient in expected.values())
    for name, gradient in expected.items():
        scale = gradient.abs().max().clamp_min(1e-6 * largest)
        assert (found[name] - gradient).abs().max() / scale < 1e-9, name

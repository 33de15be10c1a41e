"""Architectures that make no sense are refused by name when the settings are read."""

import pytest
from pydantic import ValidationError
from tiny_model import APART, BAHDANAU, CONDITIONAL, settings

REFUSED = [
    (
        {"encoder__layers": 2, "encoder__residual_from": 3},
        ["`residual_from` (3) is above `layers` (2)"],
    ),
    (
        {
            "encoder__direction": "bidirectional_bottom",
            "encoder__layers": 3,
            "encoder__residual_from": 2,
        },
        ["`residual_from: 2`", "layer 2 (6 wide", "(3)", "`residual_from: 3`"],
    ),
    ({"attention__kind": "dot", "attention__size": 4}, ["`size`", "dot has no hidden layer"]),
    ({"attention__kind": "none", "attention__size": 4}, ["`size`", "none has no hidden layer"]),
    ({"attention__kind": "general", "attention__coverage": True}, ["`coverage`", "general"]),
    (
        {"attention__kind": "none", "attention__window": "local_p"},
        ["`window: local_p`", "`kind: none`"],
    ),
    ({"attention__kind": "location"}, ["`kind: location`", "`query_embedding: true`"]),
    (
        {"attention__kind": "multi_head", "attention__size": 9, "attention__heads": 2},
        ["`size` (9)", "`heads` (2)"],
    ),
    *(
        (
            {"attention__context": context, "decoder__layers": 2},
            [f"`context: {context}`", "`query: previous_state` or `inner_state`"],
        )
        for context in ("recurrence", "both", "all_layers")
    ),
    (
        {"attention__context": "upper_layers", "decoder__layers": 2},
        ["`context: upper_layers`", "`query: state`", "`query_layer: bottom`"],
    ),
    *(
        (
            {**CONDITIONAL, "attention__context": context, "decoder__layers": 2},
            ["`query: inner_state`", "`context`", f"not {context}"],
        )
        for context in ("output", "upper_layers")
    ),
    (
        {**CONDITIONAL, "attention__query_layer": "top"},
        ["`query: inner_state`", "`query_layer: bottom`"],
    ),
    (
        {"decoder__layers": 2, "decoder__residual_from": 3},
        ["`residual_from` (3) is above `layers` (2)"],
    ),
    (
        {"output__kind": "plain", "output__size": 4},
        ["`output.kind: plain`", "`output.size`"],
    ),
    (
        {"output__kind": "concat", "tying": "target_output"},
        ["`tying: target_output`", "(6)", "`output.kind: concat` makes 18"],
    ),
    (
        {"output__size": 7, "tying": "all"},
        ["`tying: all`", "`output.size`", "`embedding_size` (6), not 7"],
    ),
    (
        {"attention__kind": "none", "output__copy_source": True},
        ["`output.copy_source`", "`attention.kind` is none"],
    ),
    (
        {"output__state": "previous_state"},
        ["`output.state: previous_state`", "`decoder.input_feeding`"],
    ),
    *(
        (
            {"attention__kind": kind, "encoder__hidden_size": 4},
            [f"`attention.kind: {kind}`", "annotations (8)", "the query (6)", "`general`"],
        )
        for kind in ("dot", "scaled_dot")
    ),
    (
        {"attention__kind": "dot", "attention__query_embedding": True},
        ["`attention.kind: dot`", "annotations (6)", "the query (12)"],
    ),
    (
        {"attention__kind": "multi_head", "attention__heads": 4},
        ["`attention.heads` (4)", "`attention.size` (6)"],
    ),
    (
        {**CONDITIONAL, "decoder__transition_depth": 1},
        ["`attention.query: inner_state`", "`decoder.transition_depth` to 2 or more"],
    ),
    *(
        (
            {**BAHDANAU, "attention__context": context},
            [f"`attention.context: {context}`", "`decoder.layers` of 2 or more"],
        )
        for context in ("upper_layers", "all_layers")
    ),
    *(
        (
            {**changes, "decoder__combine_context": True},
            ["`decoder.combine_context`", "`attention.query: previous_state`"],
        )
        for changes in (
            {},
            CONDITIONAL,
            {"attention__query": "previous_state"},
            {**BAHDANAU, "attention__kind": "none"},
        )
    ),
    *(
        ({"decoder__start": "copy", **changes}, ["`decoder.start: copy`", "`bridge`"])
        for changes in (
            {"encoder__hidden_size": 4},
            {"decoder__layers": 2},
            {"encoder__cell": "gru"},
            {"encoder__cell": "layer_norm_gru"},
            {
                "encoder__direction": "bidirectional_bottom",
                "encoder__layers": 2,
                "decoder__layers": 2,
            },
        )
    ),
    (
        {"attention__kind": "none", "decoder__start": "zeros"},
        ["`attention.kind: none`", "`decoder.start: zeros`", "no input from the source"],
    ),
    *(
        (
            {"attention__kind": "none", "decoder__start": start, "encoder__layers": 2},
            ["`attention.kind: none`", f"`decoder.start: {start}`", "`encoder.layers` (2)"],
        )
        for start in ("bridge", "linear")
    ),
]


@pytest.mark.parametrize(("changes", "words"), REFUSED, ids=str)
def test_refused_by_name(changes, words):
    with pytest.raises(ValidationError) as refused:
        settings(**changes)
    assert all(word in str(refused.value) for word in words), str(refused.value)


@pytest.mark.parametrize(
    ("key", "known"),
    [
        ("encoder__cell", "layer_norm_gru"),
        ("encoder__direction", "alternating"),
        ("attention__kind", "multi_head"),
        ("attention__normalizer", "entmax15"),
        ("attention__window", "local_m"),
        ("attention__query", "inner_state"),
        ("attention__context", "all_layers"),
        ("decoder__start", "linear"),
        ("output__kind", "maxout"),
        ("tying", "source_target"),
    ],
)
def test_an_unknown_name_is_answered_with_the_known_ones(key, known):
    with pytest.raises(ValidationError) as refused:
        settings(**{key: "nonsense"})
    assert key.rpartition("__")[2] in str(refused.value)
    assert known in str(refused.value)


def test_all_problems_are_told_at_once():
    with pytest.raises(ValidationError) as refused:
        settings(
            attention__kind="none",
            output__copy_source=True,
            output__state="previous_state",
            decoder__start="zeros",
        )
    for word in (
        "`output.copy_source`",
        "`output.state: previous_state`",
        "`decoder.start: zeros`",
    ):
        assert word in str(refused.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"attention__kind": "none", "attention__context": "both"},
        {"attention__kind": "none", "encoder__layers": 2, "decoder__start": "mean"},
        {"decoder__start": "copy", "decoder__cell": "layer_norm_lstm"},
        {"output__kind": "plain", "tying": "target_output", "attention__kind": "none", **APART},
        {"output__kind": "plain", "output__size": 12},
    ],
    ids=str,
)
def test_what_is_near_but_makes_sense_is_accepted(changes):
    assert settings(**changes)

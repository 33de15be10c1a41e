"""Architectures by name: what `preset: NAME` puts below the keys of `model` that are given.

A preset holds the structure, the sizes and the initialisation of a paper or a public program, not
its training; configs/README.md tells the training, and where we differ. Structure is written out
even where it agrees with our defaults, so that a preset stays what it is when a default changes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Preset:
    """An architecture: one line about it, where it comes from, and its keys of `model`."""

    summary: str
    paper: str
    model: dict[str, Any]


def preset_of(values: Mapping[str, Any]) -> Preset | None:
    """The preset that the values of a configuration name; None where they name none that is."""
    name = values.get("preset")
    return PRESETS.get(name) if isinstance(name, str) else None


def overlaid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of both, section by section; where both have a value, the one `above` holds."""
    result = dict(below)
    for key, value in above.items():
        known = result.get(key)
        if isinstance(known, Mapping) and isinstance(value, Mapping):
            value = overlaid(known, value)
        result[key] = value
    return result


def key_paths(values: Mapping[str, Any], prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths of all keys, those of sections before those of what they hold."""
    for key, value in values.items():
        yield (*prefix, key)
        if isinstance(value, Mapping):
            yield from key_paths(value, (*prefix, key))


def _luong2015(score: str, window: str = "global") -> dict[str, Any]:
    """Luong et al. 2015, section 4.1: four layers of 1000, reversed source, input feeding."""
    attention = {"kind": score, "query": "state", "query_layer": "top", "context": "output"}
    width = {} if window == "global" else {"window_size": 10}
    return {
        "embedding_size": 1000,
        "embedding_dropout": 0.2,
        "encoder": {
            "cell": "lstm",
            "layers": 4,
            "hidden_size": 1000,
            "direction": "forward",
            "reverse_source": True,
            "dropout": 0.2,
        },
        "attention": {**attention, "window": window, **width},
        "decoder": {
            "cell": "lstm",
            "layers": 4,
            "hidden_size": 1000,
            "input_feeding": True,
            "start": "copy",
            "dropout": 0.2,
        },
        "output": {"kind": "attentional", "state": "state"},
        "initialization": "uniform",
        "initial_range": 0.1,
        "forget_bias": 0.0,
    }


_LUONG = "Luong et al. 2015"

PRESETS: dict[str, Preset] = {
    "sutskever2014": Preset(
        "four LSTM layers, reversed source; only their final states go across",
        "Sutskever et al. 2014",
        {
            "embedding_size": 1000,
            "encoder": {
                "cell": "lstm",
                "layers": 4,
                "hidden_size": 1000,
                "direction": "forward",
                "reverse_source": True,
            },
            "attention": {"kind": "none"},
            "decoder": {
                "cell": "lstm",
                "layers": 4,
                "hidden_size": 1000,
                "input_feeding": False,
                "start": "copy",
            },
            "output": {"kind": "plain", "state": "state"},
            "initialization": "uniform",
            "initial_range": 0.08,
            "forget_bias": 0.0,
        },
    ),
    "bahdanau2014": Preset(
        "RNNsearch: GRUs, additive attention asked by s_{i-1}, maxout output",
        "Bahdanau et al. 2014",
        {
            "embedding_size": 620,
            "encoder": {
                "cell": "gru",
                "layers": 1,
                "hidden_size": 1000,
                "direction": "bidirectional",
            },
            "attention": {
                "kind": "additive",
                "size": 1000,
                "query": "previous_state",
                "context": "both",
            },
            "decoder": {
                "cell": "gru",
                "layers": 1,
                "hidden_size": 1000,
                "input_feeding": False,
                "start": "bridge",
            },
            "output": {"kind": "maxout", "size": 500, "state": "previous_state"},
        },
    ),
    "luong2015-dot": Preset(
        "four LSTM layers with input feeding; global attention, dot score",
        _LUONG,
        _luong2015("dot"),
    ),
    "luong2015-general": Preset(
        "the same with the general score",
        _LUONG,
        _luong2015("general"),
    ),
    "luong2015-concat": Preset(
        "the same with the concat score",
        _LUONG,
        _luong2015("concat"),
    ),
    "luong2015-local-m": Preset(
        "the same with the general score in a window that moves along",
        _LUONG,
        _luong2015("general", "local_m"),
    ),
    "luong2015-local-p": Preset(
        "the same with the general score in a window whose place is predicted",
        _LUONG,
        _luong2015("general", "local_p"),
    ),
    "d2l-attention": Preset(
        "GRUs; s_{i-1} asks, the context enters the recurrence alone",
        "Dive into Deep Learning, Zhang et al. 2023",
        {
            "embedding_size": 256,
            "encoder": {
                "cell": "gru",
                "layers": 2,
                "hidden_size": 256,
                "direction": "forward",
                "dropout": 0.2,
            },
            "attention": {
                "kind": "additive",
                "query": "previous_state",
                "query_layer": "top",
                "context": "recurrence",
                "dropout": 0.2,
            },
            "decoder": {
                "cell": "gru",
                "layers": 2,
                "hidden_size": 256,
                "input_feeding": False,
                "start": "copy",
                "dropout": 0.2,
            },
            "output": {"kind": "plain", "state": "state"},
        },
    ),
    "gru-concat": Preset(
        "GRUs, concat attention; the output sees state, context and embedding",
        "the textbooks' form of Bahdanau et al. 2014",
        {
            "embedding_size": 256,
            "embedding_dropout": 0.5,
            "encoder": {
                "cell": "gru",
                "layers": 1,
                "hidden_size": 512,
                "direction": "bidirectional",
            },
            "attention": {"kind": "concat", "query": "previous_state", "context": "both"},
            "decoder": {
                "cell": "gru",
                "layers": 1,
                "hidden_size": 512,
                "input_feeding": False,
                "start": "bridge",
            },
            "output": {"kind": "concat", "state": "state"},
            "initialization": "normal",
            "initial_range": 0.01,
        },
    ),
    "attn-location": Preset(
        "GRUs; scores of positions, whatever words stand there",
        "PyTorch's tutorial on translation, Robertson 2017",
        {
            "embedding_size": 256,
            "embedding_dropout": 0.1,
            "encoder": {"cell": "gru", "layers": 1, "hidden_size": 256, "direction": "forward"},
            "attention": {
                "kind": "location",
                "query": "previous_state",
                "query_embedding": True,
                "context": "recurrence",
            },
            "decoder": {
                "cell": "gru",
                "layers": 1,
                "hidden_size": 256,
                "input_feeding": False,
                "combine_context": True,
                "start": "copy",
            },
            "output": {"kind": "plain", "state": "state"},
        },
    ),
    "nematus-cgru": Preset(
        "conditional GRU: attention between two transitions of the decoder",
        "Sennrich et al. 2017",
        {
            "embedding_size": 512,
            "encoder": {
                "cell": "gru",
                "layers": 1,
                "hidden_size": 1024,
                "direction": "bidirectional",
            },
            "attention": {
                "kind": "additive",
                "size": 2048,
                "query": "inner_state",
                "query_layer": "bottom",
                "context": "both",
            },
            "decoder": {
                "cell": "gru",
                "layers": 1,
                "hidden_size": 1024,
                "input_feeding": False,
                "transition_depth": 2,
                "start": "mean",
            },
            "output": {"kind": "deep", "size": 512, "state": "state"},
        },
    ),
    "gnmt": Preset(
        "four LSTM layers; the bottom one asks, the context goes to the others",
        "Wu et al. 2016, in the layout of the public programs",
        {
            "embedding_size": 1024,
            "embedding_dropout": 0.2,
            "encoder": {
                "cell": "lstm",
                "layers": 4,
                "hidden_size": 1024,
                "direction": "bidirectional_bottom",
                "residual_from": 3,
                "dropout": 0.2,
            },
            "attention": {
                "kind": "normalized_additive",
                "query": "state",
                "query_layer": "bottom",
                "context": "upper_layers",
            },
            "decoder": {
                "cell": "lstm",
                "layers": 4,
                "hidden_size": 1024,
                "input_feeding": False,
                "residual_from": 3,
                "start": "zeros",
                "dropout": 0.2,
            },
            "output": {"kind": "plain", "state": "state"},
            "initialization": "uniform",
            "initial_range": 0.1,
        },
    ),
    "default": Preset(
        "our first: LSTMs, additive attention, input feeding, all tied",
        "Bahdanau et al. 2014 and Luong et al. 2015",
        {
            "embedding_size": 256,
            "embedding_dropout": 0.3,
            "tying": "all",
            "encoder": {
                "cell": "lstm",
                "layers": 1,
                "hidden_size": 256,
                "direction": "bidirectional",
            },
            "attention": {"kind": "additive", "query": "state", "context": "output"},
            "decoder": {
                "cell": "lstm",
                "layers": 1,
                "hidden_size": 512,
                "input_feeding": True,
                "start": "bridge",
                "dropout": 0.3,
            },
            "output": {"kind": "attentional", "state": "state", "dropout": 0.3},
        },
    ),
}

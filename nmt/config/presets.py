"""Architecture presets, and the values of keys that follow from other keys.

Without a preset all keys have the defaults of the settings. `preset: NAME` takes structure, sizes
and initialization from a paper or a public program. Keys that the preset does not name have the
values of `PRESET_DEFAULTS`. A preset does not include the training of its paper, which
nmt/docs/presets.md describes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nmt.config.registry import OUTPUTS, TOKENIZERS, output_parts, tokenizer_kind


@dataclass(frozen=True)
class Preset:
    """An architecture.

    Attributes:
        summary: A description in one line.
        paper: The source of the architecture.
        model: Values of the section `model`.
    """

    summary: str
    paper: str
    model: dict[str, Any]


def find_preset(values: Mapping[str, Any]) -> Preset | None:
    """Return the preset that a configuration names; None without a known one."""
    name = values.get("preset")
    return PRESETS.get(name) if isinstance(name, str) else None


def implied_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values for keys that are not given, derived from the keys that are given.

    With a preset they are its values. Without one, `tokenizer.sampling.alpha` becomes 0 where the
    tokenizer cannot sample, or where links between subwords must stay valid. `model.tying` becomes
    the strongest value that the vocabularies and the output layer allow.

    Args:
        values: The configuration as it was read, not yet checked.
    """
    preset = find_preset(values)
    if preset is not None:
        return {**PRESET_DEFAULTS, "model": preset.model}
    implied: dict[str, Any] = {}
    if not _samples_subwords(values):
        implied["tokenizer"] = {"sampling": {"alpha": 0.0}}
    joint = _get_value(values, "tokenizer", "joint", default=True)
    output = _get_value(values, "model", "output", "kind")
    if isinstance(output, str) and output in OUTPUTS.kinds and output_parts(output):
        implied["model"] = {"tying": "source_target" if joint else "none"}
    elif not joint:
        implied["model"] = {"tying": "target_output"}
    return implied


def _samples_subwords(values: Mapping[str, Any]) -> bool:
    """Return whether subwords are sampled in each epoch by default."""
    guidance = _get_value(values, "training", "guided_alignment")
    if isinstance(guidance, Mapping) and (guidance.get("alignments") or guidance.get("aligner")):
        return False
    if _get_value(values, "tokenizer", "model"):
        return False
    kind = _get_value(values, "tokenizer", "kind", default="bpe")
    known = isinstance(kind, str) and kind in TOKENIZERS.names()
    return known and "sampling" in tokenizer_kind(kind).settings


def _get_value(values: Any, *path: str, default: Any = None) -> Any:
    """Return the value at a path, or the default where none is given."""
    for name in path:
        if not isinstance(values, Mapping):
            return default
        values = values.get(name)
    return default if values is None else values


def merge_settings(base: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of both, merged section by section.

    Args:
        base: The first keys.
        overrides: The second keys, whose values take precedence.
    """
    result = dict(base)
    for key, value in overrides.items():
        base_value = result.get(key)
        if isinstance(base_value, Mapping) and isinstance(value, Mapping):
            value = merge_settings(base_value, value)
        result[key] = value
    return result


def key_paths(values: Mapping[str, Any], prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the paths of all keys, sections before their keys.

    Args:
        values: The keys.
        prefix: The path of the section that they are in.
    """
    for key, value in values.items():
        yield (*prefix, key)
        if isinstance(value, Mapping):
            yield from key_paths(value, (*prefix, key))


PRESET_DEFAULTS: dict[str, Any] = {
    "tokenizer": {"sampling": {"alpha": 0.0}},
    "model": {
        "embedding_size": 256,
        "embedding_dropout": 0.0,
        "tying": "none",
        "encoder": {
            "cell": "lstm",
            "layers": 1,
            "hidden_size": 256,
            "direction": "bidirectional",
            "dropout": 0.0,
        },
        "attention": {
            "kind": "additive",
            "query": "state",
            "query_layer": "top",
            "context": "output",
        },
        "decoder": {
            "cell": "lstm",
            "layers": 1,
            "hidden_size": 512,
            "input_feeding": True,
            "transition_depth": 1,
            "start": "bridge",
            "dropout": 0.0,
        },
        "output": {"kind": "attentional", "state": "state", "dropout": 0.0},
    },
    "training": {
        "batch_size": 4096,
        "ema": None,
        "optimizer": {"learning_rate": 1e-3},
        "schedule": {"kind": "constant", "warmup_updates": 0},
        "validation": {"every_updates": 500},
    },
}
"""The base of each preset: no dropout, no tied embeddings, a constant learning rate."""


def _preset(summary: str, paper: str, model: Mapping[str, Any]) -> Preset:
    """Return a preset whose other keys have the values of `PRESET_DEFAULTS`."""
    return Preset(summary, paper, merge_settings(PRESET_DEFAULTS["model"], model))


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
    "sutskever2014": _preset(
        "four LSTM layers, reversed source; only final states reach the decoder",
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
    "bahdanau2014": _preset(
        "RNNsearch: GRUs, additive attention with query s_{i-1}, maxout output",
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
    "luong2015-dot": _preset(
        "four LSTM layers with input feeding; global attention, dot score",
        _LUONG,
        _luong2015("dot"),
    ),
    "luong2015-general": _preset(
        "the same with the general score",
        _LUONG,
        _luong2015("general"),
    ),
    "luong2015-concat": _preset(
        "the same with the concat score",
        _LUONG,
        _luong2015("concat"),
    ),
    "luong2015-local-m": _preset(
        "the same with the general score in a monotonic window",
        _LUONG,
        _luong2015("general", "local_m"),
    ),
    "luong2015-local-p": _preset(
        "the same with the general score in a window at a predicted position",
        _LUONG,
        _luong2015("general", "local_p"),
    ),
    "d2l-attention": _preset(
        "GRUs; query s_{i-1}, the context enters only the recurrence",
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
    "gru-concat": _preset(
        "GRUs, concat attention; output from state, context and embedding",
        "textbook form of Bahdanau et al. 2014",
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
    "attn-location": _preset(
        "GRUs; scores by position, not by word",
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
    "nematus-cgru": _preset(
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
    "gnmt": _preset(
        "four LSTM layers; query from the bottom one, context to the others",
        "Wu et al. 2016, in the layout of public implementations",
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
}

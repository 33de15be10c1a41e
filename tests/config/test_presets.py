"""Presets, and their merge with the keys that the user gives."""

from pathlib import Path

import pytest
import torch

from nmt.config.key_index import all_keys
from nmt.config.load import load_config
from nmt.config.presets import PRESETS, key_paths, merge_settings
from nmt.config.reference import explain
from nmt.config.serialize import dump_config
from nmt.config.settings import Config
from nmt.errors import ConfigError
from nmt.model.seq2seq import Seq2Seq

DOCS = Path(__file__).parents[2] / "nmt" / "docs"

RIGHT = """\
data: {train: {source: a, target: b}, validation_split: 0.1}
training: {max_updates: 9}
"""

SMALL = ["model.encoder.hidden_size=8", "model.decoder.hidden_size=8", "model.embedding_size=6"]


@pytest.fixture
def load(tmp_path):
    def load(text, *overrides):
        path = tmp_path / "c.yaml"
        path.write_text(RIGHT + text, encoding="utf-8")
        return load_config(path, overrides)

    return load


@pytest.fixture
def complaint(load, tmp_path):
    def complaint(text, *overrides):
        with pytest.raises(ConfigError) as error:
            load(text, *overrides)
        return str(error.value).replace(f"{tmp_path}/", "")

    return complaint


@pytest.fixture(params=PRESETS)
def name(request):
    return request.param


def built(model, source_vocabulary=100, target_vocabulary=100):
    """The model without its memory and its initial values."""
    with torch.device("meta"):
        return Seq2Seq(model, source_vocabulary, target_vocabulary)


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def test_each_builds_a_model_as_it_stands(load, name):
    assert count(built(load(f"preset: {name}\n").model)) > 100_000


def test_each_trains_when_made_small(load, name):
    small = load(f"preset: {name}\n", *SMALL, *small_parts(name)).model
    model = Seq2Seq(small, 30, 30)
    source, lengths = torch.randint(4, 30, (2, 5)), torch.tensor([5, 3])
    sums = model.loss(source, lengths, torch.randint(4, 30, (2, 4)), torch.randint(4, 30, (2, 4)))
    sums.loss.backward()
    assert torch.isfinite(sums.loss)
    assert all(parameter.grad is not None for parameter in model.parameters())


def small_parts(name):
    known = set(map(".".join, key_paths({"model": PRESETS[name].model})))
    return [f"{key}=4" for key in ("model.attention.size", "model.output.size") if key in known]


def test_each_gives_keys_that_exist_and_is_told_of(load, name):
    preset = PRESETS[name]
    assert {".".join(path) for path in key_paths({"model": preset.model})} <= set(all_keys())
    assert name in explain("preset")
    row = f"| `{name}` | {preset.paper} |"
    assert row in (DOCS / "presets.md").read_text(encoding="utf-8")


def test_each_says_what_makes_it_that_architecture(name):
    """Not left to our defaults, which may change."""
    given = {".".join(path) for path in key_paths(PRESETS[name].model)}
    sides = {f"{side}.{key}" for side in ("encoder", "decoder") for key in ("cell", "layers")}
    assert given >= sides | {"encoder.direction", "attention.kind", "decoder.start", "output.kind"}
    assert given >= {"decoder.input_feeding", "output.state", "encoder.hidden_size"}
    if PRESETS[name].model["attention"]["kind"] != "none":
        assert given >= {"attention.query", "attention.context"}


def test_sutskever_counts_as_many_parameters_as_the_paper(load):
    """Section 3.4: 384M, of which 64M are recurrent; vocabularies of 160,000 and 80,000."""
    model = built(load("preset: sutskever2014\n").model, 160_000, 80_000)
    assert round(count(model) / 1e6) == 384
    assert round((count(model.encoder) + count(model.decoder.cells)) / 1e6) == 64


def test_without_one_the_model_has_the_defaults(load):
    assert load("").preset is None
    assert load("").model == load("preset: null\nmodel: {}\n").model


def test_given_keys_lie_above_it(load):
    text = "preset: gnmt\nmodel:\n  encoder: {hidden_size: 64, residual_from: null}\n  decoder:\n"
    model = load(text, "model.decoder.layers=3", "model.attention.kind=concat").model
    assert (model.encoder.hidden_size, model.encoder.residual_from) == (64, None)
    assert (model.encoder.layers, model.encoder.direction) == (4, "bidirectional_bottom")
    assert (model.decoder.layers, model.decoder.residual_from) == (3, 3)
    assert (model.attention.kind, model.attention.context) == ("concat", "upper_layers")
    assert model.embedding_size == 1024


def test_the_command_line_names_one(load):
    text = "preset: gnmt\nmodel: {embedding_size: 9}\n"
    config = load(text, "preset=luong2015-dot")
    assert (config.preset, config.model.attention.kind) == ("luong2015-dot", "dot")
    assert config.model.embedding_size == 9
    assert load(text, "model={}", "preset=gnmt").model == load("preset: gnmt\n").model


def test_what_is_dumped_loads_as_the_same(load, name, tmp_path):
    config = load(f"preset: {name}\n", "model.embedding_dropout=0.4")
    file = tmp_path / "dumped.yaml"
    file.write_text(dump_config(config), encoding="utf-8")
    assert load_config(file) == config
    assert load_config(file).preset == name


def test_settings_made_in_python_know_it_too(load):
    values = load("").model_dump()
    values["preset"] = "gnmt"
    values["model"] = {"embedding_size": 7}
    model = Config.model_validate(values).model
    assert (model.embedding_size, model.encoder.layers) == (7, 4)


def test_an_unknown_name(complaint):
    message = complaint("preset: bahdanu2014\n")
    assert message.startswith(
        "c.yaml:3:1: preset: 'bahdanu2014' is not a valid preset; choose one of suts"
    )
    assert message.endswith("; did you mean bahdanau2014?")
    assert complaint("", "preset=gnmtt").startswith("--set preset: 'gnmtt' is not a valid preset")


@pytest.mark.parametrize("value", ["3", "[gnmt]", "{gnmt: 1}", "true"])
def test_what_is_no_name(complaint, value):
    assert complaint(f"preset: {value}\n").startswith("c.yaml:3:1: preset: expected one of sutsk")


HINT = (
    "keys that are not set come from `preset: bahdanau2014` "
    "(to unset a key that allows it, write null)"
)


def test_a_conflict_is_shown_at_the_line_of_the_user(complaint):
    message = complaint("preset: bahdanau2014\nmodel:\n  attention:\n    kind: dot\n")
    assert message.startswith("c.yaml:5:3: model.attention: `size` is for kinds additive")
    assert HINT in message
    message = complaint("preset: bahdanau2014\n", "model.decoder.input_feeding=true")
    assert message.startswith("--set model.decoder.input_feeding: model: `output.state: previous")
    message = complaint("preset: bahdanau2014\nmodel: {encoder: {cell: gruu}}\n")
    assert message.startswith("c.yaml:4:19: model.encoder.cell: 'gruu' is not a valid cell")
    assert HINT not in message


def test_a_conflict_with_what_the_preset_alone_gives_is_shown_there(complaint):
    """The only preset with something to conflict with is one of an earlier release."""
    message = complaint("preset: default\ntokenizer: {joint: false}\n")
    assert message.startswith("c.yaml:3:1: `model.tying: all` needs `tokenizer.joint: true`")
    message = complaint("preset: gnmt\n", "preset=default", "tokenizer.joint=false")
    assert message.startswith("--set preset: `model.tying: all` needs")


def test_nothing_but_sections_is_mixed():
    below = {"a": {"b": 1, "c": {"d": 2}}, "e": 3}
    above = {"a": {"c": 5}, "e": {"f": 6}, "g": None}
    assert merge_settings(below, above) == {"a": {"b": 1, "c": 5}, "e": {"f": 6}, "g": None}
    assert below == {"a": {"b": 1, "c": {"d": 2}}, "e": 3}

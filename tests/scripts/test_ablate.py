"""The ablation of a recipe, on a corpus of a few words."""

import importlib
import json
import re
import sys
from pathlib import Path

import pytest

from nmt.config.load import load_config

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

ablate = importlib.import_module("ablate")


@pytest.fixture
def recipe(tiny_config):
    """The tiny configuration with its dev as a test set, dropout, and four updates to do."""
    text = tiny_config.read_text(encoding="utf-8")
    text = text.replace("data:\n", "data:\n  test: {source: dev.fr, target: dev.en}\n")
    tiny_config.write_text(text, encoding="utf-8")
    return tiny_config


@pytest.fixture
def run(recipe, monkeypatch):
    monkeypatch.setattr(
        ablate, "AXES", {"beam_size": (1, 2), "length_penalty": ("gnmt",), "alpha": (0.0, 1.0)}
    )

    def run(*more, only=("recipe", "no-smoothing")):
        few = ["--set", "training.max_updates=4", "--set", "model.output.dropout=0.3"]
        output = ["--output", str(recipe.parent / "ablation")]
        return ablate.main([str(recipe), *output, "--only", *only, *few, *more])

    return run


def result(recipe, run):
    return json.loads((recipe.parent / "ablation" / run / "result.json").read_text("utf-8"))


def test_a_table_of_the_recipe_and_of_what_is_left_out(run, recipe, capsys):
    assert run("--seeds", "1", "2") == 0
    head, _, *rows = capsys.readouterr().out.splitlines()
    assert head == "|  | seeds | dev | test, untuned | test | against the recipe |"
    assert rows[0].startswith("| the recipe | 2 | ")
    assert rows[0].endswith("|  |")
    assert rows[1].startswith("| without label smoothing | 2 | ")
    assert rows[2] == ""
    assert rows[3].startswith("BLEU: nrefs:1|case:mixed")
    for name in ("recipe", "no-smoothing"):
        for seed in (1, 2):
            found = result(recipe, f"{name}.{seed}")
            assert found["seed"] == seed
            assert found["updates"] == 4
            assert 0.0 <= found["test_untuned"] <= 100.0
            config = load_config(recipe.parent / "ablation" / f"{name}.{seed}" / "config.yaml")
            assert config.seed == seed
            assert (config.training.label_smoothing == 0.0) == (name == "no-smoothing")


def test_what_is_done_is_not_done_again(run, recipe, monkeypatch, capsys):
    assert run(only=["recipe"]) == 0
    before = result(recipe, "recipe.1")

    def fail(*_, **__):
        raise AssertionError("trained again")

    monkeypatch.setattr(ablate, "train", fail)
    assert run(only=["recipe"]) == 0
    assert result(recipe, "recipe.1") == before
    capsys.readouterr()
    assert run("--table", only=["recipe", "no-smoothing"]) == 0
    assert "without label smoothing" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["no-decay", "no-average", "no-averrage"])
def test_variants_that_change_nothing_or_are_none_are_refused(run, recipe, capsys, name):
    assert run(only=["recipe", name]) == 2
    told = capsys.readouterr().err
    assert f"--only {name}: this recipe's variants are recipe, no-smoothing, " in told
    assert not list((recipe.parent / "ablation").glob("*"))


def test_a_training_shorter_than_a_line_of_the_log_has_its_time(run, recipe):
    assert run("--set", "training.max_updates=1", only=["recipe"]) == 0
    assert result(recipe, "recipe.1")["hours"] >= 0.0


@pytest.mark.parametrize(
    "path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.stem
)
def test_a_variant_is_what_its_name_says(path):
    config = load_config(path)
    variants = {variant.name: variant for variant in ablate.variants_of(config)}
    assert len(variants) >= 9
    for name, variant in variants.items():
        model = load_config(path, variant.changes).model
        cells = (model.encoder.cell, model.decoder.cell)
        before = (config.model.encoder.cell, config.model.decoder.cell)
        if name == "no-dropout":
            dumped = json.dumps(model.model_dump(mode="json"))
            assert {float(rate) for rate in re.findall(r'dropout": ([0-9.]+)', dumped)} == {0.0}
        elif name == "word-dropout":
            assert config.model.source_word_dropout == config.model.target_word_dropout == 0.0
            assert model.source_word_dropout == model.target_word_dropout == 0.1
        elif name == "shallow":
            depths = (config.model.decoder.transition_depth, model.decoder.transition_depth)
            assert depths == (2, 1)
        elif name == "lstm":
            assert before == ("gru", "gru")
            assert cells == ("lstm", "lstm")
        elif name == "layer-norm":
            assert cells == tuple(f"layer_norm_{cell}" for cell in before)
        else:
            assert cells == before


def test_results_of_other_settings_and_damaged_ones_are_refused(run, recipe, capsys):
    assert run(only=["recipe"]) == 0
    assert run("--set", "training.clip_norm=2", only=["recipe"]) == 2
    assert "was measured with other settings" in capsys.readouterr().err
    path = recipe.parent / "ablation" / "recipe.1" / "result.json"
    without_dev = {key: value for key, value in result(recipe, "recipe.1").items() if key != "dev"}
    for damaged in ('{"seed"', json.dumps(without_dev)):
        path.write_text(damaged, "utf-8")
        assert run("--table") == 3
        assert "holds no result" in capsys.readouterr().err


def test_gaps_are_between_the_same_seeds():
    base = [{"seed": 1, "test": 30.0}, {"seed": 2, "test": 34.0}]
    assert ablate._mean_difference([{"seed": 2, "test": 33.0}], base) == "-1.0"
    assert ablate._mean_difference([{"seed": 3, "test": 33.0}], base) == ""


def test_a_recipe_without_a_test_set(run, recipe, capsys):
    text = recipe.read_text(encoding="utf-8").replace(
        "  test: {source: dev.fr, target: dev.en}\n", ""
    )
    recipe.write_text(text, encoding="utf-8")
    assert run() == 2
    assert "data.test: the recipe names none" in capsys.readouterr().err

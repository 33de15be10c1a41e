"""The comparison of architectures, on a corpus of a few words."""

import importlib
import json
import random
import sys
from pathlib import Path

import pytest
import torch

from nmt.bundle import load_bundle
from nmt.config.load import load_config
from nmt.config.presets import PRESETS
from nmt.runtime.run_directory import find_run

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

compare = importlib.import_module("compare_architectures")

PAIR = ["sutskever2014", "gru-concat"]
NAMES = ["sutskever2014", "gru-concat", "sutskever2014.not-reversed"]


@pytest.fixture
def file(tiny_config):
    """The tiny configuration with a test set: 25 sentences of up to 5 words, 20 of 6, 3 of 12."""
    chosen = random.Random(2)
    rows = [[chosen.choice(["un", "deux"]) for _ in range(length)] for length in LENGTHS]
    for side, one in (("fr", "un"), ("en", "one")):
        text = "".join(" ".join(row) + "\n" for row in rows).replace("un", one)
        (tiny_config.parent / f"test.{side}").write_text(text, encoding="utf-8")
    text = tiny_config.read_text(encoding="utf-8")
    text = text.replace("data:\n", "data:\n  test: {source: test.fr, target: test.en}\n")
    tiny_config.write_text(text, encoding="utf-8")
    return tiny_config


LENGTHS = [*(1 + i % 5 for i in range(25)), *[6] * 20, *[12] * 3]


@pytest.fixture
def run(file):
    def run(*more, presets=PAIR):
        sizes = ["--updates", "4", "--hidden", "8", "--embedding", "6", "--layers", "2"]
        output = ["--output", str(file.parent / "figures.json")]
        return compare.main(["--config", str(file), "--presets", *presets, *sizes, *output, *more])

    return run


def figures(file):
    return json.loads((file.parent / "figures.json").read_text(encoding="utf-8"))


def test_two_presets_and_the_variant_of_one(run, file, capsys):
    assert run() == 0
    table = capsys.readouterr().out
    head = "| architecture | parameters | updates | tokens/s | BLEU | up to 5 (25) | 6-10 (20) |"
    assert table.startswith(f"{head}\n")
    for name in NAMES:
        assert f"\n| {name} |" in table
    assert "| reversed source without attention (Sutskever et al. 2014, 3.3) |" in table
    assert "(Bahdanau" not in table
    results = figures(file)["results"]
    assert list(results) == NAMES
    for result in results.values():
        assert result["updates"] == 4
        assert result["target_tokens_per_second"] > 0
        assert 0 <= result["bleu"] <= 100
        assert list(result["buckets"]) == ["up to 5", "6-10"]
    assert results["sutskever2014"]["parameters"] != results["gru-concat"]["parameters"]
    changes = results["sutskever2014.not-reversed"]["changes"]
    assert changes == ["model.encoder.reverse_source=false"]


def test_each_run_is_what_its_name_says_and_all_share_the_data(run, file):
    assert run() == 0
    runs = file.parent / "figures.runs"
    models = {name: load_config(runs / name / "config.yaml").model for name in NAMES}
    assert models["sutskever2014"].encoder.reverse_source
    assert not models["sutskever2014.not-reversed"].encoder.reverse_source
    assert (models["sutskever2014"].encoder.layers, models["gru-concat"].encoder.layers) == (2, 1)
    assert models["gru-concat"].attention.kind == "concat"
    assert models["gru-concat"].decoder.hidden_size == 8
    for name in NAMES:
        run = find_run(runs / name)
        assert (run.tokenizer, run.data) == (runs / "prepared/tokenizer", runs / "prepared/data")
        assert not (run.path / "data").exists()
    bundle = load_bundle(runs / "gru-concat" / "best", torch.device("cpu"))
    assert bundle.config.preset == "gru-concat"


def test_no_architecture_is_guided_where_the_configuration_guides(run, file):
    text = file.read_text(encoding="utf-8")
    guided = text.replace("training:\n", "training:\n  guided_alignment: {aligner: ibm1}\n")
    assert guided != text
    file.write_text(guided, encoding="utf-8")
    assert run() == 0
    runs = file.parent / "figures.runs"
    for name in NAMES:
        assert not load_config(runs / name / "config.yaml").training.guided_alignment.wanted


def test_what_is_done_is_not_done_again(run, file, monkeypatch):
    assert run(presets=["gru-concat"]) == 0
    trained = []
    real = compare.train
    monkeypatch.setattr(
        compare, "train", lambda config: trained.append(config.name) or real(config)
    )
    before = figures(file)["results"]["gru-concat"]
    assert run() == 0
    assert trained == ["sutskever2014", "sutskever2014.not-reversed"]
    assert figures(file)["results"]["gru-concat"] == before


def test_one_failure_does_not_stop_the_others(run, file, monkeypatch, capsys):
    real = compare.train

    def sometimes(config):
        if config.preset == "sutskever2014":
            raise RuntimeError("no luck")
        return real(config)

    monkeypatch.setattr(compare, "train", sometimes)
    assert run() == 1
    assert list(figures(file)["results"]) == ["gru-concat"]
    assert figures(file)["failures"]["sutskever2014"] == "RuntimeError: no luck"
    printed = capsys.readouterr()
    assert "| gru-concat |" in printed.out
    assert "failed: sutskever2014: RuntimeError: no luck\n" in printed.err
    monkeypatch.undo()
    assert run() == 0
    assert set(figures(file)["results"]) == set(NAMES)
    assert figures(file)["failures"] == {}


def test_settings_that_cannot_be_are_a_failure_of_that_architecture(run, file):
    assert run("--set", "model.attention.kind=dot", "--set", "model.attention.size=null") == 1
    assert set(figures(file)["failures"]) == {"gru-concat"}


def test_what_cannot_begin(run, file, capsys):
    (file.parent / "figures.json").write_text('{"results": [1]}', encoding="utf-8")
    assert run() == 3
    assert "figures.json: holds no earlier comparison" in capsys.readouterr().err
    (file.parent / "figures.json").unlink()
    assert run("--set", "data.test=null") == 2
    assert "names no `data.test`" in capsys.readouterr().err


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("layers", [[], ["--layers", "2"]])
def test_every_preset_can_be_made_small(file, preset, layers):
    options = compare._options(["--config", str(file), "--presets", preset, *layers])
    comparison = compare.Comparison(options)
    model = load_config(file, comparison._overrides(compare.Architecture(preset, preset))).model
    whole = PRESETS[preset].model
    assert model.decoder.hidden_size == 256
    assert (
        model.encoder.hidden_size
        == 256 * whole["encoder"]["hidden_size"] // (whole["decoder"]["hidden_size"])
    )
    assert model.encoder.layers == min(2 if layers else 9, whole["encoder"]["layers"])


def test_every_variant_and_claim_is_about_something_that_is_trained(file):
    names = {*PRESETS, *(variant.name for variant in compare.VARIANTS)}
    for claim in compare.CLAIMS:
        assert {claim.first, claim.second} <= names
    comparison = compare.Comparison(compare._options(["--config", str(file)]))
    for variant in compare.VARIANTS:
        changed = load_config(file, comparison._overrides(variant))
        preset = compare.Architecture(variant.preset, variant.preset)
        assert changed.model != load_config(file, comparison._overrides(preset)).model


def test_buckets_divide_the_sentences_by_words():
    sources = [" ".join("a" * length) for length in LENGTHS]
    same = [f"{text} x y z" for text in sources]
    found = compare.bleu_by_length(sources, same, same)
    assert {name: part["sentences"] for name, part in found.items()} == {"up to 5": 25, "6-10": 20}
    assert all(part["bleu"] == pytest.approx(100) for part in found.values())
    wrong = [*same[:25], *["b c d e"] * 23]
    found = compare.bleu_by_length(sources, wrong, same)
    assert found["up to 5"]["bleu"] == pytest.approx(100)
    assert found["6-10"]["bleu"] < 5

"""The experiments of configs/textbook: each loads, and trains two updates when it is made small."""

import importlib
import re
import sys
from pathlib import Path

import pytest

from nmt.config.load import load_config
from nmt.training.run import train

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "configs" / "textbook"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
sys.path.insert(0, str(ROOT / "scripts"))

toys = importlib.import_module("make_toy_tasks")

QUICK = {"d2l-attention", "keras-characters", "pytorch-tutorial", "luong2015-small-local-p"}
"""The experiments that the quick tests train; between them they have all kinds of data keys."""


def load_small(name, folder):
    """Load an experiment with short texts in a folder, narrow layers and two updates."""
    config = load_config(FOLDER / f"{name}.yaml")
    toy = config.data.source_language == "source"
    for text in ("train", "dev", "test"):
        for side, number in (("source", 0), ("target", 1)):
            lines = _toy_lines(config) if toy else _phrases()
            chosen = lines[:60] if text == "train" else lines[60:80]
            ending = side if toy else f"{getattr(config.data, f'{side}_language')}.gz"
            path = folder / f"{text}.{ending.removesuffix('.gz')}"
            path.write_text("".join(f"{pair[number]}\n" for pair in chosen), encoding="utf-8")
            (folder / f"{text}.{ending}").write_bytes(path.read_bytes())
    model = config.model
    sizes = ["model.embedding_size=6"]
    sizes += [f"model.{part}.hidden_size=8" for part in ("encoder", "decoder")]
    if config.model.decoder.start == "bridge":
        sizes.append("model.decoder.hidden_size=10")
    sizes += [
        f"model.{part}.size=8"
        for part in ("attention", "output")
        if getattr(model, part).size is not None
    ]
    subwords = ["tokenizer.vocab_size=300"] if config.tokenizer.kind == "bpe" else []
    split = [] if toy else ["data.validation_split=0.2"]
    return load_config(
        FOLDER / f"{name}.yaml",
        [
            f"data.root={folder}",
            f"run_dir={folder / 'run'}",
            "training.max_updates=2",
            "training.validation.every_updates=2",
            "training.validation.max_sentences=2",
            "tokenizer.hard_vocab_limit=false" if subwords else "tokenizer.min_frequency=1",
            "data.max_dropped=1",
            "runtime.device=cpu",
            "runtime.threads=1",
            *sizes,
            *subwords,
            *split,
        ],
    )


def _toy_lines(config):
    task = config.data.root.name.removeprefix("toy.")
    return toys.make_examples(task)["dev"][:80]


def _phrases():
    """Make 80 pairs, the same for either direction, which begin as the tutorial asks for."""
    starts = ["I am", "He is", "She's", "We are"]
    words = ["".join(chr(ord("a") + int(digit)) for digit in str(i)) for i in range(80)]
    return [(f"{starts[i % 4]} {words[i]} of {words[i // 4]}.",) * 2 for i in range(80)]


def test_there_is_a_file_for_each_experiment():
    told = (ROOT / "configs" / "README.md").read_text(encoding="utf-8")
    for name in NAMES:
        assert f"`{name}.yaml`" in told
    named = set(
        re.findall(r"`([\w-]+)\.yaml`", told.partition("## Textbook")[2].partition("## ")[0])
    )
    assert named == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_its_head_has_source_outcome_and_time(name):
    lines = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    assert lines[1].startswith("# See: ")
    assert lines[2].startswith("# Time: ")
    end = lines.index("")
    assert all(line.startswith("# Other than there: ") for line in lines[3:end])
    assert end <= 4


@pytest.mark.parametrize("name", NAMES)
def test_it_has_its_authors_loss(name):
    config = load_config(FOLDER / f"{name}.yaml")
    assert config.training.batch_by == "sentences"
    assert config.training.label_smoothing == 0
    assert config.training.max_epochs or config.training.max_updates
    assert config.training.max_time is None


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in NAMES]
)
def test_it_trains_when_it_is_small(name, tmp_path):
    run = train(load_small(name, tmp_path))
    assert (run.best / "model.safetensors").is_file()


def test_the_tutorial_is_as_its_author_wrote_it():
    config = load_config(FOLDER / "pytorch-tutorial.yaml")
    model, training = config.model, config.training
    assert (model.encoder.cell, model.encoder.hidden_size) == ("gru", 256)
    assert (model.attention.kind, model.attention.max_positions) == ("location", 10)
    assert model.decoder.combine_context
    assert (training.batch_size, training.normalize_loss) == (1, "sentences")
    assert (training.optimizer.kind, training.optimizer.learning_rate) == ("sgd", 0.01)
    forcing = training.teacher_forcing
    assert (forcing.ratio, forcing.draw) == (0.5, "sentence")
    assert len(config.data.target_prefixes) == 12


def test_the_chapter_with_and_without_attention_differs_in_attention_alone():
    first, second = (
        load_config(FOLDER / f"d2l-{name}.yaml").model_dump()
        for name in ("attention", "no-attention")
    )
    assert first["model"].pop("attention")["kind"] == "additive"
    assert second["model"].pop("attention")["kind"] == "none"
    for key in ("name", "run_dir"):
        assert first.pop(key) != second.pop(key)
    assert first == second

"""The configurations of configs/: they load without their data, and train when made small."""

import re
from pathlib import Path

import pytest

from nmt.config.load import load_config
from nmt.training.run import train

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = sorted(path.name for path in CONFIGS.glob("*.yaml") if path.name != "default.yaml")
TRAINED = [name for name in FILES if re.search(r"\.\w+-\w+\.", name)]

SMALL = [
    "training.max_updates=2",
    "training.batch_size=200",
    "training.validation.every_updates=2",
    "training.validation.max_sentences=2",
    "training.checkpoint.every_updates=2",
    "tokenizer.vocab_size=300",
    "tokenizer.hard_vocab_limit=false",
    "data.source_language=fr",
    "data.target_language=en",
    "data.root=null",
    "data.test=null",
    "data.max_dropped=1",
    "runtime.device=cpu",
    "runtime.threads=1",
]


def small_sizes(config):
    """What makes its layers narrow, and no more than three (GNMT's third adds what enters it)."""
    model = config.model
    yield "model.embedding_size=6"
    for section in ("encoder", "decoder"):
        yield f"model.{section}.hidden_size=8"
        yield f"model.{section}.layers={min(3, getattr(model, section).layers)}"
    for section in ("attention", "output"):
        if getattr(model, section).size is not None:
            yield f"model.{section}.size=8"


@pytest.mark.parametrize("name", FILES)
def test_it_loads_where_its_data_is_missing(name):
    assert load_config(CONFIGS / name).data.train[0].source


@pytest.mark.parametrize("name", TRAINED)
def test_it_trains_when_it_is_small(name, tiny_config, tmp_path):
    corpora = [
        f"data.{corpus}.{side}=[{tmp_path}/{corpus}.{ending}]"
        for corpus in ("train", "dev")
        for side, ending in (("source", "fr"), ("target", "en"))
    ]
    sizes = small_sizes(load_config(CONFIGS / name))
    config = load_config(
        CONFIGS / name, [*SMALL, *corpora, *sizes, f"run_dir={tmp_path / 'run'}", "seed=1"]
    )
    run = train(config)
    assert (run.best / "model.safetensors").is_file()


@pytest.mark.parametrize("name", [name for name in TRAINED if not name.startswith("multi30k")])
def test_its_head_tells_how_to_get_the_data_and_train(name):
    text = (CONFIGS / name).read_text(encoding="utf-8")
    root = load_config(CONFIGS / name).data.root
    assert root is not None
    assert f"python scripts/get_data.py {root.name} " in text
    assert f"nmt train configs/{name}\n" in text

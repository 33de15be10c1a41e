"""Configurations and tokenizers for a small parallel text."""

from collections.abc import Callable
from pathlib import Path

import pytest
from parallel_texts import parallel_text, write_lines

from nmt.config.settings import Config
from nmt.data import tokenizer_preparation
from nmt.data.tokenizer_training import train_tokenizers
from nmt.tokenizers.tokenizer import TokenizerPair
from nmt.training import data_preparation

ConfigMaker = Callable[..., Config]


@pytest.fixture
def make_config(tmp_path: Path) -> ConfigMaker:
    """Writes texts (lists of lines) and gives a configuration for them; other keys go to `data`."""

    def make(
        train: tuple[list[str], list[str]],
        dev: tuple[list[str], list[str]] | None = None,
        test: tuple[list[str], list[str]] | None = None,
        tokenizer: dict | None = None,
        seed: int = 1,
        **data: object,
    ) -> Config:
        for name, texts in (("train", train), ("dev", dev), ("test", test)):
            if texts is None:
                continue
            files = zip(("source", "target"), texts, strict=True)
            data[name] = {
                side: str(write_lines(tmp_path / f"{name}.{side}", lines)) for side, lines in files
            }
        settings = {"vocab_size": 330, "kind": "bpe", **(tokenizer or {})}
        return Config.model_validate(
            {"data": data, "tokenizer": settings, "training": {"max_updates": 1}, "seed": seed}
        )

    return make


@pytest.fixture(scope="session")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> TokenizerPair:
    """Separate unigram models of both sides."""
    folder = tmp_path_factory.mktemp("tokenizers")
    source, target = parallel_text(200)
    data = {
        "train": {
            "source": str(write_lines(folder / "source", source)),
            "target": str(write_lines(folder / "target", target)),
        },
        "validation_split": 0.1,
    }
    config = Config.model_validate(
        {
            "data": data,
            "tokenizer": {"kind": "unigram", "vocab_size": 280, "joint": False},
            "training": {"max_updates": 1},
        }
    )
    return train_tokenizers(config, len(source))


@pytest.fixture
def made(monkeypatch):
    """What was made and not only opened, in order."""
    record = []
    modules = {"train_tokenizers": tokenizer_preparation, "binarize": data_preparation}
    for name, module in modules.items():
        original = getattr(module, name)

        def spy(*arguments, _name=name, _original=original):
            record.append(_name)
            return _original(*arguments)

        monkeypatch.setattr(module, name, spy)
    return record

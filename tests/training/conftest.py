"""A tiny corpus and configuration that train in a second or two."""

import random

import pytest

from nmt.config.load import load_config

_WORDS = ["un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix"]
_ANSWERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


@pytest.fixture
def tiny(tmp_path):
    """Makes a configuration: `tiny("training.max_updates=6", ...)`, in a fresh run folder each."""
    chosen = random.Random(1)
    for name, count in (("train", 200), ("dev", 20)):
        rows = [[chosen.randrange(10) for _ in range(chosen.randint(1, 6))] for _ in range(count)]
        for side, words in (("fr", _WORDS), ("en", _ANSWERS)):
            text = "".join(" ".join(words[i] for i in row) + "\n" for row in rows)
            (tmp_path / f"{name}.{side}").write_text(text, encoding="utf-8", newline="\n")
    file = tmp_path / "tiny.yaml"
    file.write_text(
        """\
data:
  train: {source: train.fr, target: train.en}
  dev: {source: dev.fr, target: dev.en}
  exclude_overlap: false
tokenizer: {kind: bpe, vocab_size: 300, hard_vocab_limit: false}
model:
  embedding_size: 8
  embedding_dropout: 0.1
  encoder: {hidden_size: 8}
  decoder: {hidden_size: 16}
  output: {dropout: 0.1}
training:
  batch_tokens: 200
  optimizer: {learning_rate: 0.01}
  validation: {every_updates: 4, samples: 1}
  checkpoint: {every_updates: 2}
  log_every_updates: 2
  max_updates: 8
runtime: {device: cpu, precision: float32, threads: 1}
""",
        encoding="utf-8",
    )

    def make(*overrides, name="run"):
        return load_config(file, [f"run_dir={tmp_path / name}", *overrides])

    return make

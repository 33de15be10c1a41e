"""A tiny model of numbers, from English into German and French, with a tag of web texts.

German web texts write digits, so that the tag shows in a translation.
"""

import random
from collections.abc import Sequence
from pathlib import Path

from nmt.config.load import load_config
from nmt.runtime.run_directory import RunDirectory
from nmt.training.run import train

ENGLISH = ["one", "two", "three", "four", "five", "nine"]
GERMAN = ["eins", "zwei", "drei", "vier", "fünf", "neun"]
FRENCH = ["un", "deux", "trois", "quatre", "cinq", "neuf"]
WEB = ["1", "2", "3", "4", "5", "9"]

_CONFIG = """\
data:
  source_language: en
  train:
    - {source: de.en, target: de.de, target_language: de}
    - {source: web.en, target: web.de, target_language: de, tag: web}
    - {source: fr.en, target: fr.fr, target_language: fr}
  dev:
    - {source: dev-de.en, target: dev-de.de, target_language: de}
    - {source: dev-web.en, target: dev-web.de, target_language: de, tag: web}
    - {source: dev-fr.en, target: dev-fr.fr, target_language: fr}
  exclude_overlap: false
tokenizer: {vocab_size: 110, byte_fallback: false, sampling: {alpha: 0}}
model:
  embedding_size: 16
  embedding_dropout: 0
  encoder: {cell: gru, hidden_size: 16}
  attention: {query: state, query_layer: top, context: output}
  decoder:
    cell: gru
    hidden_size: 32
    input_feeding: true
    transition_depth: 1
    start: bridge
    dropout: 0
  output: {kind: attentional, dropout: 0}
training:
  batch_size: 400
  ema: null
  label_smoothing: 0
  schedule: {kind: constant, warmup_updates: 0}
  optimizer: {learning_rate: 0.012}
  validation: {every_updates: 300, samples: 0}
  checkpoint: {every_updates: 300}
  max_updates: 300
runtime: {device: cpu, precision: float32, threads: 1}
search: {beam_size: 3, max_source_tokens: 60}
"""


def write_tagged_config(folder: Path) -> Path:
    """Write the corpora and the configuration into a folder."""
    draw = random.Random(1)
    corpora = (("de", "de", GERMAN, 500), ("web", "de", WEB, 500), ("fr", "fr", FRENCH, 500))
    for name, language, words, count in corpora:
        _write(folder, name, language, words, _rows(draw, count))
        _write(folder, f"dev-{name}", language, words, _rows(draw, 20))
    file = folder / "tagged.yaml"
    file.write_text(_CONFIG, encoding="utf-8", newline="\n")
    return file


def train_tagged_model(folder: Path, *overrides: str) -> RunDirectory:
    """Train the model in a folder, in some seconds."""
    file = write_tagged_config(folder)
    return train(load_config(file, [f"run_dir={folder / 'run'}", *overrides]))


def _rows(draw: random.Random, count: int) -> list[list[int]]:
    return [[draw.randrange(len(ENGLISH)) for _ in range(draw.randint(1, 5))] for _ in range(count)]


def _write(
    folder: Path, name: str, language: str, words: Sequence[str], rows: list[list[int]]
) -> None:
    for suffix, vocabulary in (("en", ENGLISH), (language, words)):
        text = "".join(" ".join(vocabulary[i] for i in row) + "\n" for row in rows)
        (folder / f"{name}.{suffix}").write_text(text, encoding="utf-8", newline="\n")

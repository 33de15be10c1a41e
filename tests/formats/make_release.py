"""Makes the files of a release that later versions must read: a run that was stopped, what it comes
to when it is resumed, and the shipped configurations.

Run it (`python tests/formats/make_release.py`) when a release is made; those of before stay.
"""

import random
import shutil
import tempfile
from pathlib import Path

from nmt import Translator
from nmt.config.load import load_config
from nmt.training.run import train
from nmt.version import __version__

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent / f"release-{__version__}"

STOPPED, RESUMED = 6, 10
PLACE = "/place-of-the-release"
"""What stands in the files for the folder in which they were made."""

CONFIG = f"""\
seed: 5
data:
  source_language: fr
  target_language: en
  train: {{source: train.fr, target: train.en}}
  dev: {{source: dev.fr, target: dev.en}}
  exclude_overlap: false
tokenizer: {{kind: bpe, vocab_size: 300, hard_vocab_limit: false, normalization: identity}}
model:
  embedding_size: 4
  embedding_dropout: 0.1
  encoder: {{cell: gru, hidden_size: 4, layers: 2, dropout: 0.1}}
  attention: {{kind: additive, query: previous_state, context: both}}
  decoder: {{cell: gru, hidden_size: 4, input_feeding: false, start: mean}}
  output: {{kind: deep, dropout: 0.1}}
training:
  batch_size: 200
  ema: 0.9
  optimizer: {{learning_rate: 0.01}}
  schedule: {{kind: cosine, warmup_updates: 2}}
  validation: {{every_updates: 3, samples: 1}}
  checkpoint: {{every_updates: 3, keep_last: 1}}
  log_every_updates: 2
  max_updates: {RESUMED}
runtime: {{device: cpu, precision: float32, threads: 1}}
"""
_WORDS = (("un", "one"), ("deux", "two"), ("trois", "three"), ("quatre", "four"), ("cinq", "five"))


def _write_texts(folder: Path) -> None:
    chosen = random.Random(1)
    for name, count in (("train", 120), ("dev", 12)):
        rows = [chosen.choices(_WORDS, k=chosen.randint(1, 6)) for _ in range(count)]
        for side, language in enumerate(("fr", "en")):
            text = "".join(" ".join(pair[side] for pair in row) + "\n" for row in rows)
            (folder / f"{name}.{language}").write_text(text, encoding="utf-8", newline="\n")
    (folder / "run.yaml").write_text(CONFIG, encoding="utf-8", newline="\n")


def main() -> None:
    """Train up to the stop, keep the run, resume it, keep its weights and translations."""
    shutil.rmtree(HERE, ignore_errors=True)
    HERE.mkdir()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_texts(folder)
        run = folder / "run"
        place = f"run_dir={run}"
        train(load_config(folder / "run.yaml", [place, f"training.max_updates={STOPPED}"]))
        shutil.copytree(run, HERE / "run", ignore=shutil.ignore_patterns("*.lock", "tensorboard"))
        train(load_config(folder / "run.yaml", [place]), resume=True)
        (state,) = run.glob(f"checkpoints/step-*{RESUMED}")
        shutil.copy(state / "model.safetensors", HERE / "resumed.safetensors")
        lines = (folder / "dev.fr").read_text(encoding="utf-8").split("\n")[:-1]
        translator = Translator.load(HERE / "run" / "best", threads=1)
        found = "".join(f"{each.text}\t{each.score!r}\n" for each in translator.translate(lines))
        (HERE / "translations.tsv").write_text(found, encoding="utf-8", newline="\n")
        for file in folder.iterdir():
            if file.is_file():
                shutil.copy(file, HERE / file.name)
        for file in HERE.rglob("*"):
            if file.suffix in (".yaml", ".json", ".jsonl", ".log", ".md") and file.is_file():
                text = file.read_text(encoding="utf-8")
                file.write_text(text.replace(name, PLACE), encoding="utf-8", newline="\n")
    configs = HERE / "configs"
    configs.mkdir()
    for file in (ROOT / "configs").glob("*.yaml"):
        shutil.copy(file, configs / file.name)


if __name__ == "__main__":
    main()

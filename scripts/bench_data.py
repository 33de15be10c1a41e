"""Measure time and memory from text to the first batch, for growing numbers of pairs.

    python scripts/bench_data.py [--pairs 100000 1000000 10000000] [--folder DIR] [--json FILE]

The pairs are synthetic, with 12 words a side on average, drawn from 50,000 words by Zipf's law. Two
processes are measured, with the greatest memory of each. The first is `nmt binarize`. The second
opens the corpus, plans an epoch and makes the first batch. The tokenizer is trained before. Memory
should stay flat, and the first batch should take seconds.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from nmt.runtime.processor import read_processor

WORDS = 50_000
MEAN_LENGTH = 12
_BLOCK = 50_000

FIRST_BATCH = """
import resource, sys, time
from pathlib import Path
began = time.perf_counter()
from nmt.config.load import load_config
from nmt.data.binary_dataset import Corpus
from nmt.training.batch_loader import BatchLoader
from nmt.tokenizers.tokenizer import TokenizerPair
from nmt.runtime.run_directory import RunDirectory
imported = time.perf_counter()
config = load_config(Path(sys.argv[1]), sys.argv[2:])
run = RunDirectory.from_config(config)
loader = BatchLoader(
    Corpus.open(run.data / "train"), TokenizerPair.load(run.tokenizer), 4096,
    config.tokenizer.sampling, 1,
)
opened = time.perf_counter()
plan = loader.plan(0)
planned = time.perf_counter()
next(iter(loader.batches(0, 0)))
made = time.perf_counter()
print(imported - began, opened - imported, planned - opened, made - planned, len(plan))
"""


def main() -> None:
    """Measure and print the table."""
    options = _options()
    print(read_processor().name, file=sys.stderr)
    print(
        "| pairs | text MB | binarize s | binarize MiB | open s | plan s | first batch s "
        "| loader MiB |\n|---|---|---|---|---|---|---|---|",
        flush=True,
    )
    rows = []
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        for pairs in options.pairs:
            rows.append(_measure(folder, pairs))
            print(_line(rows[-1]), flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def _measure(folder: Path, pairs: int) -> dict[str, Any]:
    config = _write_corpus(folder, pairs)
    nmt = [sys.executable, "-m", "nmt"]
    _run([*nmt, "tokenizer", str(config), "--force"])
    seconds, memory, _ = _run([*nmt, "binarize", str(config), "--force"])
    _, loader_memory, output = _run([sys.executable, "-c", FIRST_BATCH, str(config)])
    _, opened, planned, made, batches = map(float, output.split())
    return {
        "pairs": pairs,
        "text_mb": sum(path.stat().st_size for path in folder.glob("train.*")) / 1e6,
        "binarize_seconds": seconds,
        "binarize_mib": memory,
        "open_seconds": opened,
        "plan_seconds": planned,
        "first_batch_seconds": made,
        "loader_mib": loader_memory,
        "batches": int(batches),
    }


def _write_corpus(folder: Path, pairs: int) -> Path:
    random = np.random.default_rng(pairs)
    words = [[_word(number, consonants) for number in range(WORDS)] for consonants in _CONSONANTS]
    for name, count in (("train", pairs), ("dev", 100)):
        with (
            (folder / f"{name}.a").open("w", encoding="utf-8", newline="\n") as source,
            (folder / f"{name}.b").open("w", encoding="utf-8", newline="\n") as target,
        ):
            for begin in range(0, count, _BLOCK):
                lengths = 1 + random.poisson(MEAN_LENGTH - 1, min(_BLOCK, count - begin))
                chosen = ((random.zipf(1.3, lengths.sum()) - 1) % WORDS).tolist()
                ends = np.cumsum(lengths).tolist()
                for side, file in enumerate((source, target)):
                    text = [words[side][number] for number in chosen]
                    starts = [0, *ends[:-1]]
                    file.writelines(
                        " ".join(text[start:end]) + "\n"
                        for start, end in zip(starts, ends, strict=True)
                    )
    config = folder / "growth.yaml"
    config.write_text(
        f"run_dir: {folder / 'run'}\n"
        "data:\n"
        "  train: {source: train.a, target: train.b}\n"
        "  dev: {source: dev.a, target: dev.b}\n"
        "  exclude_overlap: false\n"
        "tokenizer: {kind: bpe, vocab_size: 4000, hard_vocab_limit: false}\n"
        "training: {max_updates: 1}\n",
        encoding="utf-8",
    )
    return config


_CONSONANTS = ("bdfgklmnprstvz", "cdhjlmnpqrstwx")


def _word(number: int, consonants: str) -> str:
    """Return a word whose syllables spell a number. Frequent words, of low numbers, are short."""
    syllables = [consonant + vowel for consonant in consonants for vowel in "aeiou"]
    word = syllables[number % len(syllables)]
    while number := number // len(syllables):
        word += syllables[number % len(syllables)]
    return word


def _run(command: list[str]) -> tuple[float, float, str]:
    """Run a command and measure it.

    Returns:
        The seconds, the greatest memory of its largest process in MiB, and its standard output.
    """
    program = (
        "import resource, subprocess, sys\n"
        "code = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL).returncode\n"
        "peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss\n"
        "print(f'peak {peak / 1024}', file=sys.stderr)\n"
        "sys.exit(code)\n"
    )
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", program, *command], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    peak = float(done.stderr.rpartition("peak ")[2])
    return time.perf_counter() - began, peak, done.stdout


def _line(row: dict[str, Any]) -> str:
    return (
        f"| {row['pairs']:,} | {row['text_mb']:.0f} | {row['binarize_seconds']:.1f} "
        f"| {row['binarize_mib']:.0f} | {row['open_seconds']:.2f} | {row['plan_seconds']:.2f} "
        f"| {row['first_batch_seconds']:.2f} | {row['loader_mib']:.0f} |"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pairs", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--folder", type=Path, help="where to work; default: the system's own")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


if __name__ == "__main__":
    main()

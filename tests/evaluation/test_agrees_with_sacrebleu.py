"""Significance against sacreBLEU's own command on the same files."""

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nmt.evaluation.significance import compare

REFERENCES = Path(__file__).parents[2] / "data" / "demo" / "test.en"
LINES, TRIALS, SEED = 60, 150, "7"
METRICS = ["bleu", "chrf", "ter"]
METHODS = {"bootstrap": "bs", "randomization": "ar"}
NUMBER = r"(\d+\.\d+)"


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """The references and two translations with other words in some places, and their files."""
    lines = REFERENCES.read_text(encoding="utf-8").split("\n")[:LINES]
    chosen = random.Random(3)

    def spoiled(share):
        return [
            " ".join("cat" if chosen.random() < share else word for word in line.split())
            for line in lines
        ]

    folder = tmp_path_factory.mktemp("texts")
    texts = {"ref": lines, "a": spoiled(0.14), "b": spoiled(0.2)}
    for name, text in texts.items():
        (folder / name).write_text("".join(f"{line}\n" for line in text), encoding="utf-8")
    return folder, texts


@pytest.mark.parametrize("method", METHODS)
def test_the_figures_are_those_of_its_command(texts, monkeypatch, method):
    folder, lines = texts
    kind = METHODS[method]
    command = [sys.executable, "-m", "sacrebleu", "ref", "-i", "a", "b", "-m", *METRICS]
    command += [f"--paired-{kind}", f"--paired-{kind}-n", str(TRIALS), "-w", "4", "-f", "text"]
    environment = {**os.environ, "SACREBLEU_SEED": SEED, "NO_COLOR": "1", "PYTHONUTF8": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True)
    printed = done.stdout.decode()
    # Cells follow each other line by line: two systems of three metrics, then p of the second.
    table = printed[: printed.index("╘")]
    cell = rf"{NUMBER} \({NUMBER} ± {NUMBER}\)" if kind == "bs" else rf" {NUMBER}  "
    cells, chances = re.findall(cell, table), re.findall(rf"p = {NUMBER}", table)
    assert (len(cells), len(chances)) == (6, 3)

    monkeypatch.setenv("SACREBLEU_SEED", SEED)
    for place, metric in enumerate(METRICS):
        found = compare(
            lines["a"], [lines["b"]], [lines["ref"]], metric, method=method, trials=TRIALS
        )
        (other,) = found.others
        assert f"{other.p:.4f}" == chances[place]
        for row, standing in enumerate([found.baseline, other]):
            theirs = cells[place + 3 * row]
            if kind == "ar":
                assert f"{standing.score:.4f}" == theirs
                continue
            low, high = standing.interval
            score, _, half = theirs  # the mean of the resamples is not among our figures
            assert (f"{standing.score:.4f}", f"{(high - low) / 2:.4f}") == (score, half)
        if kind == "bs":
            assert found.signature in printed

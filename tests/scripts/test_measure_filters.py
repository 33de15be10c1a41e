import importlib
import random
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

measure_filters = importlib.import_module("measure_filters")


def test_planted_faults_are_counted_by_filter(tmp_path, monkeypatch, capsys):
    rng = random.Random(1)
    words = [
        f"{first}{second}{third}ak" for first in "bdfg" for second in "aeio" for third in "lmn"
    ]
    lines = [rng.choices(words, k=rng.randint(4, 9)) for _ in range(400)]
    (tmp_path / "source").write_text("".join(f"{' '.join(x)}.\n" for x in lines), "utf-8")
    targets = "".join(f"{' '.join(word[::-1] for word in x)}.\n" for x in lines)
    (tmp_path / "target").write_text(targets, "utf-8")
    paths = [str(tmp_path / name) for name in ("source", "target")]
    monkeypatch.setitem(sys.modules, "py3langid", None)
    monkeypatch.setattr(measure_filters, "find_spec", lambda name: None)
    options = ["x", "--source", paths[0], "--target", paths[1], "--share", "0.02"]
    monkeypatch.setattr(sys, "argv", options)
    assert measure_filters.main() == 0
    told = capsys.readouterr()
    assert "py3langid is not installed" in told.err
    rows = [line.strip("|").split("|") for line in told.out.strip().split("\n")]
    table = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows}
    column = {name: number for number, name in enumerate(table["% dropped"])}
    assert table["pairs"][column["truncated target"]] == "8"
    assert table["identical sides"][column["copied source"]] == "100.0"
    assert table["other end"][column["truncated target"]] == "100.0"
    assert table["near duplicate"][column["near duplicate"]] == "100.0"
    assert table["all"][column["marks of a tool"]] == "100.0"


def test_faults_are_planted_once_into_each_pair():
    pairs = [(f"a {number}", f"b {number}") for number in range(100)]
    plants = {"copy": lambda pair, other, rng: (pair[0], pair[0]), "none": lambda *_: None}
    kinds, planted = measure_filters.plant_faults(pairs, plants, 0.1)
    assert ((kinds == "copy").sum(), (kinds == "good").sum()) == (10, 90)
    is_copy = np.array([source == target for source, target in planted])
    assert is_copy.tolist() == (kinds == "copy").tolist()
    assert sorted(source for source, _ in planted) == sorted(source for source, _ in pairs)

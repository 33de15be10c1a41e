"""The measures of the comparison of flags, on numbers that can be counted."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

bench = importlib.import_module("bench_quality_flags")


def test_auc_counts_pairs():
    assert bench.auc(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 1.0
    assert bench.auc(np.array([1.0]), np.array([1.0])) == 0.5
    assert bench.auc(np.array([0.0, 2.0]), np.array([1.0, 2.0])) == (0 + 0 + 1 + 0.5) / 4


def test_precision_takes_equal_values_alike():
    values = np.array([3.0, 2.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    wrong = np.array([1, 1, 0, 0, 1, 1, 1, 1, 1, 1], bool)
    assert bench.precision_at(values, wrong, 0.1) == 1.0
    assert bench.precision_at(values, wrong, 0.2) == pytest.approx((1 + 1 / 3) / 2)
    assert bench.precision_at(values, wrong, 0.4) == 0.5


def test_all_tables_are_made(tiny_bundle, tmp_path, monkeypatch, capsys):
    lines = "le chat noir .\nun chien dort .\nla maison est la .\n" * 4
    for name in ("source", "reference", "other"):
        (tmp_path / name).write_text(lines, encoding="utf-8")
    command = f"bench --model {tiny_bundle} --source {tmp_path / 'source'} --threads 1 --reference "
    command += f"{tmp_path / 'reference'} --planted 4 --other odd={tmp_path / 'other'}"
    monkeypatch.setattr(sys, "argv", command.split())
    assert bench.main() == 0
    told = capsys.readouterr().out
    assert "| risk | " in told and "| any | " in told
    assert "| only its first half | 4 | " in told and "| odd | 4 | " in told

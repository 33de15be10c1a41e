"""What benchmarks measure on a machine that they are told of."""

import importlib
import sys
from pathlib import Path

import pytest
import torch

from nmt.runtime.processor import Processor

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

measured_machine = importlib.import_module("measured_machine")


@pytest.mark.parametrize(
    ("flags", "expected", "told"),
    [
        ((), ["float32", "int8"], "left out: bfloat16, which this processor emulates\n"),
        (("avx512_bf16",), ["bfloat16", "float32", "int8"], ""),
    ],
)
def test_an_emulated_precision_is_left_out_aloud(monkeypatch, capsys, flags, expected, told):
    made_up = Processor("GenuineIntel", frozenset(flags), "A processor")
    monkeypatch.setattr(measured_machine, "read_processor", lambda: made_up)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert measured_machine.fast_precisions(["bfloat16", "float32", "int8"]) == expected
    assert capsys.readouterr().err == told
    assert measured_machine.describe_machine().startswith("A processor, ")


def test_rows_are_printed_as_they_are_measured(monkeypatch, capsys):
    bench_train = importlib.import_module("bench_train")
    printed = []

    def measure(*arguments):
        printed.append(capsys.readouterr().out)
        return {
            "model": "plain",
            "batch_size": 64,
            "precision": "float32",
            "target_tokens_per_second": 1.0,
            "ms_per_update": dict.fromkeys(bench_train.PARTS, 1.0),
            "padding": 0.0,
        }

    monkeypatch.setattr(bench_train, "_measure_plain", measure)
    monkeypatch.setattr(bench_train, "_measure", measure)
    options = ["--precision", "float32", "--models", "small", "--batch-size", "64"]
    few = ["--updates", "1", "--warm-up", "0"]
    monkeypatch.setattr(sys, "argv", ["bench_train.py", *options, *few])
    bench_train.main()
    assert printed[0].startswith("| model | batch |")
    assert printed[1].startswith("| plain | 64 | float32 |")

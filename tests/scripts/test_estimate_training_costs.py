"""What a configuration costs, counted by hand, and what configurations and README say of it."""

import importlib
import sys
from pathlib import Path

import pytest

from nmt.config.load import load_config

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

costs = importlib.import_module("estimate_training_costs")


@pytest.mark.parametrize(("tying", "output"), [("none", 300 * 16), ("target_output", 300 * 8)])
def test_the_cost_of_a_small_model(tiny_config, tying, output):
    changes = [f"model.tying={tying}", "training.accumulate=3", "model.decoder.start=zeros"]
    cost = costs.cost_of(load_config(tiny_config, changes))
    assert cost.tokens == 8 * 200 * 3
    encoder = 2 * 4 * 8 * (8 + 8)
    features = 16 if tying == "none" else 8
    decoder = 4 * 16 * (8 + features + 16)
    attention = 16 * 16 + 16 * 16  # of the query and of the annotations, 2 * 8 wide
    attentional = features * (16 + 16)
    assert cost.operations_per_token == 6 * (encoder + decoder + attention + attentional + output)


@pytest.mark.parametrize("path", costs.published(), ids=lambda path: path.name)
def test_heads_and_readme_tell_the_true_cost(path):
    cost = costs.cost_of(load_config(path))
    told = f"# Cost: {cost} (scripts/estimate_training_costs.py).\n"
    assert told in path.read_text(encoding="utf-8"), told
    row = costs.table([(path.name, cost)]).split("\n")[-1]
    assert f"{row}\n" in (ROOT / "configs" / "README.md").read_text(encoding="utf-8")


def test_the_table_is_printed(capsys):
    assert costs.main([str(ROOT / "configs" / "demo.yaml")]) == 0
    assert "| `demo.yaml` | " in capsys.readouterr().out
    assert costs.main([str(ROOT / "configs" / "none.yaml")]) == 2

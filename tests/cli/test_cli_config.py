"""`nmt config`, run in this process; tests/cli/test_cli_frame.py runs processes."""

import json

import pytest

from nmt.cli.app import run
from nmt.config.load import load_config
from nmt.config.reference import yaml_reference

RIGHT = """\
data: {train: {source: a, target: b}, validation_split: 0.1}
training: {max_updates: 9}
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(RIGHT, encoding="utf-8")
    return path


def test_show_prints_what_loads_as_the_same(path, tmp_path, capsys):
    assert run(["config", "show", str(path), "--set", "seed=7"]) == 0
    shown = tmp_path / "shown.yaml"
    shown.write_text(capsys.readouterr().out, encoding="utf-8")
    assert load_config(shown) == load_config(path, ["seed=7"])


def test_show_as_json(path, capsys):
    assert run(["config", "show", str(path), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["training"]["max_updates"] == 9
    assert shown["data"]["train"]["source"] == [str(path.parent / "a")]


def test_show_tells_what_is_wrong(path, capsys):
    assert run(["config", "show", str(path), "--set", "sed=7", "--set", "model.tying=x"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        f"nmt: error: 2 problems in {path}:\n"
        "--set sed: unknown key; did you mean seed?\n"
        "--set model.tying: expected one of none, source_target, target_output, all, got the text "
        "'x'\n"
    )


def test_explain(capsys):
    assert run(["config", "explain", "seed"]) == 0
    assert capsys.readouterr().out.startswith("seed\n  Seed of all random numbers.\n")
    assert run(["config", "explain"]) == 0
    assert "\n  training " in capsys.readouterr().out
    assert run(["config", "explain", "sed"]) == 2
    assert capsys.readouterr().err == "nmt: error: sed: unknown key; did you mean seed?\n"


def test_default_is_the_reference(capsys):
    assert run(["config", "default"]) == 0
    assert capsys.readouterr().out == yaml_reference()


def test_schema_is_json(capsys):
    assert run(["config", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Config"


def test_diff_of_a_file_and_a_run_folder(path, tmp_path, capsys):
    run_folder = tmp_path / "run"
    run_folder.mkdir()
    text = RIGHT.replace("9", "10") + "name: c\ndata2: 1\n"
    (run_folder / "config.yaml").write_text(text.replace("data2: 1\n", ""), encoding="utf-8")
    assert run(["config", "diff", str(path), str(run_folder)]) == 0
    assert capsys.readouterr().out == (
        f"data.train.source: [{tmp_path}/a] -> [{run_folder}/a]\n"
        f"data.train.target: [{tmp_path}/b] -> [{run_folder}/b]\n"
        "training.max_updates: 9 -> 10\n"
    )
    assert run(["config", "diff", "--json", str(path), str(run_folder)]) == 0
    assert json.loads(capsys.readouterr().out)[-1] == {
        "key": "training.max_updates",
        "old": 9,
        "new": 10,
    }
    assert run(["config", "diff", str(path), str(path)]) == 0
    assert capsys.readouterr().out == ""

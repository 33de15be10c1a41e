"""The table of the textbook experiments, with a trainer that does not train."""

import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from nmt.config.load import load_config
from nmt.errors import DataError, StoppedBySignal

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

textbooks = importlib.import_module("run_textbooks")

FIGURES = {
    "parameters": 100,
    "updates": 40,
    "planned": 40,
    "loss": 0.5,
    "dev_loss": 1.25,
    "seconds": 12.4,
    "pairs": 9,
    "bleu": 33.33,
    "bleu_is_noise": False,
    "chrf": 50.0,
    "right": 66.7,
    "sentences": {"Go.": "Va !"},
}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the script on texts that are there; `trained` lists what it trained."""
    trained = []

    def stub(config):
        trained.append(config.name)
        return dict(FIGURES)

    monkeypatch.setattr(textbooks, "run_experiment", stub)
    monkeypatch.setattr(textbooks, "get_texts", lambda folder, toys: None)

    def run(*arguments):
        output = ["--output", str(tmp_path / "t.json"), "--data", str(tmp_path)]
        return textbooks.main([*arguments, *output])

    run.trained = trained
    return run


def test_all_experiments_get_a_row(run, capsys):
    assert run() == 0
    table = capsys.readouterr().out
    names = list(textbooks.experiment_files())
    assert run.trained == names
    for name in names:
        assert f"\n| `{name}` | 33.3 | 50.0 | 67% | 0.50 | 1.25 | 12 | 40 |\n" in table
    assert "| `reversal` | Go. → Va ! |" in table


def test_what_is_finished_is_not_trained_again(run, tmp_path):
    assert run("reversal") == 0
    assert run("reversal", "addition") == 0
    assert run.trained == ["reversal", "addition"]
    assert run("reversal", "--minutes", "7") == 0  # another limit is another experiment
    assert run.trained == ["reversal", "addition", "reversal"]
    assert set(json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))["results"]) == {
        "addition",
        "reversal",
    }


def test_the_table_alone(run, capsys):
    assert run("--table") == 0
    assert capsys.readouterr().out == "no experiment is finished\n"
    assert run("reversal") == 0
    told = capsys.readouterr().out
    assert run("--table") == 0
    assert capsys.readouterr().out == told
    assert run.trained == ["reversal"]


def test_a_training_that_was_cut_says_so():
    cut = {"x": {**FIGURES, "updates": 1200, "planned": 75000, "bleu_is_noise": True}}
    assert "| `x` |  | 50.0 | 67% | 0.50 | 1.25 | 12 | 1,200 of 75,000 |" in (
        textbooks.results_table(cut)
    )


def test_one_failure_does_not_stop_the_others(run, monkeypatch, capsys):
    def fail(config):
        if config.name == "addition":
            raise DataError("no pairs")
        if config.name == "reversal":
            raise RuntimeError("a bug")
        return dict(FIGURES)

    monkeypatch.setattr(textbooks, "run_experiment", fail)
    assert run("addition", "reversal", "transliteration") == 1
    out, err = capsys.readouterr()
    assert "| `transliteration` |" in out
    assert "failed: addition: no pairs\nfailed: reversal: RuntimeError: a bug\n" in err


def test_a_signal_stops_all(run, monkeypatch):
    def stop(config):
        raise StoppedBySignal("stopped", 15)

    monkeypatch.setattr(textbooks, "run_experiment", stop)
    assert run("addition", "reversal") != 0


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [(["sorting"], 2, "sorting: no such experiment; choose among addition,")],
)
def test_unknown_experiments_are_refused(run, capsys, arguments, code, told):
    assert run(*arguments) == code
    assert told in capsys.readouterr().err
    assert run.trained == []


@pytest.mark.parametrize("text", ["nothing", "[]", '{"results": 3}'])
def test_a_file_of_something_else_is_refused(run, tmp_path, capsys, text):
    (tmp_path / "t.json").write_text(text, encoding="utf-8")
    assert run("reversal") == 3
    assert "has no earlier results" in capsys.readouterr().err
    assert (tmp_path / "t.json").read_text(encoding="utf-8") == text


def test_settings_of_the_command_hold(run, tmp_path):
    options = SimpleNamespace(
        output=tmp_path / "t.json", data=tmp_path, minutes=0.5, set=["runtime.threads=1"]
    )
    path = textbooks.experiment_files()["reversal"]
    config = textbooks._load(path, options)
    assert config.training.max_time == "0.5m"
    assert config.runtime.threads == 1
    assert config.run_dir == tmp_path / "t.runs" / "reversal"
    assert config.data.test[0].source == (tmp_path / "toy.reversal" / "test.source",)


def test_a_small_run_is_measured(trained, tiny_config):
    """Train a tiny model and translate the test pairs that are like those of train."""
    folder = tiny_config.parent
    for side, lines in (
        ("fr", ["un deux", "un " * 50, "trois"]),
        ("en", ["one two", "x", "three"]),
    ):
        text = "".join(f"{line.strip()}\n" for line in lines)
        (folder / f"test.{side}").write_text(text, encoding="utf-8")
    test = f"data.test={{source: {folder}/test.fr, target: {folder}/test.en}}"
    run = trained("training.max_updates=2")
    config = load_config(tiny_config, [f"run_dir={run.path}", "training.max_updates=2", test])
    assert textbooks.held_out_pairs(config, run) == (["un deux", "trois"], ["one two", "three"])
    figures = textbooks.training_figures(config, run)
    assert (figures["updates"], figures["planned"]) == (2, 2)
    found = textbooks._test_figures(config, run)
    assert found["pairs"] == 2
    assert list(found["sentences"]) == ["un deux", "trois"]


def test_the_corpus_is_taken_from_beside_the_repository(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(textbooks, "SHARED_CORPUS", tmp_path)
    monkeypatch.setattr(textbooks.get_data, "main", lambda arguments: asked.append(arguments) or 0)
    textbooks.get_texts(tmp_path / "data", toys=False)
    assert asked == [
        ["tatoeba.fra-eng", "--output", str(tmp_path / "data"), "--from", str(tmp_path)]
    ]
    monkeypatch.setattr(textbooks.get_data, "main", lambda arguments: 3)
    with pytest.raises(DataError, match="could not be prepared"):
        textbooks.get_texts(tmp_path / "data", toys=False)


def test_toy_tasks_are_written_where_they_are_wanted(tmp_path, monkeypatch):
    toys = importlib.import_module("make_toy_tasks")
    monkeypatch.setattr(toys, "SIZES", {"train": 20, "dev": 2, "test": 2})
    (tmp_path / "tatoeba.fra-eng").mkdir()
    (tmp_path / "tatoeba.fra-eng" / "train.eng.gz").touch()
    textbooks.get_texts(tmp_path, toys=True)
    assert (tmp_path / "toy.addition" / "train.source").read_bytes().count(b"\n") == 20


def test_experiments_with_the_same_texts_and_tokens_share_them(tmp_path):
    names = ("luong2015-small-dot", "luong2015-small-general", "d2l-attention")
    configs = [load_config(textbooks.FOLDER / f"{name}.yaml") for name in names]
    one, other, third = (textbooks.share_preparation(each, tmp_path) for each in configs)
    assert (one.data.dir, one.tokenizer.dir) == (other.data.dir, other.tokenizer.dir)
    assert one.data.dir.is_relative_to(tmp_path)
    assert third.data.dir != one.data.dir

"""The toy tasks: what the examples say, and that a seed decides them."""

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

toys = importlib.import_module("make_toy_tasks")


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(toys, "SIZES", {"train": 40, "dev": 5, "test": 5})


def test_examples_are_right():
    def pairs(task):
        return [pair for text in toys.make_examples(task).values() for pair in text]

    for source, target in pairs("copying"):
        assert source == target
        assert 3 <= len(source.split(" ")) <= 8
    for source, target in pairs("reversal"):
        assert [*source] == [*reversed(target)]
    for source, target in pairs("addition"):
        assert sum(map(int, source.split("+"))) == int(target)
    for source, target in pairs("transliteration"):
        assert toys.transliterate(source) == target
        assert target.isascii()


@pytest.mark.parametrize(
    ("word", "latin"),
    [("щука", "shchuka"), ("ель", "yel"), ("поезд", "poyezd"), ("лето", "leto"), ("", "")],
)
def test_transliteration(word, latin):
    assert toys.transliterate(word) == latin


@pytest.mark.parametrize("task", list(toys.TASKS))
def test_texts_share_no_example(task):
    texts = toys.make_examples(task)
    assert {name: len(pairs) for name, pairs in texts.items()} == toys.SIZES
    sources = [source for pairs in texts.values() for source, _ in pairs]
    assert len(set(sources)) == len(sources)


def test_the_seed_decides(tmp_path):
    assert toys.make_examples("copying", 1) == toys.make_examples("copying", 1)
    assert toys.make_examples("copying", 1) != toys.make_examples("copying", 2)


def test_files_have_as_many_lines(tmp_path, capsys):
    assert toys.main(["reversal", "--output", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'toy.reversal'}\n"
    for name, size in toys.SIZES.items():
        for side in ("source", "target"):
            text = (tmp_path / "toy.reversal" / f"{name}.{side}").read_bytes()
            assert text.count(b"\n") == size


def test_an_unknown_task_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        toys.main(["sorting", "--output", str(tmp_path)])
    assert stop.value.code == 2
    assert "sorting: no such task" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())

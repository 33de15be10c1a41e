"""The recipes of CONTRIBUTING.md, followed to the letter: a class and a line make a new kind."""

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

from nmt.cli.app import run
from nmt.config import registry
from nmt.config.key_index import all_keys
from nmt.config.reference import explain
from nmt.config.registry import Kind, Registry, TokenizerKind

TEXT = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTION = re.compile(r"^### [^\n]* \(`(\w+)`\)\n(.*?)(?=^##)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


class Recipe(NamedTuple):
    """The name of a table, the code of a new kind, and its line in the table."""

    table: str
    code: str
    line: str


RECIPES = {
    table: Recipe(table, *BLOCK.findall(section)) for table, section in SECTION.findall(TEXT)
}
KEYS = {
    "ATTENTIONS": "model.attention.kind",
    "OPTIMIZERS": "training.optimizer.kind",
    "SCHEDULES": "training.schedule.kind",
    "LENGTH_PENALTIES": "search.length_penalty",
    "TOKENIZERS": "tokenizer.kind",
}


@pytest.fixture
def added(monkeypatch):
    """Follow a recipe, and return the name of the new kind."""

    def follow(table):
        recipe = RECIPES[table]
        scope = {"Kind": Kind, "TokenizerKind": TokenizerKind}
        ((name, kind),) = eval(f"{{{recipe.line}}}", scope).items()
        module = ModuleType("a_new_kind")
        exec(recipe.code, module.__dict__)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        target = kind.target.partition(":")[2]
        here = type(kind)(**{**vars(kind), "target": f"{module.__name__}:{target}"})
        monkeypatch.setitem(getattr(registry, table).kinds, name, here)
        all_keys.cache_clear()
        return name

    yield follow
    monkeypatch.undo()
    all_keys.cache_clear()


def test_there_is_a_recipe_for_each_table_of_kinds_that_people_extend():
    assert {*KEYS, "SCORE_METRICS"} == RECIPES.keys()
    assert all(isinstance(getattr(registry, table), Registry) for table in RECIPES)


@pytest.mark.parametrize("table", KEYS)
def test_a_new_kind_can_be_configured_and_trains_and_translates(table, added, tiny_config, capsys):
    name, key = added(table), KEYS[table]
    assert name in explain(key)
    folder = tiny_config.parent
    command = ["train", str(tiny_config), "--set", f"run_dir={folder / 'run'}"]
    assert run([*command, "--set", f"{key}={name}"]) == 0
    capsys.readouterr()
    texts = ["translate", "-m", str(folder / "run"), "-i", str(folder / "dev.fr")]
    assert run([*texts, "--threads", "1"]) == 0
    assert capsys.readouterr().out.count("\n") == 20


def test_a_new_metric_scores(added, tmp_path, capsys):
    name = added("SCORE_METRICS")
    for file, text in (("a", "a small cat\n"), ("b", "a small dog\n")):
        (tmp_path / file).write_text(text, encoding="utf-8")
    command = ["score", str(tmp_path / "a"), "--ref", str(tmp_path / "b"), "--metric", name]
    assert run(command) == 0
    assert capsys.readouterr().out.startswith("chrF2+ = ")

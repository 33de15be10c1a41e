"""The recipes of CONTRIBUTING.md, followed to the letter."""

import ast
import re
import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest
from pydantic import Field
from pydantic.fields import FieldInfo
from test_docstrings import problems, public_functions

from nmt.cli import app, help_topics, info
from nmt.cli.app import run
from nmt.config import registry
from nmt.config.key_index import all_keys
from nmt.config.load import load_config
from nmt.config.reference import explain
from nmt.config.registry import Kind, Registry, TokenizerKind
from nmt.config.settings import Config, DataSettings, RuntimeSettings

TEXT = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
TABLE = re.compile(r"\(`(\w+)`\)$")
BLOCK = re.compile(r"^```(python|diff)\n(.*?)^```", re.MULTILINE | re.DOTALL)
CLASS = re.compile(r"^class (\w+)", re.MULTILINE)
MOST_LINES = 25


class Recipe(NamedTuple):
    """The lines of a recipe without blank ones, and its blocks."""

    lines: int
    blocks: list[str]


def read_recipes():
    """Return the recipes, by the name of the table or by the title."""
    starts = [match.start() for match in re.finditer(r"^##+ ", TEXT, re.MULTILINE)]
    for start, end in pairwise([*starts, len(TEXT)]):
        title, _, body = TEXT[start:end].partition("\n")
        blocks = [block for _, block in BLOCK.findall(body)]
        if title.startswith("### ") and blocks:
            table = TABLE.search(title)
            lines = sum(bool(line.strip()) for line in body.splitlines())
            yield table[1] if table else title[4:], Recipe(lines, blocks)


RECIPES = dict(read_recipes())
KEYS = {
    "CELLS": ("model.encoder.cell", "model.decoder.cell"),
    "ATTENTIONS": ("model.attention.kind",),
    "WINDOWS": ("model.attention.window",),
    "NORMALIZERS": ("model.attention.normalizer",),
    "DECODER_STARTS": ("model.decoder.start",),
    "OUTPUTS": ("model.output.kind",),
    "GUIDANCE_COSTS": ("training.guided_alignment.cost",),
    "ALIGNERS": ("training.guided_alignment.aligner",),
    "OPTIMIZERS": ("training.optimizer.kind",),
    "SCHEDULES": ("training.schedule.kind",),
    "LENGTH_PENALTIES": ("search.length_penalty",),
    "UTILITIES": ("search.mbr",),
    "TOKENIZERS": ("tokenizer.kind",),
}
NEEDED = {"GUIDANCE_COSTS": ["training.guided_alignment.aligner=ibm1"]}
"""The settings without which a kind has nothing to do."""


@pytest.fixture
def new_module(monkeypatch):
    """Make a module of some code."""

    def make(code, name="a_new_module"):
        module = ModuleType(name)
        exec(compile(code, name, "exec"), module.__dict__)
        monkeypatch.setitem(sys.modules, name, module)
        return module

    return make


@pytest.fixture
def add_kind(monkeypatch, new_module):
    """Write the class and the line of a recipe, and return the name of the new kind."""

    def add(table):
        code, *_, line = RECIPES[table].blocks
        ((name, kind),) = eval(
            f"{{{line}}}", {"Kind": Kind, "TokenizerKind": TokenizerKind}
        ).items()
        module = new_module(code)
        target = kind.target.partition(":")[2]
        here = type(kind)(**{**vars(kind), "target": f"{module.__name__}:{target}"})
        monkeypatch.setitem(getattr(registry, table).kinds, name, here)
        all_keys.cache_clear()
        return name

    yield add
    monkeypatch.undo()
    all_keys.cache_clear()


@pytest.fixture
def add_field():
    """Write the field of a recipe into a class of settings, and return its name."""
    added = []

    def rebuild(section):
        for settings in (section, Config):
            settings.model_rebuild(force=True)
        all_keys.cache_clear()

    def add(section, field):
        scope = {"Field": Field}
        exec(field, scope)
        ((name, annotation),) = scope["__annotations__"].items()
        info = FieldInfo.from_annotated_attribute(annotation, scope[name])
        section.__pydantic_fields__[name] = info
        added.append((section, name))
        rebuild(section)
        return name

    yield add
    for section, name in added:
        del section.__pydantic_fields__[name]
        rebuild(section)


def changed(module, *differences):
    """Return the source of a module with the changes of a recipe."""
    source = Path(module.__file__).read_text(encoding="utf-8")
    for difference in differences:
        lines = difference.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if not line.startswith("+"))
        new = "".join(line[1:] for line in lines if not line.startswith("-"))
        assert source.count(old) == 1, difference
        source = source.replace(old, new)
    return source


def test_there_is_a_recipe_for_all_that_people_extend():
    tables = {name for name, value in vars(registry).items() if isinstance(value, Registry)}
    alike = {"DEV_METRICS", "TUNING_METRICS"}
    complete = {"LETTER_CASES"}
    assert (tables - alike - complete) | {"A key", "An option", "A command"} == RECIPES.keys()


def test_a_recipe_is_short():
    assert {name for name, recipe in RECIPES.items() if recipe.lines > MOST_LINES} == set()


def test_a_recipe_passes_the_checks_of_names_and_docstrings():
    package = Path(app.__file__).parents[1]
    present = {
        name for file in package.rglob("*.py") for name in CLASS.findall(file.read_text("utf-8"))
    }
    for name, recipe in RECIPES.items():
        if name in ("A key", "An option"):
            continue
        code = recipe.blocks[0]
        assert not {*CLASS.findall(code)} & present
        for function in public_functions(ast.parse(code)):
            assert list(problems(function, is_command=name == "A command")) == []


@pytest.mark.parametrize("table", KEYS)
def test_a_new_kind_can_be_configured_and_trains_and_translates(
    table, add_kind, tiny_config, capsys
):
    name, keys = add_kind(table), KEYS[table]
    assert all(name in explain(key) for key in keys)
    folder = tiny_config.parent
    command = ["train", str(tiny_config), "--set", f"run_dir={folder / 'run'}"]
    for setting in [*NEEDED.get(table, ()), *(f"{key}={name}" for key in keys)]:
        command += ["--set", setting]
    assert run(command) == 0
    capsys.readouterr()
    texts = ["translate", "-m", str(folder / "run"), "-i", str(folder / "dev.fr")]
    assert run([*texts, "--threads", "1"]) == 0
    assert capsys.readouterr().out.count("\n") == 20


def test_a_new_metric_scores(add_kind, tmp_path, capsys):
    name = add_kind("SCORE_METRICS")
    for file, text in (("a", "a small cat\n"), ("b", "a small dog\n")):
        (tmp_path / file).write_text(text, encoding="utf-8")
    command = ["score", str(tmp_path / "a"), "--ref", str(tmp_path / "b"), "--metric", name]
    assert run(command) == 0
    assert capsys.readouterr().out.startswith("chrF2+ = ")


def test_a_new_combination_translates(add_kind, tiny_bundle, tmp_path, capsys):
    name = add_kind("COMBINATIONS")
    (tmp_path / "text").write_text("un\n", encoding="utf-8")
    models = ["-m", str(tiny_bundle), "-m", str(tiny_bundle)]
    assert run(["translate", *models, "--combine", name, "-i", str(tmp_path / "text")]) == 0
    assert capsys.readouterr().out.count("\n") == 1


def test_a_new_corpus_format_is_read(add_kind, tiny_config, tmp_path, capsys):
    name = add_kind("PAIR_FORMATS")
    sides = [(tmp_path / f"train.{side}").read_text().split("\n")[:-1] for side in ("fr", "en")]
    rows = "".join(f"{source} ||| {target}\n" for source, target in zip(*sides, strict=True))
    (tmp_path / "train.bars").write_text(rows, encoding="utf-8")
    output = tmp_path / "made.yaml"
    command = ["init", "--pairs", str(tmp_path / "train.bars"), "--format", name]
    assert run([*command, "-o", str(output)]) == 0
    assert "train: 200 pairs" in capsys.readouterr().err
    assert load_config(output).data.train[0].format == name


def test_a_new_filter_drops_pairs_where_its_key_is_set(add_kind, add_field, tiny_config, capsys):
    reason, key = add_kind("FILTERS"), add_field(DataSettings, RECIPES["FILTERS"].blocks[1])
    for side, extra in (("fr", "oui 1\noui 2\noui\n"), ("en", "yes 1\nyes 3\nyes 4\n")):
        with (tiny_config.parent / f"train.{side}").open("a", encoding="utf-8") as file:
            file.write(extra)
    command = ["binarize", str(tiny_config), "--set", f"run_dir={tiny_config.parent / 'run'}"]
    assert run(command) == 0
    assert reason not in capsys.readouterr().err
    assert run([*command, "--set", f"data.{key}=true"]) == 0
    assert re.search(rf"\n  {reason} +2 \(0.99%\)  line 202, 203\n", capsys.readouterr().err)
    assert run(command) == 0
    assert "203 pairs read, 203 kept" in capsys.readouterr().err


def test_a_new_key_is_documented_checked_and_set(add_field, tiny_config, capsys):
    name = add_field(RuntimeSettings, RECIPES["A key"].blocks[0])
    key = f"runtime.{name}"
    assert run(["config", "explain", key]) == 0
    text = capsys.readouterr().out
    assert RuntimeSettings.model_fields[name].description in text
    assert "type:    a whole number >= 0 and <= 19\n  default: 0" in text
    assert run(["config", "default"]) == 0
    assert f"\n  {name}: 0" in capsys.readouterr().out
    assert getattr(load_config(tiny_config, [f"{key}=5"]).runtime, name) == 5
    assert run(["config", "show", str(tiny_config), "--set", f"{key}=20"]) == 2
    assert key in capsys.readouterr().err


def test_a_new_option_takes_effect(monkeypatch, new_module, tiny_bundle, capsys):
    renamed = new_module(changed(info, *RECIPES["An option"].blocks))
    table = [each for each in app.app.registered_commands if each.callback is not info.info]
    monkeypatch.setattr(app.app, "registered_commands", table)
    app.app.command()(renamed.info)
    assert run(["info", "--help"]) == 0
    assert "--first N" in capsys.readouterr().out
    assert run(["info", str(tiny_bundle), "--first", "2"]) == 0
    assert capsys.readouterr().out.count("\n") == 2


def test_a_new_command_runs(new_module, tiny_config, capsys):
    code, *differences = RECIPES["A command"].blocks
    new_module(code, "nmt.cli.languages")
    commands = new_module(changed(app, *differences))
    assert commands.run(["--help"]) == 0
    assert "\n  languages " in capsys.readouterr().out
    assert commands.run(["languages", str(tiny_config), "--set", "data.target_language=en"]) == 0
    assert capsys.readouterr().out == "source en\n"


def test_a_new_topic_is_listed_and_shown(tmp_path, monkeypatch, capsys):
    page = re.search(r"^````markdown\n(.*?)^````", TEXT, re.MULTILINE | re.DOTALL)[1]
    (tmp_path / "quantization.md").write_text(page, encoding="utf-8")
    monkeypatch.setattr(help_topics, "DOCS", tmp_path)
    assert run(["help"]) == 0
    summary = "Make a model smaller by rounding its parameters."
    assert f"  quantization  {summary}\n" in capsys.readouterr().out
    assert run(["help", "quantization"]) == 0
    assert "$ nmt config explain" in capsys.readouterr().out

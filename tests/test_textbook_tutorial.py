"""The tutorial for students: its commands run, and the names in it exist. The run is slow."""

import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nmt.config.load import load_config

ROOT = Path(__file__).resolve().parent.parent
TUTORIAL = ROOT / "nmt" / "docs" / "textbook-tutorial.md"
CONFIGS = sorted((ROOT / "configs" / "tutorial").glob("*.yaml"))
FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)

NMT = """#!/bin/sh
if [ "$1" = train ]; then
  set -- "$@" --set training.max_updates=2 --set training.validation.every_updates=2 \\
    --set training.schedule.warmup_updates=1 --set model.encoder.hidden_size=16 \\
    --set model.decoder.hidden_size=16 --set runtime.threads=1 --device cpu
fi
exec {python} -m nmt "$@"
"""


def commands():
    """Return the commands of the tutorial in order, each with the output that is shown."""
    found = []
    for indent, language, body in FENCE.findall(TUTORIAL.read_text(encoding="utf-8")):
        text = re.sub(rf"^{indent}", "", body, flags=re.MULTILINE)
        if language == "sh":
            found.append((text, ""))
        elif language == "console":
            for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, shown = re.match(
                    r"((?:[^\n]*\\\n)*[^\n]*\n?)(.*)", part, re.DOTALL
                ).groups()
                found.append((command, shown))
    return found


def named_parts():
    """Return (file, name) of each row of a table that names a class or method of the model."""
    text, found = TUTORIAL.read_text(encoding="utf-8"), []
    for line in text.splitlines():
        found += re.findall(r"`(nmt/model/\w+\.py)` \| `([\w.]+)` \|$", line)
    scores = re.findall(r"\| `(\w+Attention)` \|$", text, re.MULTILINE)
    return found + [("nmt/model/attention.py", name) for name in scores]


def test_the_tutorial_names_many_parts():
    assert len(named_parts()) >= 18


@pytest.mark.parametrize(("file", "name"), named_parts())
def test_each_part_that_it_names_exists(file, name):
    part = importlib.import_module(file.removesuffix(".py").replace("/", "."))
    for attribute in name.split("."):
        part = getattr(part, attribute)
    assert part.__module__ == file.removesuffix(".py").replace("/", ".")


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_tutorial_shows_the_model_of_each_configuration(path):
    text = path.read_text(encoding="utf-8")
    shown = text[text.index("preset:") : text.index("\ntraining:")]
    assert f"```yaml\n{shown}```" in TUTORIAL.read_text(encoding="utf-8")
    assert f"configs/tutorial/{path.name}" in TUTORIAL.read_text(encoding="utf-8")
    assert load_config(path).name == path.stem


@pytest.mark.slow
def test_the_commands_run_in_order(tmp_path):
    shutil.copytree(ROOT / "configs" / "tutorial", tmp_path / "configs" / "tutorial")
    (tmp_path / "data" / "demo").mkdir(parents=True)
    for path in (ROOT / "data" / "demo").iterdir():
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        (tmp_path / "data" / "demo" / path.name).write_text("".join(lines[:40]), encoding="utf-8")
    program = tmp_path / "bin" / "nmt"
    program.parent.mkdir()
    program.write_text(NMT.format(python=sys.executable), encoding="utf-8")
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    for command, shown in commands():
        process = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        is_refused = shown.startswith("nmt: error:")
        assert (process.returncode != 0) == is_refused, f"{command}\n{process.stderr}"
    page = (tmp_path / "runs" / "attention.html").read_text(encoding="utf-8")
    assert page.lower().startswith("<!doctype html>")
    for word in ("chat", "Bahdanau", "tapis"):
        assert word.lower() in page.lower()

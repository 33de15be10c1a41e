"""The commands of the tutorial work one after the other. Slow: `make slow`."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "data" / "demo"

LINES = {"train": 1500, "dev": 40, "test": 40}
"""The number of lines of each text of the demonstration that the test keeps."""

SERVE = """\
nmt serve --port 0 2> serve.log &
until grep -q "serving at" serve.log; do kill -0 $!; sleep 0.2; done
kill -TERM $!
wait $! || test $? = 143"""

SHORTER = {
    r" --budget 5m": "",
    r"(?m)^nmt train my\.yaml$": "nmt train my.yaml --set training.max_updates=24 "
    "--set training.validation.every_updates=12 --set model.encoder.hidden_size=32 "
    "--set model.decoder.hidden_size=32",
    r"(?m)^nmt serve$": SERVE,
}
"""Patterns of commands that would take long, and what the test runs instead of each."""


def test_the_commands_of_the_tutorial_work_in_order(tmp_path):
    make_short_texts(tmp_path / "data" / "demo")
    script = tmp_path / "tutorial.sh"
    commands = shortened("\n".join(["set -eo pipefail", *shell_blocks("tutorial")]))
    script.write_text(commands, encoding="utf-8")
    command = tmp_path / "bin" / "nmt"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m nmt "$@"\n')
    command.chmod(0o755)
    environment = {"PATH": f"{command.parent}:/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [shutil.which("bash"), str(script)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    translated = (tmp_path / "tutorial" / "test.hypotheses.en").read_text(encoding="utf-8")
    assert translated.count("\n") == LINES["test"]
    assert (tmp_path / "tutorial" / "fr-en.nmt").is_file()


def make_short_texts(folder):
    folder.mkdir(parents=True)
    for part, count in LINES.items():
        for language in ("fr", "en"):
            lines = (DEMO / f"{part}.{language}").read_text(encoding="utf-8").split("\n")
            text = "".join(f"{line}\n" for line in lines[:count])
            (folder / f"{part}.{language}").write_text(text, encoding="utf-8")


def shell_blocks(topic):
    text = (ROOT / "nmt" / "docs" / f"{topic}.md").read_text(encoding="utf-8")
    return re.findall(r"```sh\n(.*?)```", text, re.DOTALL)


def shortened(script):
    for pattern, replacement in SHORTER.items():
        script, count = re.subn(pattern, replacement, script)
        assert count == 1, pattern
    return script

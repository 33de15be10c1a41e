"""Commands in odd places: no home, no terminal, another locale, folders of any name."""

import os
import pty
import subprocess
import sys

import pytest
from processes import NMT, python

from nmt.errors import UsageError

PLAIN = {key: value for key, value in os.environ.items() if not key.startswith("LC_")}
ODD = "à côté — 日本 'x' [1]"
TEXT = "le chat noir\n\n日本 😀\n".encode()

# What a locale that is not UTF-8 is like where Python is kept from mending it.
NO_UTF8 = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def nmt(*arguments, given=b"", environment, cwd):
    return subprocess.run(
        [sys.executable, "-m", "nmt", *map(str, arguments)],
        input=given,
        capture_output=True,
        env=environment,
        cwd=cwd,
        check=False,
    )


@pytest.fixture
def odd(tiny_bundle, tmp_path):
    """A folder whose name is anything but plain, with a link to a model in it."""
    folder = tmp_path / ODD
    folder.mkdir()
    (folder / "modèle").symlink_to(tiny_bundle)
    return folder


@pytest.mark.parametrize(
    "changes",
    [
        {**NO_UTF8, "TERM": "dumb", "NO_COLOR": "1", "HOME": "/nowhere/at/all"},
        {"LC_ALL": "C", "HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null", "TMPDIR": "/nowhere"},
    ],
    ids=str,
)
def test_the_translation_is_the_same_everywhere(odd, changes):
    command = ("translate", "--model", "modèle", "--input", "entrée.txt", "--output", "sörtie.txt")
    (odd / "entrée.txt").write_bytes(TEXT)
    plain = (*NMT, "translate", "--model", "modèle")
    expected = python(*plain, given=TEXT, env=PLAIN, cwd=odd)
    assert (expected.returncode, expected.stdout.count(b"\n")) == (0, 3)
    done = nmt(*command, environment={**PLAIN, **changes}, cwd=odd)
    assert done.returncode == 0, done.stderr
    assert (odd / "sörtie.txt").read_bytes() == expected.stdout
    assert b"\x1b" not in done.stderr
    assert sorted(path.name for path in odd.iterdir()) == ["entrée.txt", "modèle", "sörtie.txt"]


def test_corpora_are_made_without_a_home_in_an_odd_place_and_locale(tiny_config, tmp_path):
    folder = tmp_path / ODD
    folder.mkdir()
    for path in [tiny_config, *tmp_path.glob("*.fr"), *tmp_path.glob("*.en")]:
        path.rename(folder / path.name)
    environment = {**PLAIN, "LC_ALL": "C", "HOME": "/nowhere/at/all", "TERM": "dumb"}
    done = nmt("binarize", folder / tiny_config.name, environment=environment, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, b""), done.stderr
    assert (tmp_path / "runs" / "tiny" / "data" / "manifest.json").exists()


def test_a_name_that_is_not_utf8_is_told(tiny_config, tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system has no such names")
    for path in [tiny_config, *tmp_path.glob("*.fr"), *tmp_path.glob("*.en")]:
        path.rename(folder / path.name)
    path = folder / tiny_config.name
    done = nmt("binarize", path, environment={**PLAIN, "LC_ALL": "C.UTF-8"}, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (UsageError.exit_code, b"")
    assert b"nmt: error: " in done.stderr
    assert b"caf\\udce9" in done.stderr
    assert b"is not valid UTF-8" in done.stderr


@pytest.mark.parametrize("line", ["run_dir: é/run", "name: modèle"])
def test_a_run_that_the_locale_cannot_name_is_told(tiny_config, tmp_path, line):
    with tiny_config.open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
    done = nmt("train", tiny_config, environment={**PLAIN, **NO_UTF8}, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (UsageError.exit_code, b"")
    assert b"run_dir" in done.stderr
    assert b"is not encodable in this locale (ascii); set PYTHONUTF8=1" in done.stderr


@pytest.mark.parametrize("changes", [{"NO_COLOR": "1"}], ids=str)
def test_a_terminal_without_colours_gets_none(odd, changes):
    """stdout and stderr are terminals here; stdin is none."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "nmt", "attention", "--model", "modèle"]
    with subprocess.Popen(
        command,
        cwd=odd,
        stdin=subprocess.PIPE,
        stdout=theirs,
        stderr=theirs,
        env={**PLAIN, **changes},
    ) as process:
        os.close(theirs)
        assert process.stdin is not None
        process.stdin.write(b"le chat\n")
        process.stdin.close()
        shown = _all_of(ours)
        assert process.wait() == 0, shown
    assert b"le chat" in shown
    assert b"\x1b[3" not in shown
    assert b"\x1b[4" not in shown


def _all_of(terminal):
    """What is written to a terminal until its last writer has gone."""
    parts = []
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # Linux tells the end of a terminal by an error
            part = b""
        if not part:
            os.close(terminal)
            return b"".join(parts)
        parts.append(part)

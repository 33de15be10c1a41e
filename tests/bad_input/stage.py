"""A folder with all that the commands work on, one wrong thing in it, and what a command says."""

import contextlib
import io
import os
import random
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from nmt.cli.app import run

Change = bytes | None | Callable[[Path], None]
"""What becomes of a file before the command: other content, none at all, or what a function does
to it.
"""

_CONFIG = """\
data:
  train: {source: train.fr, target: train.en}
  dev: {source: dev.fr, target: dev.en}
  exclude_overlap: false
tokenizer: {kind: bpe, vocab_size: 300, hard_vocab_limit: false}
model: {embedding_size: 8, encoder: {hidden_size: 8}, decoder: {hidden_size: 16}}
training:
  batch_size: 400
  max_updates: 2
  validation: {every_updates: 2, samples: 1}
runtime: {device: cpu, precision: float32, threads: 1}
"""
_WORDS = {
    "fr": ["un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix"],
    "en": ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"],
}
_BEFORE_THE_ERROR = re.compile(r"(.*?\n)??(?=nmt: error: |nmt: internal error: |\Z)", re.S)


@dataclass(frozen=True)
class Case:
    """One wrong input and the right answer.

    wrong: what is wrong, in words; command: after `nmt`; code: of its exit; says: words that stderr
    must have; files: what is changed on the stage; out: lines on stdout; long: whether the message
    has a line for each problem, setting or reason, and so perhaps more than three; makes: what may
    appear or change, as patterns of names.
    """

    wrong: str
    command: str
    code: int
    says: tuple[str, ...]
    files: Mapping[str, Change] = field(default_factory=dict)
    stdin: bytes = b""
    environment: Mapping[str, str] = field(default_factory=dict)
    out: int = 0
    long: bool = False
    makes: tuple[str, ...] = ()

    def prepare(self, folder: Path) -> None:
        """Put the wrong thing on a stage."""
        for name, change in self.files.items():
            path = folder / name
            if change is None:
                path.unlink()
            elif isinstance(change, bytes):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(change)
            else:
                change(path)


def case(wrong: str, command: str, code: int, *says: str, **more: Any) -> Case:
    """A case in the order in which one tells it."""
    return Case(wrong, command, code, says, **more)


@dataclass(frozen=True)
class Outcome:
    """What a command did. told: all of stderr; changed: files that appeared, changed or went."""

    code: int
    out: str
    told: str
    changed: tuple[str, ...]

    @property
    def message(self) -> str:
        """The last message of stderr: that of the error, else all that was told."""
        before = _BEFORE_THE_ERROR.match(self.told)
        assert before is not None
        return (self.told[before.end() :] or self.told).removesuffix("\n")

    @property
    def failures(self) -> str:
        """The lines on stdout by which `nmt doctor` tells what fails."""
        return "\n".join(line for line in self.out.split("\n") if line.startswith("fail "))


def make_stage(folder: Path) -> None:
    """Texts, a configuration, and a run that was trained by it, in `folder`."""
    chosen = random.Random(1)
    for name, count in (("train", 200), ("dev", 20)):
        rows = [[chosen.randrange(10) for _ in range(chosen.randint(1, 6))] for _ in range(count)]
        for side, words in _WORDS.items():
            text = "".join(" ".join(words[i] for i in row) + "\n" for row in rows)
            (folder / f"{name}.{side}").write_bytes(text.encode())
    (folder / "tiny.yaml").write_bytes(_CONFIG.encode())
    (folder / "hyp.txt").write_bytes(b"One two three four.\nSix seven eight nine.\n")
    (folder / "ref.txt").write_bytes(b"One two three five.\nSix seven eight nine.\n")
    (folder / "source.txt").write_bytes(b"un deux trois\nsix sept\n")
    with _inside(folder, {}), _streams(b"") as (_, told):
        code = run(["train", "tiny.yaml"])
    assert code == 0, told.getvalue()


def act(case: Case, stage: Path, folder: Path) -> Outcome:
    """Run the command of a case in `folder`, made into a copy of the stage."""
    shutil.copytree(stage, folder, symlinks=True)
    # Copies have times of their own: the run would read its texts anew.
    case.prepare(folder)
    before = _contents(folder)
    with _inside(folder, case.environment), _streams(case.stdin) as (out, told):
        code = run(shlex.split(case.command))
    after = _contents(folder)
    changed = [name for name in before | after if before.get(name) != after.get(name)]
    return Outcome(
        code,
        _neutral(out.getvalue(), folder),
        _neutral(told.getvalue(), folder),
        tuple(sorted(name for name in changed if not any(fnmatch(name, p) for p in case.makes))),
    )


def faults(case: Case, outcome: Outcome) -> list[str]:
    """What is wrong with an answer to a wrong input."""
    found = []
    if outcome.code != case.code:
        found.append(f"exit code {outcome.code}, not {case.code}")
    said = outcome.told + outcome.failures
    found += [f"does not say {words!r}" for words in case.says if words not in said]
    if "Traceback" in outcome.told or "internal error" in outcome.told:
        found.append("taken for a bug of ours")
    if outcome.out.count("\n") != case.out:
        found.append(f"{outcome.out.count(chr(10))} lines on stdout, not {case.out}")
    if case.code and not case.long and outcome.message.count("\n") >= 3:
        found.append("more than three lines")
    if outcome.changed:
        found.append(f"touched {outcome.changed}")
    return found


@contextlib.contextmanager
def stage_folder() -> Iterator[tuple[Path, Path]]:
    """A stage in a temporary folder, and a folder for what is played on it."""
    with tempfile.TemporaryDirectory() as name:
        stage, plays = Path(name).resolve() / "stage", Path(name).resolve() / "plays"
        stage.mkdir()
        plays.mkdir()
        make_stage(stage)
        yield stage, plays


@contextlib.contextmanager
def _inside(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """In a folder, and with an environment that only the case has a say in."""
    here, known = Path.cwd(), dict(os.environ)
    os.chdir(folder)
    for name in ("NMT_MODEL", "RANK", "WORLD_SIZE", "LOCAL_RANK"):
        os.environ.pop(name, None)
    os.environ.update(environment)
    try:
        yield
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(known)


@contextlib.contextmanager
def _streams(given: bytes) -> Iterator[tuple[io.StringIO, io.StringIO]]:
    out, told, stdin = io.StringIO(newline=""), io.StringIO(), sys.stdin
    sys.stdin = io.TextIOWrapper(io.BytesIO(given), encoding="utf-8")
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(told):
            yield out, told
    finally:
        sys.stdin = stdin


def _contents(folder: Path) -> dict[str, bytes | None]:
    """The files of a folder by name; None for one that is not read: a link, a pipe."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if _is_plain(path) else None
        for path in folder.rglob("*")
        if not path.is_dir()
    }


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _neutral(told: str, folder: Path) -> str:
    """Without what differs from one machine or run to the next."""
    told = told.replace(str(folder), "/work")
    told = re.sub(r"process [0-9]+", "process 123", told)
    return re.sub(r"[0-9a-f]{12,64}", "0123456789ab", told)

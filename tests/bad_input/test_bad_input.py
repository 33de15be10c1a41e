"""Every wrong input has a plain answer, the right exit code, and leaves nothing half done."""

import os
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from processes import NMT, python
from stage import Case, Outcome, act, faults, stage_folder
from table import CASES, SECTIONS, TABLE, table

Play = Callable[[Case], Outcome]


@pytest.fixture(scope="module")
def folders() -> Iterator[tuple[Path, Path]]:
    with stage_folder() as both:
        yield both


@pytest.fixture(scope="module")
def play(folders) -> Play:
    """Gives the outcome of a case, which is played once."""
    stage, plays = folders
    outcomes: dict[int, Outcome] = {}

    def outcome(case: Case) -> Outcome:
        if id(case) not in outcomes:
            folder = plays / str(len(outcomes))
            outcomes[id(case)] = act(case, stage, folder)
            shutil.rmtree(folder)
        return outcomes[id(case)]

    return outcome


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.wrong)
def test_it_has_a_plain_answer(play, case):
    outcome = play(case)
    assert faults(case, outcome) == [], outcome.told


def test_the_table_is_up_to_date(play):
    assert TABLE.read_text(encoding="utf-8") == table([play(case) for case in CASES]), (
        "run python scripts/write_bad_input_table.py, and look at what has changed"
    )


def test_there_are_many_and_each_is_told_apart():
    assert len(CASES) >= 150
    for title, cases in SECTIONS.items():
        assert len({case.wrong for case in cases}) == len(cases), title


_AS_PROCESSES = {
    "nested too deeply": 2,
    "no such command": 2,
    "text not UTF-8": 3,
    "its index has a flipped bit": 3,
    "config of a monstrous model, signed": 4,
    "output is a folder": 5,
}


@pytest.mark.parametrize("wrong", _AS_PROCESSES)
def test_a_process_ends_as_a_call_does(folders, tmp_path, wrong):
    (case,) = (case for case in CASES if case.wrong == wrong)
    folder = tmp_path / "play"
    shutil.copytree(folders[0], folder)
    case.prepare(folder)
    plain = {**os.environ, "TERM": "dumb", "NO_COLOR": "1"}
    command = shlex.split(case.command)
    done = python(*NMT, *command, given=case.stdin, cwd=folder, env=plain)
    told = done.stderr.decode()
    assert (done.returncode, done.stdout) == (_AS_PROCESSES[wrong], b""), told
    assert "Traceback" not in told
    for words in case.says:
        assert words in told

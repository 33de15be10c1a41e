"""How a training leaves when it is told to, as a process; and the proof that it can go on."""

import os
import re
import signal

import pytest
from processes import NMT
from processes import start as start_python
from test_cli_train import PLAIN, nmt, wait_for

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX has them")

_SLOW = """
import sys, time
import nmt.training.run
from nmt.__main__ import main
from nmt.training.trainer import Trainer

def slow(*arguments, **more):
    print("at work", file=sys.stderr, flush=True)
    time.sleep(600)

place = nmt.training.run if sys.argv[1] == "prepare_tokenizers" else Trainer
setattr(place, sys.argv.pop(1), slow)
main()
"""


def start(*command, cwd):
    return start_python(*command, cwd=cwd, env=PLAIN, encoding="utf-8")


def wait_for_line(process, words):
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"ended without saying {words!r}")


def test_the_signal_of_a_cluster_saves_and_leaves_with_0(tiny_config, tmp_path):
    many = ["--set", "training.max_updates=100000"]
    process = start(*NMT, "train", tiny_config, *many, cwd=tmp_path)
    folder = tmp_path / "runs" / "tiny" / "checkpoints"
    wait_for(folder, process)
    process.send_signal(signal.SIGUSR1)
    process.send_signal(signal.SIGUSR1)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    update = re.search(
        r"^nmt: stopped by a signal at update (\d+); everything is saved", said, re.M
    )
    assert (folder / f"step-{int(update[1]):08d}" / "state.json").is_file()
    assert '"kind": "end"' not in (folder.parent / "log.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_second_signal_leaves_at_once(tiny_config, tmp_path, number, code):
    process = start("-c", _SLOW, "_complete_update", "train", tiny_config, cwd=tmp_path)
    wait_for_line(process, "at work")
    process.send_signal(number)
    wait_for_line(process, "interrupt again to stop at once")
    process.send_signal(number)
    _, said = process.communicate(timeout=120)
    assert process.returncode == code, said
    assert "Traceback" not in said
    assert not (tmp_path / "runs" / "tiny" / "checkpoints").exists()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 0)]
)
def test_before_the_first_update_one_signal_is_enough(tiny_config, tmp_path, number, code):
    process = start("-c", _SLOW, "prepare_tokenizers", "train", tiny_config, cwd=tmp_path)
    wait_for_line(process, "at work")
    process.send_signal(number)
    _, said = process.communicate(timeout=120)
    assert process.returncode == code, said
    assert f"nmt: stopped by {signal.Signals(number).name}" in said
    assert "Traceback" not in said


def snapshot(folder):
    return {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file()}


@pytest.mark.slow
def test_verify_resume_proves_it_and_changes_nothing(tiny_config, tmp_path):
    assert nmt("train", tiny_config, cwd=tmp_path).returncode == 0
    before = snapshot(tmp_path)
    done = nmt("train", tiny_config, "--verify-resume", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(
        r"exact: 10 updates, and 6 \+ kill -9 \+ resume to 10, give identical bits\n"
        r"compared: \d+ tensors of weights, \d+ of the optimizer, "
        r"position \(update 10, epoch \d+, batch \d+\); cpu, float32\n",
        done.stdout,
    )
    assert "pairs read" not in done.stderr  # the data of the run are used
    assert snapshot(tmp_path) == before
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["tiny"]


def test_verify_resume_leaves_the_run_alone(tiny_config, tmp_path):
    done = nmt("train", tiny_config, "--verify-resume", "--restart", cwd=tmp_path)
    assert done.returncode == 2
    assert "Remove --resume and --restart" in done.stderr

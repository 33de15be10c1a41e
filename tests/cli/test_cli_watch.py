"""`nmt watch` as a process: in a pipe, on a terminal, interrupted."""

import os
import pty
import signal
import subprocess
import sys
import time

import pytest
from run_folders import append, dev, end, start, train, write_run

from nmt.cli.app import run as nmt
from nmt.runtime.lock import hold_lock


@pytest.fixture
def folder(tmp_path):
    return write_run(tmp_path / "run", start(), train(10), dev(10), train(20))


def watch(folder, *options, **more):
    command = [sys.executable, "-m", "nmt", "watch", str(folder), *options]
    return subprocess.Popen(command, **more)


def test_once_shows_a_run_and_leaves(folder, capsys):
    with hold_lock(folder / ".training", "this"):
        assert nmt(["watch", "--once", str(folder)]) == 0
    assert "update 20 of 100" in capsys.readouterr().out


def test_a_run_that_nobody_trains_is_shown_and_left(folder, capsys):
    assert nmt(["watch", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert shown.count("no process on this machine is training it") == 1


def test_without_a_run_the_one_trained_last_is_taken(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert nmt(["watch", "--once"]) == nmt(["report", "--json"]) == 4
    assert "no run below ./runs" in capsys.readouterr().err
    (tmp_path / "runs").mkdir()
    write_run(tmp_path / "runs" / "older", start(), {**end(20), "time": 2e9})
    write_run(tmp_path / "runs" / "newer", start(), {**train(10), "time": 3e9})
    os.utime(tmp_path / "runs" / "older" / "config.yaml", (4e9, 4e9))
    assert nmt(["watch", "--once"]) == 0
    told = capsys.readouterr()
    assert told.err == "run: runs/newer\n"
    assert "update 10 of 100" in told.out
    assert nmt(["report"]) == 0
    assert "runs/newer/report.html" in capsys.readouterr().err


def test_in_a_pipe_a_line_for_each_record_until_the_end(folder):
    with hold_lock(folder / ".training", "this"):
        process = watch(folder, stdout=subprocess.PIPE, text=True)
        lines = iter(process.stdout.readline, "")
        assert "training (process" in next(lines)
        append(folder, train(30), dev(30))
        seen = [next(line for line in lines if line.startswith("update 30  epoch 1  loss 4.700"))]
        seen.append(next(lines))
        assert seen[1].startswith("validation at update 30: ")
        append(folder, end(30))
    assert list(lines) == ["training ended: training.max_updates (100)\n"]
    assert process.wait() == 0


def read(terminal, wanted):
    """What a terminal shows, until a text has come."""
    shown = b""
    while wanted.encode() not in shown:
        try:
            shown += os.read(terminal, 1 << 16)
        except OSError:  # the other end has closed it
            break
    return shown.decode(errors="replace")


@pytest.fixture
def terminal():
    ours, theirs = pty.openpty()
    yield ours, theirs
    os.close(ours)


def on(theirs):
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
    return {"stdout": theirs, "stderr": theirs, "stdin": theirs, "env": environment}


def test_on_a_terminal_the_picture_is_drawn_anew_until_training_ends(folder, terminal):
    ours, theirs = terminal
    with hold_lock(folder / ".training", "this"):
        process = watch(folder, **on(theirs))
        os.close(theirs)
        assert "update 20 of 100" in read(ours, "update 20 of 100")
        append(folder, train(40))
        assert "update 40 of 100" in read(ours, "update 40 of 100")
        append(folder, end(40))
    assert "training ended" in read(ours, "training ended")
    read(ours, "never")  # a terminal that nobody reads keeps its writer waiting
    assert process.wait() == 0


def test_ctrl_c_leaves_quietly_and_the_cursor_comes_back(folder, terminal):
    ours, theirs = terminal
    with hold_lock(folder / ".training", "this"):
        process = watch(folder, **on(theirs))
        os.close(theirs)
        read(ours, "update 20 of 100")
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        left = read(ours, "never")
        assert process.wait() == 130
        assert "\x1b[?25h" in left
        assert "interrupted" not in left and "Traceback" not in left

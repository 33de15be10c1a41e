import os
import sys
import threading
import time

import pytest

from nmt import console
from nmt.console import Progress, format_rate, progress, say, set_quiet, show_activity


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when one says so."""
    now = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])

    def wait(seconds: float) -> None:
        now[0] += seconds

    return wait


def test_progress_tells_its_pace_in_a_log(clock, capsys):
    bar = Progress(
        "translate", 1000, "lines", writes_lines=True, done=200, _start_time=0.0, _last_line=0.0
    )
    clock(9.5)
    bar.advance(50)
    clock(0.5)
    bar.advance(50)
    clock(10)
    bar.advance(0, "so far")
    bar.advance(700)
    assert capsys.readouterr().err == (
        "translate: 300/1000 lines, 10 lines/s, 0:01:10 left\n"
        "translate: 300/1000 lines, 5 lines/s, 0:02:20 left, so far\n"
    )


def test_progress_of_what_has_no_known_end(clock, capsys):
    bar = Progress("count", None, "lines", writes_lines=True, _start_time=0.0, _last_line=0.0)
    clock(20)
    bar.advance(0)
    clock(20)
    bar.advance(400)
    assert capsys.readouterr().err == "count: 0 lines, 0 lines/s\ncount: 400 lines, 10 lines/s\n"


def test_the_pace_counts_what_is_done_again(clock, capsys):
    bar = Progress(
        "train", 200, "updates", writes_lines=False, done=100, _start_time=0.0, _last_line=0.0
    )
    bar.advance(20)
    bar.advance(-70)
    clock(10)
    bar.write_line(say)
    assert capsys.readouterr().err == "train: 50/200 updates, 2 updates/s, 0:01:15 left\n"


def test_the_same_count_is_not_told_twice_while_waiting_for_input(clock, capsys):
    bar = Progress("translate", None, "lines", writes_lines=False, _start_time=0.0, _last_line=0.0)
    clock(10)
    bar.waiting = True
    bar.write_line(say)
    bar.advance(5)
    bar.write_line(say)
    bar.write_line(say)
    bar.waiting = False
    bar.write_line(say)
    assert capsys.readouterr().err == 2 * "translate: 5 lines, 0.5 lines/s\n"


def lines_of(capsys, at_least):
    """What was told, once it is so many lines."""
    told = ""
    while told.count("\n") < at_least:
        told += capsys.readouterr().err
        time.sleep(0.001)
    return told.split("\n")[:at_least]


def test_a_unit_that_takes_long_is_told_of_by_time(monkeypatch, capsys):
    monkeypatch.setattr(console, "_MAX_SECONDS_WITHOUT_LINE", 0.02)
    with progress("train", 10, "updates", 2, by_time=True) as bar:
        bar.advance(0, "epoch 1")
        first, *others = lines_of(capsys, 3)
    assert [first, *others] == 3 * ["train: 2/10 updates, 0 updates/s, epoch 1"]
    capsys.readouterr()
    assert threads() == []


def test_work_that_cannot_be_counted_is_told_of_by_time(monkeypatch, capsys):
    monkeypatch.setattr(console, "_MAX_SECONDS_WITHOUT_LINE", 0.02)
    with show_activity("tokenizer"):
        assert lines_of(capsys, 2)[0] == "tokenizer: running for 0:00:00"
    assert threads() == []


class Log:
    """Takes lines, and stops taking them after the third."""

    def __init__(self):
        self.lines = []

    @property
    def last_line(self):
        return -1e9 if len(self.lines) < 3 else time.monotonic()

    def info(self, text):
        self.lines.append(text)


def test_a_log_that_takes_lines_anyway_needs_none_by_time(monkeypatch, capsys):
    monkeypatch.setattr(console, "_MAX_SECONDS_WITHOUT_LINE", 0.02)
    set_quiet(True)
    log = Log()
    with progress("train", 10, "updates", by_time=True, log=log):
        while len(log.lines) < 3:
            time.sleep(0.001)
        time.sleep(0.1)
    assert len(log.lines) == 3
    assert capsys.readouterr().err == ""


def test_with_quiet_nobody_is_told(monkeypatch, capsys):
    monkeypatch.setattr(console, "_MAX_SECONDS_WITHOUT_LINE", 0.0)
    set_quiet(True)
    with progress("train", 10, "updates", by_time=True), show_activity("tokenizer"):
        assert threads() == []
        time.sleep(0.1)
    assert capsys.readouterr().err == ""


def threads():
    return [each for each in threading.enumerate() if each.name == "lines by time"]


@pytest.mark.parametrize(
    ("rate", "text"),
    [(1234.4, "1234"), (12.3, "12"), (9.96, "10"), (0.4, "0.4"), (0.0234, "0.023"), (0.0, "0")],
)
def test_a_slow_pace_is_not_rounded_to_nothing(rate, text):
    assert format_rate(rate) == text


@pytest.mark.parametrize("is_closed", [False, True])
def test_where_nobody_reads_stderr_the_work_goes_on(monkeypatch, is_closed):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as pipe:
        monkeypatch.setattr(sys, "stderr", None if is_closed else pipe)
        with progress("train", 10, "updates") as bar:
            say("news")
            say("more")
            bar.advance()
        assert bar.done == 1
        os.dup2(os.open(os.devnull, os.O_WRONLY), writing)  # for what the pipe did not take


def test_a_line_is_written_in_one_piece(monkeypatch):
    """Or the lines of two threads would be mixed."""
    pieces = []

    class Pieces:
        def isatty(self):
            return False

        def write(self, text):
            pieces.append(text)

        def flush(self):
            pass

    monkeypatch.setattr(sys, "stderr", Pieces())
    say("one line")
    assert pieces == ["one line\n"]

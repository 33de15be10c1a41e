"""What `nmt translate` tells of its progress: on terminals, in pipes, in a log, and at the end."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
from threading import Thread

import pytest

from nmt.cli.app import run

ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "NMT_MODEL"}
ENVIRONMENT |= {"OMP_NUM_THREADS": "1", "TERM": "dumb"}
SUMMARY = re.compile(
    rb"translated ([0-9,]+) lines: ([0-9,]+) target tokens in [0-9.]+ s, \S+ lines/s\n"
)
LINES = b"".join(b"le chat noir %d\n" % number for number in range(40))

# Like `nmt`, but a line is due after a tenth of a second, and each batch takes longer than that.
_SLOW = """\
import time
from nmt.__main__ import main
from nmt import console
from nmt.search.beam import BeamSearch

search = BeamSearch.search

def slow(*arguments):
    time.sleep(0.3)
    return search(*arguments)

BeamSearch.search = slow
console._MAX_SECONDS_WITHOUT_LINE = 0.1
main()
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    file = tmp_path_factory.mktemp("text") / "in.txt"
    file.write_bytes(LINES)
    return str(file)


@pytest.fixture(scope="module")
def options(tiny_bundle):
    """The command without its input."""
    return ["translate", "--model", str(tiny_bundle), "--beam", "1", "--max-length", "9"]


@pytest.fixture(scope="module")
def command(options, source):
    return [*options, "--input", source, "--batch", "4"]


@pytest.fixture(scope="module")
def expected(options):
    """What comes out of pipes."""
    return nmt(*options, given=LINES)


@pytest.fixture
def slow(tmp_path):
    script = tmp_path / "slow.py"
    script.write_text(_SLOW, encoding="utf-8")
    return str(script)


def nmt(*arguments, given=b"", script=("-m", "nmt")):
    command = [sys.executable, *script, *arguments]
    return subprocess.run(
        command, input=given, capture_output=True, env=ENVIRONMENT, timeout=120, check=False
    )


def on_terminal(command, streams, given=b""):
    """Run with some standard streams on a terminal, the others pipes: its exit code, what came out
    of the pipe of stdout, and all that the terminal showed.
    """
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))  # a terminal without columns has no room for a bar
    shown = []

    def listen():
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # Linux tells the end of a terminal by an error
                part = b""
            if not part:
                return
            shown.append(part)

    listener = Thread(target=listen)
    with subprocess.Popen(
        [sys.executable, *command],
        stdin=theirs if "stdin" in streams else subprocess.PIPE,
        stdout=theirs if "stdout" in streams else subprocess.PIPE,
        stderr=theirs,
        env=ENVIRONMENT,
    ) as process:
        os.close(theirs)
        listener.start()
        if "stdin" in streams:
            os.write(ours, given + b"\x04")
        out, _ = process.communicate(None if "stdin" in streams else given, timeout=120)
    listener.join(timeout=60)
    os.close(ours)
    return process.returncode, out, b"".join(shown).replace(b"\r\n", b"\n")


def test_a_pipe_gets_one_line_at_the_end(expected):
    assert expected.returncode == 0
    _, last = expected.stderr.removesuffix(b"\n").split(b"\n")
    assert SUMMARY.fullmatch(last + b"\n")[1] == b"40"


def test_the_summary_counts_the_target_tokens_of_the_search(command, capsys):
    assert run([*command, "--json"]) == 0
    told = capsys.readouterr()
    records = map(json.loads, told.out.removesuffix("\n").split("\n"))
    tokens = sum(len(record["tokens"]) for record in records)
    assert int(SUMMARY.search(told.err.encode())[2].replace(b",", b"")) == tokens


def test_a_log_gets_lines_by_time_with_the_total_of_a_file(command, expected, slow):
    done = nmt(*command, script=[slow])
    assert (done.returncode, done.stdout) == (0, expected.stdout)
    told = re.findall(rb"translate: (\d+)/40 lines, \S+ lines/s", done.stderr)
    counts = list(map(int, told))
    assert len(counts) >= 3
    assert counts == sorted(counts)
    assert any(0 < count < 40 for count in counts)  # in the middle of a window


def test_a_log_gets_lines_by_time_without_a_total_of_a_pipe(options, expected, slow):
    done = nmt(*options, "--batch", "4", given=LINES, script=[slow])
    assert done.stdout == expected.stdout
    assert re.search(rb"translate: \d+ lines, \S+ lines/s\n", done.stderr)
    assert SUMMARY.search(done.stderr)[1] == b"40"


def test_with_quiet_neither_a_pipe_nor_a_terminal_is_told(command, expected, slow, capsys):
    assert run([*command, "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    shown = on_terminal([slow, *command, "--quiet"], ("stderr",))
    assert shown == (0, expected.stdout, b"")


def test_a_bar_is_drawn_on_a_terminal_beside_translations_that_go_elsewhere(
    command, expected, slow
):
    code, out, shown = on_terminal([slow, *command], ("stderr",))
    assert (code, out) == (0, expected.stdout)
    assert re.search(rb"translate: +\d+%\|.*/40 \[", shown)
    assert SUMMARY.search(shown)


def test_no_bar_is_drawn_over_translations(command, expected, slow):
    code, _, shown = on_terminal([slow, *command], ("stdout", "stderr"))
    assert code == 0
    assert b"translate:" not in shown
    assert expected.stdout in shown
    assert SUMMARY.search(shown)


def test_somebody_who_types_sees_neither_bar_nor_summary(options, slow):
    typed = b"le chat noir\n"
    code, _, shown = on_terminal([slow, *options], ("stdin", "stdout", "stderr"), typed)
    assert code == 0
    assert b"Type a line" in shown
    assert b"translate:" not in shown
    assert b"translated 1 line" not in shown


def test_a_pipe_that_is_closed_gets_no_summary(options):
    with started(["-m", "nmt", *options]) as process:
        process.stdout.close()
        _, told = process.communicate(LINES, timeout=120)
    assert process.returncode == 0
    assert told == b"search: beam 1, length penalty gnmt (alpha 1)\n"


def test_what_is_interrupted_has_no_summary(options, slow):
    with started([slow, *options, "--batch", "1"]) as process:
        process.stdin.write(LINES)
        process.stdin.flush()
        told = b""
        while b"translate: " not in told:
            told += process.stderr.read1()
        process.send_signal(signal.SIGINT)
        told += process.communicate(timeout=120)[1]
    assert process.returncode == 130
    assert b"translated" not in told


def started(command):
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, *command], stdin=pipe, stdout=pipe, stderr=pipe, env=ENVIRONMENT
    )


def test_a_text_in_parts_is_summed_up_once(command, expected, tmp_path, capsys):
    output = tmp_path / "out.txt"
    assert run([*command, "--output", str(output), "--resumable"]) == 0
    assert output.read_bytes() == expected.stdout
    (found,) = SUMMARY.findall(capsys.readouterr().err.encode())
    assert found == SUMMARY.search(expected.stderr).groups()


@pytest.mark.slow
def test_two_processes_are_summed_up_together(command, expected, tmp_path):
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "nmt"]
    done = nmt(*command, "--output", str(tmp_path / "out.txt"), script=launcher)
    assert done.returncode == 0, done.stderr.decode()
    (found,) = SUMMARY.findall(done.stderr)
    assert found == SUMMARY.search(expected.stderr).groups()

"""The frame of the command line, as a process: exit codes, streams, pipes, locale."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from processes import python

from nmt.cli import app, options
from nmt.version import __version__

RIGHT = """\
data: {train: {source: a, target: b}, validation_split: 0.1}
training: {max_updates: 9}
"""

PLAIN = {key: value for key, value in os.environ.items() if not key.startswith("LC_")}


def nmt(*arguments, **changes):
    given = {
        "env": PLAIN,
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        **changes,
    }
    return subprocess.run(
        [sys.executable, "-m", "nmt", *arguments], encoding="utf-8", check=False, **given
    )


def failing_command(body, *options):
    """The command line with one more command, `fail`, which does what `body` says."""
    program = (
        "import sys, typer\n"
        "from nmt.__main__ import main\n"
        "from nmt.cli.app import app\n"
        "from nmt.cli.options import Debug, Quiet\n"
        "from nmt.errors import *\n"
        "@app.command()\n"
        "def fail(debug: Debug = False, quiet: Quiet = False) -> None:\n"
        f"    {body}\n"
        "main()\n"
    )
    return [sys.executable, "-c", program, *(options or ("fail",))]


def fail(body, *options):
    return python(*failing_command(body, *options)[1:], encoding="utf-8")


def test_help_lists_the_commands():
    done = nmt("--help")
    assert done.returncode == 0
    assert done.stderr == ""
    modules = {path.stem for path in Path(app.__file__).parent.glob("*.py")}
    frame = {
        "__init__",
        "align_output",
        "link_origins",
        "app",
        "attention_output",
        "command_line_errors",
        "failure",
        "help_format",
        "help_search",
        "help_topics",
        "init_choices",
        "model_scores",
        "options",
        "reference_scores",
        "score_options",
        "translate_options",
        "translate_output",
    }
    for command in modules - frame:
        assert f"\n  {command} " in done.stdout


def test_version():
    assert nmt("--version").stdout == f"nmt {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["confg"], "No such command 'confg'"),
        (["config", "show"], "Missing argument"),
        (["config", "show", "c.yaml", "--st", "a=1"], "No such option"),
        (["train", "c.yaml", "--device", "gpu"], "'gpu' is not a device; choose auto, cpu, cuda"),
        (["train", "c.yaml", "--precision", "double"], "bfloat16"),
        (["train", "c.yaml", "--threads", "-1"], "--threads"),
    ],
)
def test_wrong_command_lines_end_with_2(arguments, message):
    done = nmt(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("nmt: error: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ("translate train.fr", "Use --input train.fr, or < train.fr."),
        ("attention a.fr b.fr", "Use --input FILE, or < FILE."),
        ("train c.yaml seed=3", "Use --set seed=3."),
        ("train c.yaml --epochs 3", "Set a key with --set training.max_epochs=VALUE."),
        ("doctor c.yaml --learning-rate=3", "--set training.optimizer.learning_rate=VALUE."),
        ("train c.yaml --restrat", "(Possible options: --restart)"),
    ],
)
def test_a_wrong_command_line_comes_with_a_hint(capsys, arguments, hint):
    assert app.run(arguments.split()) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].endswith(hint)
    assert lines[1:] == [f"`nmt {arguments.split()[0]} --help` lists the options."]


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ("raise DataError('train.de: no')", 3, "nmt: error: train.de: no\n"),
        ("raise ModelError('no model')", 4, "nmt: error: no model\n"),
        ("raise StoppedBySignal('saved', 15)", 143, "nmt: saved\n"),
        ("raise KeyboardInterrupt", 130, "nmt: interrupted\n"),
        ("raise typer.Exit(3)", 3, ""),
        (
            "{}['x']",
            1,
            "nmt: internal error: KeyError: 'x' (add --debug for the traceback)\n",
        ),
        (
            "raise BrokenPipeError('a worker')",
            1,
            "nmt: internal error: BrokenPipeError: a worker (add --debug for the traceback)\n",
        ),
    ],
)
def test_each_error_has_its_exit_code_and_its_words(body, code, message):
    done = fail(body)
    assert (done.returncode, done.stderr) == (code, message)


def test_a_command_may_find_its_command_line_wrong():
    done = fail("raise typer.BadParameter('bad')")
    assert done.returncode == 2
    assert done.stderr == ("nmt: error: Invalid value: bad\n`nmt fail --help` lists the options.\n")


@pytest.mark.parametrize(
    "body",
    [
        "raise MemoryError",
        "raise type('OutOfMemoryError', (RuntimeError,), {})('CUDA out of memory')",
        "raise RuntimeError('[enforce fail] DefaultCPUAllocator: not enough memory')",
    ],
)
def test_out_of_memory_comes_with_advice(body):
    done = fail(body)
    assert done.returncode == 5
    assert done.stderr.startswith("nmt: error: out of memory. Lower training.batch_size")


def test_a_full_disk():
    done = fail("import errno; raise OSError(errno.ENOSPC, 'No space left', 'x.bin')")
    assert done.returncode == 5
    assert (
        done.stderr == "nmt: error: x.bin: cannot be written: the disk is full. Free some space.\n"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_results_that_cannot_be_written():
    with Path("/dev/full").open("w") as full:
        done = nmt("config", "schema", stdout=full)
    assert done.returncode == 5
    assert done.stderr == (
        "nmt: error: the output: cannot be written: the disk is full. Free some space.\n"
    )


@pytest.mark.parametrize("where", [["--debug", "fail"], ["fail", "--debug"]])
def test_debug_shows_the_traceback_before_or_after_the_command(where):
    done = fail("raise DataError('train.de: no')", *where)
    assert done.returncode == 3
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert done.stderr.endswith("nmt: error: train.de: no\n")


def test_debug_shows_the_traceback_of_a_bug():
    done = fail("{}['x']", "fail", "--debug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert done.stderr.endswith("nmt: internal error: KeyError: 'x'\n")


@pytest.mark.parametrize("where", [["--quiet", "fail"], ["fail", "-q"]])
def test_quiet_leaves_warnings(where):
    body = "from nmt.console import say, warn; say('news'); warn('care')"
    assert fail(body).stderr == "news\nwarning: care\n"
    assert fail(body, *where).stderr == "warning: care\n"


def test_a_closed_pipe_ends_quietly():
    body = "[print('x' * 1000) for _ in range(10000)]"
    with subprocess.Popen(
        failing_command(body), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


def test_a_pipe_closed_before_the_first_line():
    reading, writing = os.pipe()
    os.close(reading)
    done = nmt("--help", stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_pipe_closed_on_stderr_costs_what_is_said_there():
    reading, writing = os.pipe()
    os.close(reading)
    body = "from nmt.console import say; say('news'); say('more'); print('result')"
    command = failing_command(body)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=writing, check=False)
    os.close(writing)
    assert (done.returncode, done.stdout) == (0, b"result\n")


@pytest.mark.parametrize(
    ("number", "code", "told"),
    [
        (signal.SIGINT, 130, b"nmt: interrupted\n"),
        (signal.SIGTERM, 143, b"nmt: stopped by SIGTERM\n"),
    ],
)
def test_signals_have_their_exit_codes(number, code, told):
    body = "import time; print('ready', flush=True); time.sleep(60)"
    with subprocess.Popen(
        failing_command(body), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        assert process.stderr.read() == told
        assert process.wait() == code


@pytest.mark.parametrize("locale", ["C", "POSIX", "de_DE.ISO-8859-1"])
def test_utf8_whatever_the_locale_says(locale):
    body = r"print(sys.stdin.read(), end=''); print('\u00e9\u4e2d', file=sys.stderr)"
    given = "h\u00e9 \u4e2d\r\n\u2028x\ry\n".encode()
    environment = {**PLAIN, "LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        failing_command(body), input=given, capture_output=True, check=True, env=environment
    )
    assert done.stdout == given
    assert done.stderr == "\u00e9\u4e2d\n".encode()


@pytest.mark.parametrize(
    ("closed", "code"), [("<&-", 0), ("2>&-", 0), (">&-", 5), ("<&- >&- 2>&-", 5)]
)
def test_closed_streams_do_no_harm_but_no_result_is_lost(tmp_path, closed, code):
    path = tmp_path / "c.yaml"
    path.write_text(RIGHT, encoding="utf-8")
    command = f"{sys.executable} -m nmt config show {path} {closed}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=False, text=True)
    assert done.returncode == code
    told = "nmt: error: stdout is closed, so the result cannot be written. Redirect it to a file.\n"
    assert done.stderr == (told if closed == ">&-" else "")


def test_no_colours_without_a_terminal():
    done = nmt("config", "confg", env={**PLAIN, "NO_COLOR": "1", "TERM": "dumb"})
    assert "\x1b" not in done.stderr
    assert "\x1b" not in nmt("--help").stdout


def test_precisions_are_those_of_the_settings():
    from typing import get_args

    from nmt.config.settings.runtime import Precision

    (literal, _) = get_args(get_args(options.PrecisionOption)[0])
    assert get_args(literal) == get_args(Precision)
    (literal, _) = get_args(get_args(options.SearchPrecision)[0])
    assert get_args(literal) == (*get_args(Precision), "int8")


@pytest.mark.parametrize("arguments", [["--help"], ["score", "--help"], ["train", "--help"]])
def test_help_imports_nothing_heavy(arguments):
    program = (
        "import sys\n"
        "from nmt.cli.app import run\n"
        f"run({arguments!r})\n"
        "heavy = {'torch', 'numpy', 'yaml', 'sacrebleu', 'sentencepiece'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True
    )
    assert done.stderr == "[]\n"

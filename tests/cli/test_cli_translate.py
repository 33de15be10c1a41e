"""`nmt translate` as a process, through pipes."""

import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nmt.cli.app import run

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}

SEARCH = b"search: beam 3, length penalty gnmt (alpha 1)\n"


def nmt(*arguments: object, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "nmt", *map(str, arguments)]
    return subprocess.run(
        command, input=given, capture_output=True, env=ENVIRONMENT, timeout=120, check=False
    )


def test_line_for_line(tiny_bundle):
    lines = [
        b"le chat noir",
        b"",
        b"  \t ",
        b"un chien\r",
        b"le chat noir",
        b"bad \xff byte",
        "line \u2028 separator \x85 \x0b".encode(),
        b"nul \0",
        "😀 <s> </s> <unk> ▁".encode(),
        b"le chat noir \r",
        b"the last has no end",
    ]
    done = nmt("translate", "--model", tiny_bundle, given=b"\n".join(lines))
    assert done.returncode == 0
    answers = done.stdout.removesuffix(b"\n").split(b"\n")
    assert len(answers) == len(lines)
    assert [not answer for answer in answers] == [not line.strip() for line in lines]
    assert answers[0] == answers[4] == answers[9]
    assert done.stderr == (
        SEARCH + b"warning: stdin: line 6: not valid UTF-8 (byte 0xFF), replaced by U+FFFD\n"
    )


def test_no_line_in_no_line_out(tiny_bundle):
    done = nmt("translate", "--model", tiny_bundle)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", SEARCH)


def test_a_slow_producer_gets_each_answer_before_its_next_line(tiny_bundle):
    command = [sys.executable, "-m", "nmt", "translate", "--model", str(tiny_bundle)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT
    ) as process:
        answers = []
        for line in (b"le chat\n", b"\n", b"un chien\n"):
            process.stdin.write(line)
            process.stdin.flush()
            answers.append(process.stdout.readline())
        process.stdin.close()
        assert process.wait(60) == 0
    assert answers[1] == b"\n"
    assert answers[0].strip()
    assert answers[2].strip()


def test_a_closed_pipe_ends_quietly(tiny_bundle):
    command = [sys.executable, "-m", "nmt", "translate", "-q", "--model", str(tiny_bundle)]
    with (
        subprocess.Popen(["yes", "le chat"], stdout=subprocess.PIPE) as endless,
        subprocess.Popen(
            command,
            stdin=endless.stdout,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
        ) as process,
    ):
        endless.stdout.close()
        assert process.stdout.readline().strip()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


def test_a_closed_pipe_ends_quietly_though_the_input_is_not_at_its_end(tiny_bundle):
    command = [sys.executable, "-m", "nmt", "translate", "-q", "--model", str(tiny_bundle)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    ) as process:
        process.stdout.close()
        process.stdin.write(b"le chat\n")
        process.stdin.flush()
        assert process.wait(60) == 0
        assert process.stderr.read() == b""


def test_files_and_the_way_to_the_model(tiny_bundle, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NMT_MODEL", str(tiny_bundle))
    source, target = tmp_path / "in.txt.gz", tmp_path / "out.txt.gz"
    source.write_bytes(gzip.compress(b"le chat\n\nun chien\n"))
    assert run(["translate", "--input", str(source), "--output", str(target)]) == 0
    assert run(["translate", "--input", str(source)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("\n") == 3
    assert gzip.decompress(target.read_bytes()).decode() == printed


def from_file(tmp_path: Path, content: bytes) -> list[str]:
    path = tmp_path / "in.txt"
    path.write_bytes(content)
    return ["translate", "--input", str(path)]


def test_n_best_in_the_form_of_moses(tiny_bundle, tmp_path, capsys):
    command = [*from_file(tmp_path, b"le chat\n\nun chien\n"), "--model", str(tiny_bundle)]
    assert run([*command, "--beam", "3"]) == 0
    best = capsys.readouterr().out.split("\n")
    assert run([*command, "--beam", "3", "--n-best", "3"]) == 0
    rows = [line.split(" ||| ") for line in capsys.readouterr().out.removesuffix("\n").split("\n")]
    assert [row[0] for row in rows] == ["0", "0", "0", "1", "2", "2", "2"]
    assert rows[0][1] == best[0]
    assert rows[3][1] == ""
    assert rows[4][1] == best[2]
    assert all(float(row[2]) <= 0.0 for row in rows)


def test_json(tiny_bundle, tmp_path, capsys):
    command = [*from_file(tmp_path, b"le chat\n\n"), "--model", str(tiny_bundle), "--json"]
    assert run([*command, "--beam", "2", "--n-best", "2"]) == 0
    first, blank = map(json.loads, capsys.readouterr().out.removesuffix("\n").split("\n"))
    assert first["translation"] == first["n_best"][0]["translation"]
    assert len(first["n_best"]) == 2
    assert len(first["tokens"]) == len(first["token_log_probabilities"])
    assert first["source_tokens"][-1] == "</s>"
    assert blank["translation"] == ""
    assert run(command) == 0
    assert "n_best" not in json.loads(capsys.readouterr().out.split("\n")[0])


@pytest.mark.parametrize(
    ("arguments", "code", "rule"),
    [
        (["--beam", "0"], 2, "--beam"),
        (["--max-length", "0"], 2, "--max-length"),
        (["--beam", "2", "--n-best", "3"], 2, "cannot exceed `beam_size` (2)"),
        (["--alpha", "nan"], 2, "search.alpha: expected a number, got nan"),
        (["--length-penalty", "long"], 2, "choose one of gnmt"),
        (["--model", "other"], 2, "ensembles"),
        (["--device", "gpu"], 2, "choose auto, cpu, cuda"),
        (["--input", "missing.txt"], 3, "missing.txt: there is no such file"),
    ],
)
def test_bad_options(tiny_bundle, tmp_path, capsys, monkeypatch, arguments, code, rule):
    monkeypatch.chdir(tmp_path)
    command = [*from_file(tmp_path, b"a\n"), "--model", str(tiny_bundle), *arguments]
    assert run(command) == code
    told = capsys.readouterr()
    assert rule in told.err
    assert told.out == ""
    assert "Traceback" not in told.err


def test_strict(tiny_bundle, tmp_path, capsys):
    target = tmp_path / "out.txt"
    command = [*from_file(tmp_path, b"a\n\xff\n"), "--model", str(tiny_bundle), "--strict"]
    assert run([*command, "--output", str(target)]) == 3
    assert "line 2: not valid UTF-8 (byte 0xFF)" in capsys.readouterr().err
    assert not target.exists()


def test_no_model(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("NMT_MODEL", raising=False)
    monkeypatch.chdir(tmp_path)
    assert run(from_file(tmp_path, b"a\n")) == 4
    assert "nmt train" in capsys.readouterr().err


def test_a_very_long_line_fails_no_other(tiny_bundle, tmp_path):
    source = tmp_path / "in.txt"
    source.write_bytes(b"le chat\n" + b"un chien dort. " * 1500 + b"\nun chien\n")
    command = ["translate", "--model", tiny_bundle, "--input", source, "--beam", "1"]
    done = nmt(*command, "--max-length", "3")
    assert done.returncode == 0
    first, long, last = done.stdout.removesuffix(b"\n").split(b"\n")
    alone = nmt(*command[:-4], "--beam", "1", "--max-length", "3", given=b"le chat\nun chien\n")
    assert [first, last] == alone.stdout.removesuffix(b"\n").split(b"\n")
    assert long.strip()
    told = done.stderr.removeprefix(b"search: beam 1, length penalty gnmt (alpha 1)\n").decode()
    assert re.fullmatch(
        rf"warning: {source}: line 2: \d+ subwords, more than search\.max_source_tokens: "
        r"translated in \d+ pieces\n",
        told,
    )


def test_the_search_in_use_is_told_unless_quiet(tiny_bundle, tmp_path, capsys):
    command = [*from_file(tmp_path, b"\n"), "--model", str(tiny_bundle)]
    assert run([*command, "--length-penalty", "none", "--coverage-penalty", "0.2"]) == 0
    assert capsys.readouterr().err == "search: beam 3, length penalty none, coverage penalty 0.2\n"
    assert run([*command, "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_packed_text_from_stdin(tiny_bundle):
    command = ["translate", "--model", tiny_bundle, "--quiet"]
    plain, packed = b"le chat\nun chien\n", gzip.compress(b"le chat\nun chien\n")
    assert nmt(*command, given=packed).stdout == nmt(*command, given=plain).stdout
    damaged = nmt(*command, given=packed[:-9])
    assert damaged.returncode == 3
    assert b"stdin: damaged gzip file" in damaged.stderr


def test_output_to_the_name_of_stdout(tiny_bundle, tmp_path):
    """`>>` must go on where the file ended, and the file stay the one that the shell opened."""
    path = tmp_path / "out.txt"
    path.write_bytes(b"before\n")
    command = [sys.executable, "-m", "nmt", "translate", "-q", "--model", str(tiny_bundle)]
    with path.open("ab") as file:
        done = subprocess.run(
            [*command, "-o", "/dev/stdout"],
            input=b"le chat\n",
            stdout=file,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, b"")
    assert path.read_bytes().startswith(b"before\n")
    assert path.read_bytes().count(b"\n") == 2
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_of_a_named_pipe_that_goes_away_is_no_error(tiny_bundle, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [sys.executable, "-m", "nmt", "translate", "-q", "--model", str(tiny_bundle)]
    with subprocess.Popen(
        [*command, "-o", str(pipe)],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    ) as process:
        with pipe.open("rb") as answers:
            process.stdin.write(b"le chat\n")
            process.stdin.flush()
            assert answers.readline().strip()
        process.stdin.write(b"un chien\n")
        process.stdin.flush()
        assert process.wait(60) == 0
        assert process.stderr.read() == b""
    assert pipe.is_fifo()


@pytest.mark.parametrize(
    ("closed", "code", "message"),
    [
        ("<&-", 3, b"nmt: error: stdin is closed: there is nothing to read."),
        (">&-", 5, b"nmt: error: stdout is closed: the result cannot be written."),
        ("2>&-", 0, b""),
        (">&- -o /dev/stdout", 5, b"nmt: error: /dev/stdout: cannot be written:"),
    ],
)
def test_closed_streams(tiny_bundle, closed, code, message):
    command = f"{sys.executable} -m nmt translate -q --model {tiny_bundle} {closed}"
    done = subprocess.run(
        ["sh", "-c", command], input=b"le chat\n", capture_output=True, env=ENVIRONMENT, check=False
    )
    assert done.returncode == code
    assert done.stderr.startswith(message)
    assert b"Traceback" not in done.stderr
    assert done.stdout.count(b"\n") == (1 if code == 0 else 0)

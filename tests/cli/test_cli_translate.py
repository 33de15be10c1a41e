"""`nmt translate` as a process, through pipes."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nmt.cli.app import run

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


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
    assert (
        done.stderr == b"warning: stdin: line 6: not valid UTF-8 (byte 0xFF), replaced by U+FFFD\n"
    )


def test_no_line_in_no_line_out(tiny_bundle):
    done = nmt("translate", "--model", tiny_bundle)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


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
    command = f"{sys.executable} -m nmt translate --batch 2 --beam 1 --model {tiny_bundle}"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; yes 'le chat' | head -1000 | {command} | head -1"],
        capture_output=True,
        env=ENVIRONMENT,
        timeout=120,
        check=False,
    )
    assert done.stdout.count(b"\n") == 1
    assert done.stderr == b""


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
        (["--alpha", "nan"], 2, "alpha = nan"),
        (["--length-penalty", "long"], 2, "choose one of gnmt"),
        (["--model", "other"], 2, "ensembles"),
        (["--device", "gpu"], 2, "choose auto, cpu, cuda"),
        (["--input", "missing.txt"], 3, "missing.txt: cannot be read"),
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

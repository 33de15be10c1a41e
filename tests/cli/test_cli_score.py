"""`nmt score` as a process and in this one."""

import gzip
import json
import subprocess
import sys

import pytest

from nmt.cli.app import run

REFERENCE = "The black cat is on the mat.\nA dog sleeps in the house.\n"
HYPOTHESIS = "The black cat is on a mat.\nA dog sleeps in the house.\n"


@pytest.fixture
def files(tmp_path):
    (tmp_path / "ref.txt").write_text(REFERENCE, encoding="utf-8")
    (tmp_path / "hyp.txt").write_text(HYPOTHESIS, encoding="utf-8")
    (tmp_path / "ref.gz").write_bytes(gzip.compress(b"\xef\xbb\xbf" + REFERENCE.encode()))
    (tmp_path / "hyp.crlf").write_bytes(HYPOTHESIS.replace("\n", "\r\n").encode())
    return tmp_path


def test_from_a_pipe(files):
    command = [sys.executable, "-m", "nmt", "score", "--ref", str(files / "ref.txt")]
    done = subprocess.run(
        command, input=HYPOTHESIS.encode(), capture_output=True, timeout=60, check=True
    )
    lines = done.stdout.decode().removesuffix("\n").split("\n")
    assert [line.split(" ")[0] for line in lines] == ["BLEU", "chrF2", "TER"]
    assert lines[0].startswith("BLEU = 78.7  (nrefs:1|case:mixed|")
    assert done.stderr == b""


def test_all_forms_of_files_agree(files, capsys):
    printed = set()
    for hypothesis in ("hyp.txt", "hyp.crlf"):
        for reference in ("ref.txt", "ref.gz"):
            assert run(["score", str(files / hypothesis), "--ref", str(files / reference)]) == 0
            printed.add(capsys.readouterr().out)
    assert len(printed) == 1


def test_json_metrics_and_references(files, capsys):
    reference = str(files / "ref.txt")
    command = ["score", str(files / "hyp.txt"), "--ref", reference, "--ref", reference, "--json"]
    assert run([*command, "--metric", "ter", "--metric", "bleu", "--lowercase"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["lines"] == 2
    assert [each["metric"] for each in record["scores"]] == ["bleu", "ter"]
    assert record["scores"][0]["signature"].startswith("nrefs:2|case:lc|")


def test_unequal_counts(files, capsys):
    (files / "short.txt").write_text("One line.\n")
    assert run(["score", str(files / "short.txt"), "--ref", str(files / "ref.txt")]) == 3
    told = capsys.readouterr()
    assert "hypotheses: 1, reference 1: 2" in told.err
    assert told.out == ""


def test_a_blank_line_counts(files, capsys):
    (files / "blank.txt").write_text("The black cat is on the mat.\n\n")
    assert run(["score", str(files / "blank.txt"), "--ref", str(files / "ref.txt")]) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["hyp.txt"], 2, "--ref"),
        (["hyp.txt", "--ref", "ref.txt", "--metric", "meteor"], 2, "bleu, chrf, chrf++, ter"),
        (["hyp.txt", "--ref", "ref.txt", "--tokenize", "mine"], 2, "no tokenizer 'mine'"),
        (["none.txt", "--ref", "ref.txt"], 3, "none.txt: no such file"),
        (["empty.txt", "--ref", "empty.txt"], 3, "nothing to score"),
        (["bad.txt", "--ref", "ref.txt"], 3, "bad.txt: line 2: not valid UTF-8 (byte 0xFF at"),
        (["cut.gz", "--ref", "ref.txt"], 3, "damaged gzip"),
    ],
)
def test_bad_input(files, monkeypatch, capsys, arguments, code, message):
    (files / "empty.txt").write_bytes(b"")
    (files / "bad.txt").write_bytes(b"fine\na \xff\n")
    (files / "cut.gz").write_bytes((files / "ref.gz").read_bytes()[:30])
    monkeypatch.chdir(files)
    assert run(["score", *arguments]) == code
    told = capsys.readouterr()
    assert message in told.err
    assert told.out == ""


def test_warnings_go_to_stderr(files, capsys):
    (files / "spaced.txt").write_text("The cat is on the mat .\nA dog sleeps .\n")
    assert run(["score", str(files / "spaced.txt"), "--ref", str(files / "ref.txt")]) == 0
    told = capsys.readouterr()
    assert "look tokenized, line 1" in told.err
    assert "warning" not in told.out


def test_lowercase_is_not_advised_to_who_has_it(files, capsys):
    (files / "lower.txt").write_text(HYPOTHESIS.lower())
    command = ["score", str(files / "lower.txt"), "--ref", str(files / "ref.txt")]
    assert run(command) == 0
    assert "--lowercase" in capsys.readouterr().err
    assert run([*command, "--lowercase"]) == 0
    assert capsys.readouterr().err == ""


def test_packed_hypotheses_from_a_pipe(files):
    command = [sys.executable, "-m", "nmt", "score", "--ref", str(files / "ref.txt")]
    packed = gzip.compress(HYPOTHESIS.encode())
    done = subprocess.run(command, input=packed, capture_output=True, timeout=60, check=True)
    assert done.stdout.startswith(b"BLEU = 78.7 ")


def test_closed_stdin(files):
    command = f"{sys.executable} -m nmt score --ref {files / 'ref.txt'} <&-"
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith(b"nmt: error: stdin is closed. Give a file")


def test_chrf_with_words(files, capsys):
    command = ["score", str(files / "hyp.txt"), "--ref", str(files / "ref.txt")]
    assert run([*command, "--metric", "chrf++", "--metric", "bleu"]) == 0
    bleu, words = capsys.readouterr().out.removesuffix("\n").split("\n")
    assert bleu.startswith("BLEU = 78.7") and words.startswith("chrF2++ = ")
    assert "|nc:6|nw:2|" in words


def test_every_second_line_of_a_reference_blank(tmp_path, capsys, monkeypatch):
    """A set of references with gaps changes no score of the lines that it lacks."""
    monkeypatch.chdir(tmp_path)
    hypotheses = ["the cat sits on a mat", "a dog slept in the house"] * 4
    full = ["the black cat sits on a mat", "a dog sleeps in the house"] * 4
    holes = [line if i % 2 else "" for i, line in enumerate(full)]
    for name, lines in (("h", hypotheses), ("r1", full), ("r2", holes)):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    assert run(["score", "h", "--ref", "r1", "--json"]) == 0
    one = json.loads(capsys.readouterr().out)
    for references in (["r1", "r2"], ["r2", "r1"]):
        assert run(["score", "h", "--ref", references[0], "--ref", references[1], "--json"]) == 0
        told = capsys.readouterr()
        both = json.loads(told.out)
        assert [each["value"] for each in both["scores"]] == [e["value"] for e in one["scores"]]
        number = references.index("r2") + 1
        assert f"warning: reference {number} is blank in 4 lines (first: line 1)" in told.err
    assert run(["score", "h", "--ref", "r2", "--metric", "chrf"]) == 0
    told = capsys.readouterr().err
    assert told.count("without a reference") == 1 and told.startswith("warning: 4 lines (first")


def test_a_bleu_that_is_noise_is_warned_of(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [f"word{i} and then {i} more words follow here" for i in range(150)]
    (tmp_path / "r").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    (tmp_path / "h").write_text("".join(f"word{i} {i}\n" for i in range(150)), encoding="utf-8")
    warning = "is unreliable (0 matching 4-grams, of 8 needed). Use chrF."
    for options in ([], ["--confidence", "--trials", "10"]):
        assert run(["score", "h", "--ref", "r", *options]) == 0
        assert capsys.readouterr().err.count(warning) == 1
    assert run(["score", "h", "r", "--ref", "r", "--trials", "10", "--metric", "bleu"]) == 0
    assert f"h: BLEU 0.00 {warning}" in capsys.readouterr().err
    assert run(["score", "h", "--ref", "r", "--metric", "chrf"]) == 0
    assert "unreliable" not in capsys.readouterr().err


def test_an_unknown_language_is_told_of(files, capsys):
    command = ["score", str(files / "hyp.txt"), "--ref", str(files / "ref.txt"), "--language"]
    assert run([*command, "klingon"]) == 0
    assert "--language 'klingon': unknown language" in capsys.readouterr().err
    assert run([*command, "th"]) == 0
    told = capsys.readouterr()
    assert "|tok:char|" in told.out and told.err.count("BLEU counts characters") == 1
    assert run([*command, "th", "--metric", "chrf"]) == 0
    assert capsys.readouterr().err == ""

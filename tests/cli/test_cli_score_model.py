"""`nmt score --model`."""

import gzip
import json
import math
import os
import subprocess
import sys

import pytest
from processes import NMT, python

from nmt.cli.app import run
from nmt.translation.translator import Translator

SOURCES = ["le chat noir", "", "un chien dort .", "le tapis", " "]
TARGETS = ["the black cat", "", "a dog sleeps .", "", "the mat"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


@pytest.fixture
def files(tmp_path, tiny_bundle, monkeypatch):
    """The working folder: texts, and the bundle as `model`."""
    for name, lines in (("source", SOURCES), ("target", TARGETS), ("short", TARGETS[:2])):
        (tmp_path / name).write_bytes("".join(f"{line}\n" for line in lines).encode())
    (tmp_path / "blank").write_bytes(b"\n" * 5)
    (tmp_path / "packed.gz").write_bytes(gzip.compress((tmp_path / "source").read_bytes()))
    (tmp_path / "bad").write_bytes(b"fine\n\xff\n")
    (tmp_path / "list").write_bytes(
        b"0 ||| the cat ||| -1.0\n2 ||| a dog\n0 ||| a cat ||| lm= 1 ||| 2\n"
    )
    (tmp_path / "model").symlink_to(tiny_bundle)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def scores(tiny_bundle):
    return Translator.load(tiny_bundle, device="cpu", threads=1).score(SOURCES, TARGETS)


def printed(capsys, *arguments):
    assert run(["score", "--model", "model", "--device", "cpu", *arguments]) == 0
    return capsys.readouterr().out.removesuffix("\n").split("\n")


def test_the_summary(files, capsys, scores):
    lines = printed(capsys, "target", "--source", "source")
    assert [line.split(" = ")[0] for line in lines] == [
        "log-probability",
        "cross-entropy",
        "perplexity",
        "word perplexity",
        "bits per character",
    ]
    log_probability = sum(score.log_probability for score in scores)
    subwords = sum(len(score.tokens) for score in scores)
    assert lines[0] == (
        f"log-probability = {log_probability:.2f}  (5 lines, {subwords} subwords with "
        "end-of-sentence tokens)"
    )
    record = json.loads("\n".join(printed(capsys, "target", "--source", "packed.gz", "--json")))
    assert list(record) == ["lines", "model"]
    assert record["lines"] == 5
    model = record["model"]
    assert model["log_probability"] == pytest.approx(log_probability, rel=1e-6)
    assert model["cross_entropy"] == pytest.approx(-log_probability / subwords, rel=1e-6)
    assert model["perplexity"] == pytest.approx(math.exp(-log_probability / subwords), rel=1e-6)
    assert model["words"] == 3 + 4 + 0 + 2 + 4


def test_from_a_pipe_each_pair_has_a_line(files, scores):
    command = [*NMT, "score", "--model", "model", "--source", "source", "--sentences"]
    done = python(*command, given=(files / "target").read_bytes(), env=ENVIRONMENT)
    assert done.returncode == 0
    assert done.stderr == b"score: length penalty gnmt (alpha 1)\n"
    rows = [line.split("\t") for line in done.stdout.decode().removesuffix("\n").split("\n")]
    assert len(rows) == len(SOURCES)
    assert rows[1] == ["0.0000", "0.0000", "0", "1.0000"]
    for row, score in zip(rows, scores, strict=True):
        assert float(row[0]) == pytest.approx(score.score, abs=1e-4)
        assert float(row[1]) == pytest.approx(score.log_probability, abs=1e-4)
        assert int(row[2]) == len(score.tokens)
        assert float(row[3]) == pytest.approx(score.perplexity, rel=1e-3)


def test_tokens_of_each_pair(files, capsys, scores):
    command = ["target", "--source", "source", "--sentences"]
    for line, score in zip(printed(capsys, *command, "--tokens"), scores, strict=True):
        *_, tokens, values = line.split("\t")
        assert tokens.split() == score.tokens
        assert [float(value) for value in values.split()] == pytest.approx(
            score.token_log_probabilities, abs=1e-4
        )
    plain = list(map(json.loads, printed(capsys, *command, "--json")))
    full = list(map(json.loads, printed(capsys, *command, "--json", "--tokens")))
    for few, record, score in zip(plain, full, scores, strict=True):
        assert list(few) == ["score", "log_probability", "subwords", "perplexity"]
        assert few["score"] == record["score"] == pytest.approx(score.score, rel=1e-5)
        assert record["tokens"] == score.tokens
        assert len(record["token_log_probabilities"]) == record["subwords"] == len(score.tokens)


def test_references_and_a_model_together(files, capsys):
    command = ["target", "--ref", "target", "--source", "source"]
    lines = printed(capsys, *command)
    assert lines[:-5] == [*printed_by_references(capsys)]
    assert lines[-5:] == printed(capsys, "target", "--source", "source")
    record = json.loads("\n".join(printed(capsys, *command, "--json")))
    assert list(record) == ["lines", "scores", "model"]
    assert record["lines"] == 5


def printed_by_references(capsys):
    assert run(["score", "target", "--ref", "target"]) == 0
    return capsys.readouterr().out.removesuffix("\n").split("\n")


def test_more_lines_than_are_scored_at_once(files, capsys, scores):
    count = 16 * 192 + 3
    (files / "many.source").write_text("le chat noir\n" * count)
    (files / "many.target").write_text("the black cat\n" * count)
    lines = printed(capsys, "many.target", "--source", "many.source", "--sentences")
    assert len(lines) == count
    for line in lines[:3] + lines[-3:]:
        assert float(line.split("\t")[1]) == pytest.approx(scores[0].log_probability, abs=2e-4)


def test_an_n_best_list_is_passed_through_with_a_feature(files, capsys, tiny_bundle):
    expected = Translator.load(tiny_bundle, device="cpu", threads=1).score(
        [SOURCES[0], SOURCES[2], SOURCES[0]], ["the cat", "a dog", "a cat"]
    )
    one, two, three = (f"model= {score.log_probability:.4f}" for score in expected)
    assert printed(capsys, "list", "--source", "source", "--n-best") == [
        f"0 ||| the cat ||| {one} ||| -1.0",
        f"2 ||| a dog ||| {two}",
        f"0 ||| a cat ||| lm= 1 {three} ||| 2",
    ]


def test_our_own_n_best_list(files, capsys):
    assert run(["translate", "-m", "model", "-i", "source", "--beam", "3", "--n-best", "3"]) == 0
    lines = capsys.readouterr().out
    (files / "ours").write_text(lines)
    scored = printed(capsys, "ours", "--source", "source", "--n-best")
    assert len(scored) == lines.count("\n")
    for line, given in zip(scored, lines.removesuffix("\n").split("\n"), strict=True):
        index, text, features, score = line.split(" ||| ")
        ours, added = features.split(" model= ")
        assert f"{index} ||| {text} ||| {ours} ||| {score}" == given
        assert float(added) <= 0.0


@pytest.mark.parametrize(
    ("arguments", "code", "rule"),
    [
        ("target", 2, "references or a model are missing"),
        ("target --model model", 2, "Add --source SRC"),
        ("target --ref target --threads 0", 2, "--threads requires --model"),
        ("target -m model -s source --lowercase", 2, "--lowercase requires --ref"),
        ("target -m model -s source --tokens", 2, "--tokens requires --sentences"),
        ("target -m model -s source --ref target --sentences", 2, "Run two commands"),
        ("target -m model -s source --ref target --n-best", 2, "Run two commands"),
        ("list -m model -s source --n-best --json", 2, "Remove --sentences and --json"),
        ("target -m model -s source --weight 1 --weight 2", 2, "models: 1, weights: 2"),
        ("target --ref target --weight 1", 2, "--weight requires --model"),
        ("target -m model -s source --device gpu", 2, "choose auto, cpu, cuda"),
        ("short -m model -s source", 3, "line counts differ: source: 5, short: 2."),
        ("target -m model -s short", 3, "line counts differ: short: 2, target: 5."),
        ("blank -m model -s blank", 3, "nothing to score: blank and blank have no text"),
        ("target -m model -s none", 3, "none: no such file"),
        ("none -m model -s source", 3, "none: no such file"),
        ("bad -m model -s source", 3, "bad: line 2: not valid UTF-8 (byte 0xFF at column 1)"),
        (
            "target -m model -s source --n-best",
            3,
            "target: line 1: is not a line of an n-best",
        ),
        ("list -m model -s short --n-best", 3, "list: line 2: index 2, but short has 2 lines"),
        ("target -m . -s source", 4, "is neither a bundle nor a run that has one"),
    ],
)
def test_bad_input(files, capsys, arguments, code, rule):
    assert run(["score", *arguments.split()]) == code
    told = capsys.readouterr()
    assert rule in told.err
    assert told.out == ""
    assert "Traceback" not in told.err


def test_without_a_model_torch_is_not_imported(files):
    program = (
        "import sys\n"
        "from nmt.cli.app import run\n"
        "assert run(['score', 'target', '--ref', 'target']) == 0\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)


def test_an_ensemble_scores_as_one(files, capsys):
    assert run(["score", "target", "-m", "model", "-s", "source"]) == 0
    alone = capsys.readouterr().out
    options = ["--weight", "1", "--weight", "2", "--combine", "linear"]
    assert run(["score", "target", "-m", "model", "-m", "model", "-s", "source", *options]) == 0
    together = capsys.readouterr()
    assert together.out == alone
    assert "ensemble: model, model (linear, weights 1.0 2.0)" in together.err


def test_groups(files, capsys, scores):
    (files / "labels").write_text("a\nb\na\na\nb\n")
    lines = printed(capsys, "target", "--source", "source", "--group-by", "labels")
    assert " ".join(lines[6].split()) == (
        "group lines log-probability perplexity word perplexity bits per character"
    )
    record = json.loads(
        "\n".join(printed(capsys, "target", "-s", "source", "--group-by", "labels", "--json"))
    )["model"]
    first, second = record["groups"]
    assert [first["label"], first["lines"]] == ["a", 3]
    expected = sum(scores[index].log_probability for index in (0, 2, 3))
    assert first["log_probability"] == pytest.approx(expected, rel=1e-6)
    total = first["log_probability"] + second["log_probability"]
    assert total == pytest.approx(record["log_probability"], rel=1e-6)
    mean = (first["perplexity"] + second["perplexity"]) / 2
    assert record["mean_of_groups"]["perplexity"] == pytest.approx(mean)
    assert float(lines[7].split()[2]) == pytest.approx(expected, abs=0.006)
    assert lines[10].startswith("mean of groups      -")


def test_labels_for_a_model_must_have_as_many_lines(files, capsys):
    (files / "labels").write_text("a\nb\n")
    command = ["score", "target", "-m", "model", "-s", "source", "--device", "cpu"]
    assert run([*command, "--group-by", "labels"]) == 3
    assert "line counts differ: labels: 2, source: 5." in capsys.readouterr().err
    assert run([*command, "--group-by", "labels", "--sentences"]) == 2
    assert "--sentences prints a result per line" in capsys.readouterr().err

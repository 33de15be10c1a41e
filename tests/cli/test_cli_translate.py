"""`nmt translate` as a process, through pipes."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import pytest
from processes import NMT, python, start

from nmt.cli.app import run
from nmt.search.constraints import Constraints
from nmt.text.lines import read_lines
from nmt.translation.quality_estimation import Thresholds
from nmt.translation.translator import Translator

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}

SEARCH = b"search: beam 3, length penalty gnmt (alpha 1)\n"
NOTHING = "translated 0 lines\n"


def nmt(*arguments: object, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return python(*NMT, *arguments, given=given, env=ENVIRONMENT)


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
    told = SEARCH + b"warning: stdin: line 6: not valid UTF-8 (byte 0xFF), replaced by U+FFFD\n"
    assert done.stderr.startswith(told)
    assert re.fullmatch(
        rb"translated 11 lines: [0-9,]+ target tokens in [0-9.]+ s, [0-9.]+ lines/s\n",
        done.stderr.removeprefix(told),
    )


def test_no_line_in_no_line_out(tiny_bundle):
    done = nmt("translate", "--model", tiny_bundle)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", SEARCH + NOTHING.encode())


@pytest.mark.parametrize(
    ("form", "lines"),
    [
        ("text", (b"le chat\n", b"\n", b"un chien\n")),
        ("json", (b'{"text": "le chat"}\n', b"\n", b'{"text": "un chien"}\n')),
    ],
)
def test_a_slow_producer_gets_each_answer_before_its_next_line(tiny_bundle, form, lines):
    command = [*NMT, "translate", "--model", tiny_bundle, "--input-format", form]
    with start(*command, env=ENVIRONMENT) as process:
        answers = []
        for line in lines:
            process.stdin.write(line)
            process.stdin.flush()
            answers.append(process.stdout.readline())
        process.stdin.close()
        assert process.wait(60) == 0
    if form == "text":
        assert answers[1] == b"\n"
    else:
        assert json.loads(answers[1])["translation"] == ""
    assert answers[0].strip()
    assert answers[2].strip()


def test_a_closed_pipe_ends_quietly(tiny_bundle):
    command = [*NMT, "translate", "-q", "--model", tiny_bundle]
    with (
        subprocess.Popen(["yes", "le chat"], stdout=subprocess.PIPE) as endless,
        start(*command, stdin=endless.stdout.fileno(), env=ENVIRONMENT) as process,
    ):
        endless.stdout.close()
        assert process.stdout.readline().strip()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


def test_a_closed_pipe_ends_quietly_though_the_input_is_not_at_its_end(tiny_bundle):
    with start(*NMT, "translate", "-q", "--model", tiny_bundle, env=ENVIRONMENT) as process:
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
    of_lines = [[row[1] for row in rows if row[0] == number] for number in "012"]
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert [texts[0] for texts in of_lines] == best[:3]
    assert (
        [len(set(texts)) for texts in of_lines] == [len(texts) for texts in of_lines] == [2, 1, 3]
    )
    assert all(len(row) == 4 for row in rows)
    assert all(re.fullmatch(r"logprob= -?\d+\.\d{4} length= \d+", row[2]) for row in rows)
    assert all(float(row[3]) <= 0.0 for row in rows)


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
        (["--alpha", "nan"], 2, "search.alpha: expected a number >= -100 and <= 100, got nan"),
        (["--length-penalty", "long"], 2, "choose one of gnmt"),
        (["--model", "other"], 4, "other: no such file or folder"),
        (["--weight", "1", "--weight", "2"], 2, "models: 1, weights: 2"),
        (["--weight", "-1"], 2, "-1 is not a weight of a model"),
        (["--combine", "mean"], 2, "choose one of log_linear, linear"),
        (["--device", "gpu"], 2, "choose auto, cpu, cuda"),
        (["--column", "1"], 2, "--column requires --input-format tsv"),
        (["--input-format", "tsv", "--column", "0"], 2, "--column"),
        (["--input-format", "tsv", "--json"], 2, "Remove --json"),
        (["--input-format", "tsv", "--n-best", "2"], 2, "--n-best 1"),
        (["--input-format", "xml"], 2, "--input-format"),
        (["--attention"], 2, "requires --json"),
        (["--output", "a", "--report", "./a"], 2, "the same file"),
        (["--output", "in.txt"], 2, "--input and --output are the same file"),
        (["--output", "./in.txt", "--resumable"], 2, "--input and --output are the same file"),
        (["--report", "in.txt"], 2, "--input and --report are the same file"),
        (["--flag", "--n-best", "2"], 2, "--flag with --n-best requires --json"),
        (["--flag-above", "copy=1"], 2, "--flag-above requires --flag or --report"),
        (["--flag", "--flag-above", "copy=0"], 2, "give a number > 0"),
        (["--term", " "], 2, "the text is blank"),
        (["--temperature", "0.5"], 2, "set `sampling` to true"),
        (["--draw-by", "line"], 2, "--draw-by requires --sample"),
        (["--draw-by", "word"], 2, "--draw-by"),
        (["--beam", "4", "--groups", "3"], 2, "must divide `beam_size` (4)"),
        (["--min-length", "5", "--max-length", "5"], 2, "must be below `max_length` (5)"),
        (["--mbr", "ter"], 2, "choose one of none, chrf, bleu"),
        (["--input", "missing.txt"], 3, "missing.txt: no such file"),
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


@pytest.mark.parametrize("command", ["translate", "attention"])
def test_an_ensemble_of_a_model_with_itself(tiny_bundle, tmp_path, capsys, command):
    arguments = [command, *from_file(tmp_path, b"le chat\n\n")[1:], "--model", str(tiny_bundle)]
    assert run(arguments) == 0
    alone = capsys.readouterr().out
    more = ["--model", str(tiny_bundle), "--weight", "3", "--weight", "1", "--combine", "linear"]
    assert run([*arguments, *more]) == 0
    told = capsys.readouterr()
    assert told.out == alone
    named = f"ensemble: {tiny_bundle}, {tiny_bundle} (linear, weights 3.0 1.0)\n"
    assert told.err.startswith(named)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_no_half_written_output(tiny_bundle, tmp_path, number, code):
    options = ["--model", tiny_bundle, "-o", tmp_path / "out.txt"]
    with start(*NMT, "translate", *options, env=ENVIRONMENT) as process:
        process.stdin.write(b"le chat\n")
        process.stdin.flush()
        while not any(path.stat().st_size for path in tmp_path.glob(".tmp-out.txt-*")):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        told = process.stderr.read()
        assert process.wait(timeout=60) == code
    assert b"Traceback" not in told
    assert list(tmp_path.iterdir()) == []


def test_strict(tiny_bundle, tmp_path, capsys):
    target = tmp_path / "out.txt"
    command = [*from_file(tmp_path, b"a\n\xff\n"), "--model", str(tiny_bundle), "--strict"]
    assert run([*command, "--output", str(target)]) == 3
    assert "line 2: not valid UTF-8 (byte 0xFF)" in capsys.readouterr().err
    assert not target.exists()


@pytest.mark.parametrize(
    ("form", "content", "problem"),
    [
        ("json", b'{"text": "a"}\n{}\n', "line 2: `text` is missing"),
        ("tsv", b"a\tb\nc\n", "line 2: the row has 1 column and no column 2"),
    ],
)
def test_a_bad_line_is_answered_and_an_error_only_when_strict(
    tiny_bundle, tmp_path, capsys, form, content, problem
):
    target, report = tmp_path / "out.txt", tmp_path / "report.jsonl"
    command = [*from_file(tmp_path, content), "--model", str(tiny_bundle), "--input-format", form]
    command += ["--output", str(target), "--report", str(report)]
    command += ["--column", "2"] if form == "tsv" else []
    assert run([*command, "--strict"]) == 3
    assert f"in.txt: {problem}" in capsys.readouterr().err
    assert not target.exists()
    assert not report.exists()
    assert run(command) == 0
    assert f"in.txt: {problem}, not translated" in capsys.readouterr().err
    assert target.read_bytes().count(b"\n") == 2
    assert [status for status, _ in reported(report)] == ["ok", "bad_input"]


def reported(path: Path) -> list[tuple[str, list[str]]]:
    lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    reports = [json.loads(line) for line in lines]
    assert [report["line"] for report in reports] == [*range(1, len(reports) + 1)]
    return [(report["status"], report["flags"]) for report in reports]


def test_a_report_tells_of_every_line(tiny_bundle, tmp_path):
    report = tmp_path / "report.jsonl"
    content = b"le chat\n\n\xff\n" + b"un chien. " * 400
    command = [*from_file(tmp_path, content), "--model", str(tiny_bundle), "--beam", "1"]
    assert run([*command, "--max-length", "2", "--report", str(report)]) == 0
    told = reported(report)
    assert [status for status, _ in told] == ["ok", "blank", "invalid_utf8", "ok"]
    assert "replaced_bytes" in told[2][1]
    assert told[3][1][:2] == ["in_pieces", "cut_by_limit"]
    assert "length" in told[3][1]  # of what two subwords of a long text are


def test_flags_are_a_column_and_their_thresholds_are_the_users(tiny_bundle, tmp_path, capsys):
    command = [*from_file(tmp_path, b"le chat\n\nun chien\n"), "--model", str(tiny_bundle)]
    command.append("--flag")
    high = [f"--flag-above={name}=999" for name in vars(Thresholds())]
    rows = []
    for thresholds in (high, [*high, "--flag-above", "unsure=0.001"]):
        assert run([*command, *thresholds]) == 0
        rows.append([line.split("\t") for line in capsys.readouterr().out.split("\n")])
    assert [len(row) for row in rows[0]] == [2, 1, 2, 1]
    for row, flagged in zip(*rows, strict=True):
        assert flagged[:1] == row[:1]
        raised = [each.split(",") if each else [] for each in (*row[1:], *flagged[1:])]
        assert not raised or raised[1] == [*raised[0], "unsure"]


def test_the_help_names_the_thresholds(capsys):
    assert run(["translate", "--help"]) == 0
    told = re.sub(r"[\s│]+", " ", capsys.readouterr().out)
    defaults = {**vars(Thresholds())}
    del defaults["unsure"]
    assert " ".join(f"{name}={value:g}" for name, value in defaults.items()) in told


def test_json_in_json_out(tiny_bundle, tmp_path, capsys):
    rows = [{"id": 7, "text": "le chat", "note": [1.5, None]}, {"text": ""}, {"text": "un chien"}]
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    command = [*from_file(tmp_path, content), "--model", str(tiny_bundle)]
    assert run([*command, "--input-format", "json", "--attention"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.split("\n")[:-1]]
    for row, told in zip(rows, records, strict=True):
        assert {key: told[key] for key in row} == row
    assert list(records[0])[:3] == ["id", "text", "note"]
    assert records[1]["translation"] == ""
    for row in records[0]["attention"]:
        assert len(row) == len(records[0]["source_tokens"])
        assert sum(row) == pytest.approx(1.0, abs=1e-3)
    (tmp_path / "in.txt").write_text("".join(row["text"] + "\n" for row in rows))
    assert run(command) == 0
    assert capsys.readouterr().out.split("\n")[:-1] == [each["translation"] for each in records]


def test_a_column_of_a_table(tiny_bundle, tmp_path, capsys):
    command = ["--model", str(tiny_bundle), "--input-format", "tsv", "--column", "2"]
    assert run([*from_file(tmp_path, b"1\tle chat\tx\n2\t\t\n"), *command]) == 0
    rows = capsys.readouterr().out.split("\n")
    assert rows[0].startswith("1\tle chat\tx\t")
    assert rows[0].count("\t") == 3
    assert rows[1:] == ["2\t\t\t", ""]


def test_alignments(tiny_bundle, tmp_path, capsys):
    command = [*from_file(tmp_path, b"le chat noir\n\n"), "--model", str(tiny_bundle)]
    assert run([*command, "--alignment"]) == 0
    first, blank = capsys.readouterr().out.removesuffix("\n").split("\n")
    links = [link.split("-") for link in first.rsplit(" ||| ", 1)[1].split()]
    assert [int(target) for _, target in links] == [*range(len(links))]
    assert all(0 <= int(source) < 3 for source, _ in links)
    assert blank == ""


_SAMPLES = ["--sample", "--seed", "3", "--temperature", "3", "--max-length", "40"]


@pytest.mark.parametrize(
    "form",
    [
        [],
        ["--n-best", "4"],
        ["--mbr", "chrf", "--beam", "4"],
        ["--prefix", "the é"],
        ["--json", "--n-best", "2"],
        ["--input-format", "tsv"],
        ["--flag"],
        ["--alignment"],
        ["--replace-unknown"],
    ],
)
def test_samples_are_texts_that_every_command_reads(tiny_bundle, tmp_path, capsys, form):
    given = b"".join(b"le chat %d\n" % number for number in range(40))
    command = [*from_file(tmp_path, given), "--model", str(tiny_bundle), *_SAMPLES, *form]
    assert run([*command, "-o", str(tmp_path / "out.txt")]) == 0
    text = (tmp_path / "out.txt").read_bytes().decode("utf-8")
    lines = text.removesuffix("\n").split("\n")
    assert len(lines) == 40 * (4 if "--n-best" in form and "--json" not in form else 1)
    assert lines == text.splitlines()
    for line in lines:
        rest = line.replace("\t", "") if form in (["--input-format", "tsv"], ["--flag"]) else line
        assert not {unicodedata.category(c) for c in rest} & {"Cc", "Zl", "Zp"}
        if "--json" in form:
            record = json.loads(line)
            for each in record["n_best"]:
                assert not {unicodedata.category(c) for c in each["translation"]} & {"Cc", "Zl"}
        if form == ["--input-format", "tsv"]:
            assert line.count("\t") == 1
    capsys.readouterr()
    if not form:
        assert run(["score", str(tmp_path / "out.txt"), "--ref", str(tmp_path / "out.txt")]) == 0
        assert list(read_lines(tmp_path / "out.txt")) == lines


def test_json_has_no_line_break_of_any_kind(tiny_bundle, tmp_path, capsys):
    """What is passed on may have raw ones in its texts, and tabs between its values."""
    line = '{"text":\t"le chat",\r"note": "a\u2028b\x85c\x7f", "n": 1}\n'
    command = [*from_file(tmp_path, line.encode()), "--model", str(tiny_bundle)]
    assert run([*command, "--input-format", "json"]) == 0
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 1
    assert not {unicodedata.category(c) for c in out[:-1]} & {"Cc", "Zl", "Zp"}
    assert json.loads(out)["note"] == "a\u2028b\x85c\x7f"


def test_wishes_for_every_line_reach_the_translator(tiny_bundle, tmp_path, monkeypatch):
    asked = []

    def translate(self, texts, **options):
        asked.append(options)
        return original(self, texts, **{**options, "constraints": None})

    original = Translator.translate
    monkeypatch.setattr(Translator, "translate", translate)
    command = [*from_file(tmp_path, b"le chat\nun chien\n"), "--model", str(tiny_bundle)]
    wishes = ["--prefix", "a", "--term", "b", "--term", "c d", "--avoid", "e"]
    assert run([*command, *wishes]) == 0
    assert run(command) == 0
    assert asked[0]["constraints"] == [Constraints("a", ("b", "c d"), ("e",))] * 2
    assert asked[1]["constraints"] is None


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
        r"translated in \d+ segments\ntranslated 3 lines: .*\n",
        told,
    )


def test_the_search_in_use_is_told_unless_quiet(tiny_bundle, tmp_path, capsys):
    command = [*from_file(tmp_path, b""), "--model", str(tiny_bundle)]
    assert run([*command, "--length-penalty", "none", "--coverage-penalty", "0.2"]) == 0
    assert capsys.readouterr().err == (
        f"search: beam 3, length penalty none, coverage penalty 0.2\n{NOTHING}"
    )
    assert run([*command, "--beam", "4", "--groups", "2", "--no-repeat-ngram", "3"]) == 0
    assert capsys.readouterr().err == (
        "search: beam 4, 2 groups (diversity 0.5), no 3-gram twice, length penalty gnmt (alpha 1)\n"
        + NOTHING
    )
    drawn = ["--sample", "--top-p", "0.9", "--temperature", "0.5", "--seed", "7", "--mbr", "chrf"]
    assert run([*command, *drawn]) == 0
    assert capsys.readouterr().err == (
        "search: 3 random samples (seed 7), temperature 0.5, top-p 0.9, length penalty gnmt "
        "(alpha 1), minimum Bayes risk by chrf\n"
        f"{NOTHING}"
    )
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
    command = [*NMT, "translate", "-q", "--model", tiny_bundle, "-o", "/dev/stdout"]
    with (
        path.open("ab") as file,
        start(*command, stdout=file.fileno(), env=ENVIRONMENT) as process,
    ):
        process.stdin.write(b"le chat\n")
        process.stdin.close()
        assert (process.wait(60), process.stderr.read()) == (0, b"")
    assert path.read_bytes().startswith(b"before\n")
    assert path.read_bytes().count(b"\n") == 2
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_of_a_named_pipe_that_goes_away_is_no_error(tiny_bundle, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    command = [*NMT, "translate", "-q", "--model", tiny_bundle, "-o", pipe]
    with start(*command, env=ENVIRONMENT) as process:
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
        ("<&-", 3, b"nmt: error: stdin is closed. Give a file"),
        (">&-", 5, b"nmt: error: stdout is closed, so the result cannot be written."),
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


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        (["--model", ""], "the path is empty"),
        (["--prefix", "a\udcff"], "it is not UTF-8"),
        (["--term", "a\udcff"], "it is not UTF-8"),
        (["--threads", "99999"], "at most 512"),
    ],
)
def test_values_that_cannot_be_meant(tiny_bundle, tmp_path, capsys, options, rule):
    command = [*from_file(tmp_path, b"le chat\n"), "--model", str(tiny_bundle)]
    assert run([*command, *options]) == 2
    assert rule in " ".join(capsys.readouterr().err.split())


def test_a_blank_line_lacks_no_term(tiny_bundle, tmp_path, capsys):
    command = [*from_file(tmp_path, b"\n \n"), "--model", str(tiny_bundle), "--term", "cat"]
    assert run(command) == 0
    told = capsys.readouterr()
    assert told.out == "\n\n"
    assert "lacks" not in told.err


def test_a_line_with_terms_among_drawn_ones(tiny_bundle, tmp_path, capsys):
    lines = b'{"text": "le chat"}\n{"text": "un chien", "terms": ["dog"]}\n'
    command = [*from_file(tmp_path, lines), "--model", str(tiny_bundle), "--input-format", "json"]
    assert run([*command, "--sample"]) == 0
    told = capsys.readouterr()
    first, second = map(json.loads, told.out.removesuffix("\n").split("\n"))
    assert first["translation"]
    assert second["error"].startswith("terms require beam search")
    assert "1 random samples" in told.err
    assert run([*command, "--sample", "--term", "cat"]) == 2


def test_equal_lines_may_have_samples_of_their_own(tiny_bundle, tmp_path, capsys):
    text = b"le chat noir\n" * 4
    command = [*from_file(tmp_path, text), "--model", str(tiny_bundle), "--sample", "--seed", "5"]

    def drawn(*more):
        assert run([*command, *more]) == 0
        return capsys.readouterr().out.split("\n")[:-1]

    assert len(set(drawn())) == len(set(drawn("--draw-by", "text"))) == 1
    by_line = drawn("--draw-by", "line")
    assert len(set(by_line)) == 4
    assert drawn("--draw-by", "line", "--batch", "1") == by_line
    shards = ["--resumable", "--output", str(tmp_path / "out.txt")]
    drawn("--draw-by", "line", *shards)
    assert (tmp_path / "out.txt").read_text(encoding="utf-8").split("\n")[:-1] == by_line

"""What kind of file a text is, in every command that reads texts: by its content, not its name."""

import bz2
import gzip
import io
import lzma
import os
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from nmt.cli.app import run

ANIMALS = ["black cat", "dog", "small bird", "horse"]
PAIRS_ADVICE = (
    "If it holds both sides, name it by `pairs` in place of `source` and `target` "
    "(nmt init --pairs FILE).\n"
)
LINES = [f"The {one} sees the {other}." for one in ANIMALS for other in ANIMALS] + ["It sleeps."]
TEXT = "".join(f"{line}\n" for line in LINES).encode()
OTHER = "".join(f"{line[::-1]}\n" for line in LINES).encode()
DEV = "".join(f"{line}\n" for line in LINES[:6]).encode()

Command = Callable[[Path, Path], list[str]]
"""What is run on a text, beside another one that has as many lines."""


def model_commands(bundle: Path) -> dict[str, Command]:
    model = ["-m", str(bundle), "--device", "cpu", "--threads", "1", "--quiet"]
    return {
        "translate": lambda text, _: ["translate", *model, "--max-length", "2", "-i", str(text)],
        "attention": lambda text, _: ["attention", *model, "-i", str(text)],
        "align": lambda text, other: ["align", *model, "-s", str(text), "-t", str(other)],
        "score --source": lambda text, other: ["score", *model, "-s", str(text), str(other)],
    }


TEXT_COMMANDS: dict[str, Command] = {
    "score": lambda text, other: ["score", str(text), "--ref", str(other)],
    "score --ref": lambda text, other: ["score", str(other), "--ref", str(text)],
    "align --aligner": lambda text, other: [
        *("align", "--aligner", "ibm1", "-s", str(text), "-t", str(other))
    ],
    "init": lambda text, other: ["init", "-s", str(text), "-t", str(other)],
    "init --dev": lambda text, other: [
        *("init", "-s", str(other), "-t", str(other)),
        *("--dev-source", str(text), "--dev-target", str(other)),
    ],
}
ALL = [*TEXT_COMMANDS, "translate", "attention", "align", "score --source", "tokenizer", "binarize"]
CORPUS_COMMANDS = ["init", "init --dev", "tokenizer", "binarize"]
"""The commands whose texts are the two sides of a corpus, which one file may hold."""

commands = pytest.mark.parametrize("command", ALL)


@pytest.fixture
def execute(tiny_bundle, tmp_path, capsys):
    """Runs a command on a text; gives the exit code, stdout and stderr."""
    (tmp_path / "other").write_bytes(OTHER)

    def execute(command: str, name: str, content: bytes) -> tuple[int, str, str]:
        text = tmp_path / name
        text.write_bytes(content)
        known = {**TEXT_COMMANDS, **model_commands(tiny_bundle)}
        if command in known:
            arguments = known[command](text, tmp_path / "other")
        else:
            (tmp_path / "c.yaml").write_text(
                f"data:\n  train: {{source: {name}, target: other}}\n  validation_split: 0.3\n"
                "  exclude_overlap: false\n  max_dropped: 1.0\n"
                "tokenizer: {vocab_size: 300, hard_vocab_limit: false}\nrun_dir: run\n"
                "training: {max_updates: 1}\n"
            )
            arguments = [command, str(tmp_path / "c.yaml")]
            if command == "binarize" and not (tmp_path / "run" / "tokenizer").exists():
                (tmp_path / name).write_bytes(TEXT)
                assert run(["tokenizer", str(tmp_path / "c.yaml")]) == 0
                (tmp_path / name).write_bytes(content)
                capsys.readouterr()
                arguments = ["binarize", str(tmp_path / "c.yaml")]
        code = run(arguments)
        out, told = capsys.readouterr()
        return code, out.replace(f"{text}", "TEXT"), told.replace(f"{text}", "TEXT")

    return execute


@commands
@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("text.xz", lzma.compress),
        ("text.txt", bz2.compress),
        ("text.bz2", lambda data: gzip.compress(data[:300]) + gzip.compress(data[300:])),
    ],
    ids=["xz", "bz2 in txt", "two members of gzip in bz2"],
)
def test_a_compressed_text_is_like_the_text_itself(execute, command, name, pack):
    if command in ("tokenizer", "binarize") and name != "text.xz":
        name = "text.xz"  # one run for each is enough
    plain, packed = execute(command, "plain", TEXT), execute(command, name, pack(TEXT))
    assert plain[0] == packed[0] == 0, packed[2]
    assert packed[1].replace(name, "plain") == plain[1]
    assert packed[2].count("warning") == plain[2].count("warning")


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("corpus.en", TEXT)
    return file.getvalue()


@commands
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zipped(), "TEXT: is a zip archive."),
        (gzip.compress(zipped()), "TEXT: is a zip archive."),
        (b"%PDF-1.4\n" + TEXT, "TEXT: is a PDF document."),
        (TEXT.decode().encode("utf-16"), "TEXT: is text in UTF-16 or UTF-32, not in UTF-8."),
        (lzma.compress(TEXT)[:-30], "TEXT: damaged xz file: cut off at line "),
    ],
    ids=["zip", "zip in gzip", "pdf", "utf-16", "xz cut off"],
)
def test_what_is_no_text_is_refused_by_name(execute, command, content, message):
    code, _, told = execute(command, "text.txt", content)
    assert code == 3
    assert message in told
    assert "Traceback" not in told


@commands
def test_the_line_ends_of_old_macs_are_reported(execute, command):
    code, _, told = execute(command, "text.txt", TEXT.replace(b"\n", b"\r"))
    assert "TEXT: is text with carriage returns" in told
    assert "Convert it: tr '\\r' '\\n' < " in told
    assert code == 3 or command in ("translate", "attention")


@commands
def test_a_table_is_reported(execute, command):
    rows = TEXT.replace(b"\n", b"\tein Satz.\n")
    code, _, told = execute(command, "text.txt", rows)
    assert code == 0
    assert told.count("TEXT: looks like a tab-separated table (TSV).") == 1
    if command in CORPUS_COMMANDS:
        assert f"TEXT: looks like a tab-separated table (TSV). {PAIRS_ADVICE}" in told
    elif command != "translate":
        assert "Split it: cut -f1 < " in told


@pytest.mark.parametrize("command", ["init", "tokenizer", "binarize"])
def test_a_document_is_refused_as_a_corpus(execute, command):
    content = b'<?xml version="1.0"?>\n<tmx version="1.4">\n' + b"<tu>\n" * 15
    code, _, told = execute(command, "text.tmx", content)
    assert code == 3
    assert f"TEXT: is a translation memory (TMX). {PAIRS_ADVICE}" in told


def test_one_table_as_source_and_target_is_refused(tmp_path, capsys):
    table = tmp_path / "corpus.tsv"
    table.write_bytes(TEXT.replace(b"\n", b"\tein Satz.\n"))
    assert run(["init", "-s", str(table), "-t", str(table)]) == 3
    told = capsys.readouterr().err
    assert f"{table}: looks like a tab-separated table (TSV). {PAIRS_ADVICE}" in told


@commands
def test_a_name_that_promises_compression(execute, command):
    code, _, told = execute(command, "text.gz", TEXT)
    assert code == 0
    assert (
        told.count("TEXT: is not a gzip file, despite its name; nmt reads it as plain text.") == 1
    )


@pytest.mark.parametrize(
    ("content", "form", "said"),
    [
        (b"a\tb\nc\td\n", [], "add --input-format tsv --column N"),
        (b"a\tb\nc\td\n", ["--input-format", "tsv"], ""),
        (b'{"text": "a"}\n{"text": "b"}\n', [], "To translate the member"),
        (b'{"text": "a"}\n{"text": "b"}\n', ["--input-format", "json"], ""),
        (b"a\tb\n", [], ""),
        (b'{"text": "a"}\n', [], ""),
        (b"le chat\ta\nun chien\nla maison\n", [], ""),
        (b"<!DOCTYPE html>\nle chat\n", [], "stdin: is an HTML page"),
    ],
)
def test_lines_to_translate_are_never_refused(
    tiny_bundle, monkeypatch, capsys, content, form, said
):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), encoding="utf-8"))
    command = ["translate", "-m", str(tiny_bundle), "--max-length", "2", "--quiet", *form]
    assert run(command) == 0
    out, told = capsys.readouterr()
    assert out.count("\n") == content.count(b"\n")
    assert said in told
    assert ("looks like" in told or "is an HTML" in told) == bool(said)


def test_a_named_pipe_and_compressed_outputs(tiny_bundle, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    thread = threading.Thread(target=lambda: pipe.write_bytes(lzma.compress(DEV)))
    thread.start()
    command = ["translate", "-m", str(tiny_bundle), "--max-length", "2", "-q"]
    assert run([*command, "-i", str(pipe), "-o", str(tmp_path / "out.xz")]) == 0
    thread.join()
    out = lzma.decompress((tmp_path / "out.xz").read_bytes())
    (tmp_path / "in").write_bytes(DEV)
    assert run([*command, "-i", str(tmp_path / "in"), "-o", str(tmp_path / "out")]) == 0
    assert out == (tmp_path / "out").read_bytes()


def test_an_empty_file(execute):
    for name in ("text.gz", "text.xz", "text"):
        code, out, told = execute("translate", name, b"")
        assert (code, out, told) == (0, "", "")
        code, _, told = execute("init", name, b"")
        assert code == 3


def test_findings_are_told_once_and_kept_for_the_report(execute, tmp_path, capsys):
    tokenized = TEXT.replace(b".", b" .").replace(b"cat", b"&quot;cat&quot;")
    code, _, told = execute("binarize", "text", tokenized)
    assert code == 0
    assert told.count("have escaped characters (such as &apos;): ") == 1
    assert "TEXT:2: 'The black &quot;cat&quot; sees the dog .'" in told
    manifest = (tmp_path / "run" / "data" / "manifest.json").read_text(encoding="utf-8")
    assert '"kind": "entities"' in manifest
    assert run(["binarize", str(tmp_path / "c.yaml")]) == 0
    assert "escaped" not in capsys.readouterr().err

"""`nmt tokenizer` and `nmt binarize` as processes."""

import json
import os
import signal
import time

import numpy as np
import pytest
from processes import NMT, python, start

from nmt.data.binary_dataset import Corpus

PLAIN = {key: value for key, value in os.environ.items() if not key.startswith("LC_")}
WORDS = ["river", "tree", "house", "cat", "dog", "sees", "eats", "small", "red", "under"]


def nmt(*arguments, **changes):
    given = {"env": PLAIN, **changes}
    return python(*NMT, *arguments, encoding="utf-8", **given)


def lines(count):
    digits = np.array(np.unravel_index(np.arange(count) * 7919 % 10**5, (10,) * 5)).T
    return [" ".join(WORDS[digit] for digit in row) for row in digits]


@pytest.fixture
def config(tmp_path):
    """A configuration beside its texts, in a folder whose name has a space and is not ASCII."""
    folder = tmp_path / "données brutes"
    folder.mkdir()
    write(folder, 300)
    path = folder / "my.yaml"
    path.write_text(
        "data:\n"
        "  train: {source: train.en, target: train.de}\n"
        "  dev: {source: dev.en, target: dev.de}\n"
        "tokenizer: {kind: bpe, vocab_size: 300}\n"
        "training: {max_updates: 1}\n"
        "run_dir: run\n",
        encoding="utf-8",
    )
    return path


def write(folder, pairs):
    texts = {"train": lines(pairs), "dev": ["grün cat", "", "dog"]}
    for name, text in texts.items():
        for side in ("en", "de"):
            content = "".join(f"{line}\n" for line in text)
            (folder / f"{name}.{side}").write_text(content, encoding="utf-8")


def test_both_commands_keep_stdout_empty_and_say_what_they_did(config):
    made = nmt("tokenizer", config)
    assert (made.returncode, made.stdout) == (0, "")
    assert "300 bpe subwords from 600 lines" in made.stderr
    run = config.parent / "run"
    assert sorted(path.name for path in run.iterdir()) == ["tokenizer"]

    made = nmt("binarize", config)
    assert (made.returncode, made.stdout) == (0, "")
    assert "tokenizer: up to date" in made.stderr
    assert "train: 300 pairs read, 300 kept, 0 dropped" in made.stderr
    assert "warning: source and target of train are the same text" in made.stderr
    assert len(Corpus.open(run / "data" / "train")) == 300
    assert (run / "data" / "dev.source.txt").read_bytes() == "grün cat\n\ndog\n".encode()

    assert "data: up to date" in nmt("binarize", config).stderr
    assert "300 kept" in nmt("binarize", config, "--force").stderr


def test_binarize_trains_the_tokenizer_it_lacks_whatever_the_locale(config, tmp_path):
    made = nmt("binarize", config, env={**PLAIN, "LC_ALL": "C", "PYTHONIOENCODING": "cp1252"})
    assert made.returncode == 0
    run = config.parent / "run"
    assert json.loads((run / "data" / "manifest.json").read_bytes())["dev"]["blank"] == 1
    assert (run / "tokenizer" / "joint.model").exists()


def test_quiet_is_silent_but_for_warnings(config):
    made = nmt("binarize", config, "--quiet")
    assert made.stderr.count("\n") == made.stderr.count("warning: ") == 2


@pytest.mark.parametrize(
    ("file", "content", "code", "message"),
    [
        ("train.de", b"one\ntwo\n", 3, "train.de 2;"),
        ("train.de", None, 3, "train.de: no such file"),
        ("dev.en", b"a\nb\xe9\nc\n", 3, "dev.en: line 2: not valid UTF-8 (byte 0xE9 at column 2)"),
        ("train.en", b"", 3, "train.en"),
        ("train.en", b"a\0b\n" * 300, 3, "train.en: line 1: NUL"),
    ],
)
def test_bad_text_ends_with_code_3_and_leaves_no_data(config, file, content, code, message):
    path = config.parent / file
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    made = nmt("binarize", config)
    assert made.returncode == code
    assert message in made.stderr
    assert "Traceback" not in made.stderr
    assert not (config.parent / "run" / "data").exists()


def test_bad_settings_end_with_code_2(config):
    limit = ["--set", "tokenizer.hard_vocab_limit=true"]
    made = nmt("tokenizer", config, "--set", "tokenizer.vocab_size=100000", *limit)
    assert made.returncode == 2
    assert "tokenizer.vocab_size: 100000 is too large" in made.stderr
    assert not (config.parent / "run" / "tokenizer").exists()
    made = nmt("tokenizer", config, "--set", "tokenizer.user_symbols=[<s>]")
    assert made.returncode == 2
    assert "tokenizer.user_symbols" in made.stderr


def test_texts_in_a_folder_called_data_are_safe_from_a_run_beside_them(config):
    folder = config.parent
    (folder / "data").mkdir()
    for path in folder.glob("*.??"):
        path.rename(folder / "data" / path.name)
    before = {path.name: path.read_bytes() for path in (folder / "data").iterdir()}
    assert len(before) == 4
    for extra in ((), ("--force",)):
        made = nmt(
            "binarize", config, "--set", "data.root=data", "--set", "run_dir=.", *extra, cwd=folder
        )
        assert made.returncode == 2
        assert "Move it away, or choose another run_dir." in made.stderr
        assert "Traceback" not in made.stderr
    assert {path.name: path.read_bytes() for path in (folder / "data").iterdir()} == before


def test_several_processes_work_from_the_command_line(config):
    write(config.parent, 60_000)
    found = []
    for workers in (1, 2):
        made = nmt("binarize", config, "--set", f"data.workers={workers}", "--force")
        assert made.returncode == 0, made.stderr
        found.append((config.parent / "run" / "data" / "train.bin").read_bytes())
    assert found[0] == found[1]


def test_an_interrupt_leaves_nothing_half_made(config):
    write(config.parent, 90_000)
    assert nmt("tokenizer", config, "--set", "tokenizer.max_sentences=1000").returncode == 0
    run = config.parent / "run"
    arguments = ("--set", "tokenizer.max_sentences=1000", "--set", "data.workers=2")
    process = start(*NMT, "binarize", config, *arguments, encoding="utf-8", env=PLAIN)
    while not list(run.glob(".tmp-*")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in told
    assert sorted(path.name for path in run.iterdir()) == ["tokenizer"]

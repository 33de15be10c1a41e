"""Training on files that hold both sides of a corpus."""

import json
import shutil

import pytest

from nmt.cli.app import run
from nmt.config.load import load_config
from nmt.data.input_files import changed_texts, describe_inputs
from nmt.data.manifest import Manifest
from nmt.errors import ConfigError

TEXT = """\
data:
  source_language: fr
  target_language: en
  train: {corpus}
  validation_split: 0.1
training: {{max_updates: 2}}
"""


@pytest.fixture
def pairs(tiny_config):
    """The pairs of the tiny corpus."""
    sides = [
        (tiny_config.parent / name).read_text(encoding="utf-8").split("\n")[:-1]
        for name in ("train.fr", "train.en")
    ]
    return list(zip(*sides, strict=True))


@pytest.fixture
def table(tmp_path, pairs):
    path = tmp_path / "table.tsv"
    rows = ["id\tfr\ten", *(f"{i}\t{fr}\t{en}" for i, (fr, en) in enumerate(pairs))]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def load(folder, corpus):
    file = folder / "c.yaml"
    file.write_text(TEXT.format(corpus=corpus), encoding="utf-8")
    return load_config(file)


def test_the_model_is_that_of_two_files(tiny_config, table, capsys):
    folder = tiny_config.parent
    files = "train: {source: train.fr, target: train.en}"
    text = tiny_config.read_text(encoding="utf-8")
    one_file = f"source_language: fr\n  target_language: en\n  train: {{pairs: {table}}}"
    (folder / "one.yaml").write_text(text.replace(files, one_file), encoding="utf-8")
    commands = {
        name: ["train", str(folder / f"{name}.yaml"), "--set", "training.max_updates=2"]
        for name in ("tiny", "one")
    }
    for name, command in commands.items():
        assert run([*command, "--set", f"run_dir={folder / name}"]) == 0
    two, one = (folder / name / "best" / "model.safetensors" for name in ("tiny", "one"))
    assert two.read_bytes() == one.read_bytes()
    reports = [Manifest.load(folder / name / "data").train for name in ("tiny", "one")]
    two_files, one_file = (each.model_dump(exclude={"parts"}) for each in reports)
    assert one_file == two_files
    capsys.readouterr()
    assert run([*commands["one"], "--set", f"run_dir={folder / 'one'}"]) == 0
    assert "Nothing to do" in capsys.readouterr().err


def test_other_sides_are_another_text(tmp_path, table):
    known = None
    seen = []
    for corpus in (
        f"{{pairs: {table}}}",
        f"{{pairs: {table}, sides: [fr, en]}}",
        f"{{pairs: {table}, sides: [en, fr]}}",
        f"{{pairs: {table}, sides: [2, 3], format: tsv}}",
    ):
        config = load(tmp_path, corpus)
        inputs = describe_inputs({"train": config.data.train}, known)
        assert describe_inputs({"train": config.data.train}, inputs) == inputs
        if known is not None:
            seen.append(bool(changed_texts(known, inputs)))
        known = inputs
    assert seen == [False, True, True]


@pytest.mark.parametrize(
    ("corpus", "message"),
    [
        ("{pairs: a.tsv, source: b}", "has both `pairs` and `source` or `target`"),
        ("{source: b}", "needs `source` and `target`, or `pairs`"),
        ("{source: b, target: c, sides: [1, 2]}", "`format` and `sides` need `pairs`"),
        ("{pairs: a.tsv, format: xls}", "'xls' is not a valid format; choose one of tsv, csv"),
        ("{pairs: a.tsv, sides: [1]}", "data.train.sides"),
        ("{pairs: a.tsv, sides: [1, 2, 3]}", "data.train.sides"),
    ],
)
def test_corpora_that_cannot_be(tmp_path, corpus, message):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, corpus)
    assert message in str(caught.value)


def test_init_writes_what_it_recognised(tmp_path, pairs, capsys):
    file = tmp_path / "data.jsonl"
    records = ({"n": "", "translation": {"fr": fr, "en": en}} for fr, en in pairs)
    file.write_text("".join(json.dumps(each) + "\n" for each in records), encoding="utf-8")
    output = tmp_path / "made.yaml"
    command = ["init", "--pairs", str(file), "-o", str(output)]
    assert run([*command, "--source-language", "fr", "--target-language", "en"]) == 0
    assert "source translation.fr, target translation.en; first pair: " in capsys.readouterr().err
    (train,) = load_config(output).data.train
    assert (train.pairs, train.format) == ((file,), "jsonl")
    assert train.sides == ("translation.fr", "translation.en")


def test_init_lists_files_of_several_kinds(tiny_config, table, pairs, capsys):
    folder = tiny_config.parent
    lines = (json.dumps({"fr": fr, "en": en}) for fr, en in pairs)
    (folder / "more.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    files = ["--source", str(folder / "train.fr"), "--target", str(folder / "train.en")]
    files += ["--pairs", str(table), "--pairs", str(folder / "more.jsonl")]
    output = folder / "made.yaml"
    assert run(["init", *files, "-o", str(output)]) == 0
    train = load_config(output).data.train
    assert [each.source or each.pairs for each in train] == [
        (folder / "train.fr",),
        (table,),
        (folder / "more.jsonl",),
    ]
    assert [each.format for each in train] == [None, "tsv", "jsonl"]
    assert f"    - {{source: {folder}/train.fr, target: {folder}/train.en}}\n" in (
        output.read_text(encoding="utf-8")
    )
    command = ["binarize", str(output), "--set", f"run_dir={folder / 'run'}"]
    assert run([*command, "--set", "data.max_dropped=1"]) == 0
    assert "more.jsonl (fr-en)" in capsys.readouterr().err
    manifest = Manifest.load(folder / "run" / "data")
    read = manifest.train.pairs_read + manifest.dev.pairs_read + manifest.test_pairs
    assert read == 200 + 2 * len(pairs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "give two files of plain text by --source and --target, or files with both sides"),
        (["--source", "a"], "give two files of plain text by --source and --target"),
        (["-p", "t.tsv", "-s", "a"], "--source names 1 files and --target 0; give the same number"),
        (["-s", "a", "-t", "b", "--sides", "1,2"], "--sides and --format belong to --pairs"),
        (["-p", "t.tsv", "--sides", "1"], "--sides 1: give two names with a comma"),
        (["-p", "t.tsv", "--format", "xls"], "'xls' is not a valid format; choose one of tsv, csv"),
        (["-p", "t.tsv"], "t.tsv: has 3 columns: 'id', 'fr', 'en'. Say which are source"),
        (["-p", "t.tsv", "-p", "u.tsv", "--sides", "fr,en"], "u.tsv: has no column 'fr'"),
    ],
)
def test_options_of_init_that_do_not_go_together(
    tmp_path, table, capsys, monkeypatch, options, message
):
    monkeypatch.chdir(tmp_path)
    shutil.copy(table, "t.tsv")
    (tmp_path / "u.tsv").write_text("a\tb\nc\td\n", encoding="utf-8")
    assert run(["init", *options]) in (2, 3)
    assert message in capsys.readouterr().err

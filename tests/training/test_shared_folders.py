"""Tokenizer and data outside of the run, which several runs use."""

import json
import os
import shutil
import subprocess
import sys
import zlib

import pytest
from parallel_texts import parallel_text, write_lines

from nmt.alignment.guided_links import GUIDANCE_FILE, has_guidance
from nmt.config.load import load_config
from nmt.config.settings import Config
from nmt.data import prepared_folder_rules
from nmt.data.tokenizer_preparation import find_tokenizers, prepare_tokenizers
from nmt.errors import ConfigError, DataError, ResourceError, UsageError
from nmt.runtime.lock import hold_lock
from nmt.runtime.run_directory import RunDirectory
from nmt.tokenizers.tokenizer import TokenizerPair
from nmt.training import data_preparation
from nmt.training.data_preparation import find_corpora, prepare_corpora

TRAIN = parallel_text(100)
DEV = (["the cat sees", "a red dog"], ["le chat voit", "un chien rouge"])


@pytest.fixture
def config(make_config, tmp_path):
    """Makes configurations with shared folders; `name` is of the run."""

    def make(name="one", guided=None, **changes):
        made = make_config(**{"train": TRAIN, "dev": DEV, **changes})
        for file in tmp_path.glob("*.*"):  # a text that is written again has the same time
            time = zlib.crc32(file.read_bytes())
            os.utime(file, ns=(time, time))
        training = made.training
        if guided:
            alignment = training.guided_alignment.model_copy(update=guided)
            training = training.model_copy(update={"guided_alignment": alignment})
        return made.model_copy(
            update={
                "run_dir": tmp_path / name,
                "training": training,
                "tokenizer": made.tokenizer.model_copy(update={"dir": tmp_path / "s" / "tok"}),
                "data": made.data.model_copy(update={"dir": tmp_path / "s" / "dat"}),
            }
        )

    return make


def prepare(config: Config, **force):
    run = RunDirectory.from_config(config)
    return prepare_corpora(config, run, prepare_tokenizers(config, run, **force), **force)


def find(config: Config):
    run = RunDirectory.from_config(config)
    tokenizers = find_tokenizers(config, run)
    return None if tokenizers is None else find_corpora(config, run, tokenizers)


def contents(folder):
    return {
        path: (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


BOTH = ["train_tokenizers", "binarize"]


def test_a_second_run_makes_nothing(config, made, tmp_path, capsys):
    first = prepare(config())
    before = contents(tmp_path / "s")
    capsys.readouterr()
    second = prepare(config("two", seed=2))
    assert made == BOTH
    assert contents(tmp_path / "s") == before
    assert second.manifest == first.manifest
    assert not (tmp_path / "one").exists() and not (tmp_path / "two").exists()
    tokenizer = TokenizerPair.load(tmp_path / "s" / "tok").fingerprint[:12]
    assert capsys.readouterr().err.splitlines() == [
        f"tokenizer: up to date ({tmp_path}/s/tok), fingerprint {tokenizer}",
        f"data: up to date ({tmp_path}/s/dat), fingerprint {first.manifest.fingerprint[:12]}",
    ]


def test_data_may_be_shared_by_runs_with_equal_tokenizers_of_their_own(config, made):
    def own(name):
        shared = config(name)
        tokenizer = shared.tokenizer.model_copy(update={"dir": None})
        return shared.model_copy(update={"tokenizer": tokenizer})

    for name in ("one", "two"):
        prepare(own(name))
    assert made == ["train_tokenizers", "binarize", "train_tokenizers"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"tokenizer": {"vocab_size": 331}},
            "s/tok: this tokenizer cannot be used here: tokenizer.vocab_size is 330 in the ",
        ),
        (
            {"tokenizer": {"kind": "unigram", "hard_vocab_limit": False}, "on_bad_utf8": "replace"},
            "data.on_bad_utf8 is error in the folder, replace in the configuration.",
        ),
        ({"train": parallel_text(90)}, "data.train.source has changed ("),
        (
            {"dev": (DEV[0], ["le chat", "x"])},
            "s/dat: this data cannot be used here: data.dev",
        ),
        ({"test": DEV}, "data.test.source has changed ("),
        ({"max_length": 30}, "data.max_length is 100 in the folder, 30 in the configuration."),
        ({"dev": None, "validation_split": 0.1}, "data.validation_split is "),
    ],
)
def test_what_is_out_of_date_is_refused_and_replaced_by_force(
    config, made, tmp_path, change, reason
):
    prepare(config())
    before = contents(tmp_path / "s")
    other = config("two", **change)
    for action in (prepare, find):
        with pytest.raises(UsageError) as refused:
            action(other)
        assert reason in refused.value.message
        key = "tokenizer" if "s/tok" in refused.value.message else "data"
        assert f"Set `{key}.dir`" in refused.value.message
        assert refused.value.message.count("\n") == 1
    assert contents(tmp_path / "s") == before
    assert made == BOTH
    prepare(other, force=True)
    assert made == BOTH * 2
    with pytest.raises(UsageError, match="cannot be used here"):
        prepare(config())


def test_many_reasons_are_cut_short(config):
    prepare(config())
    tokenizer = {"joint": False, "vocab_size": 300, "character_coverage": 0.9, "kind": "unigram"}
    with pytest.raises(UsageError, match=r"; and 1 more\.\n"):
        prepare(config("two", tokenizer={**tokenizer, "byte_fallback": False}))


def test_data_of_another_tokenizer_are_refused(config):
    first = prepare(config())
    other = config("two", tokenizer={"vocab_size": 331})
    other = other.model_copy(update={"tokenizer": other.tokenizer.model_copy(update={"dir": None})})
    with pytest.raises(UsageError) as refused:
        prepare(other)
    there = first.manifest.tokenizer[:12]
    here = TokenizerPair.load(RunDirectory.from_config(other).tokenizer).fingerprint[:12]
    told = f"it was made with the tokenizer {there}, but this run has {here}."
    assert told in refused.value.message


@pytest.mark.parametrize(
    ("folder", "name", "reason"),
    [
        ("tok", "joint.model", "its models are damaged."),
        ("tok", "tokenizer.json", "has models without a valid record"),
        ("dat", "train.bin", "train.bin: damaged"),
        ("dat", "dev.idx", "dev.idx: damaged"),
        ("dat", "dev.source.txt", "lines instead of 2"),
        ("dat", "manifest.json", "its manifest is not readable."),
    ],
)
def test_damaged_ones_are_refused_and_not_made_anew(config, made, folder, name, reason):
    prepare(config())
    file = config().tokenizer.dir.parent / folder / name
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    before = contents(file.parent)
    with pytest.raises(UsageError) as refused:
        prepare(config("two"))
    assert reason in refused.value.message
    assert contents(file.parent) == before
    prepare(config("two"), force=True)
    assert prepare(config()).train.fingerprint


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("folder", ["tok", "dat"])
def test_what_nmt_did_not_make_is_never_replaced(config, tmp_path, folder, force):
    theirs = tmp_path / "s" / folder / "thesis.txt"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("mine", encoding="utf-8")
    key = {"tok": "tokenizer.dir", "dat": "data.dir"}[folder]
    with pytest.raises(UsageError, match=rf"\(thesis.txt\)\.\nMove .* choose another {key}\."):
        prepare(config(), force=force)
    assert theirs.read_text(encoding="utf-8") == "mine"


def test_a_missing_one_is_not_made_for_a_run_that_was_trained_with_it(config, made, tmp_path):
    prepare(config())
    (tmp_path / "one" / "checkpoints" / "step-00000001").mkdir(parents=True)
    for folder, key in (("tok", "tokenizer"), ("dat", "data")):
        (tmp_path / "s" / folder).rename(tmp_path / "away")
        for action in (prepare, find):
            with pytest.raises(DataError, match=f"s/{folder}: is missing") as refused:
                action(config())
            assert f"`{key}.dir`" in refused.value.message
        (tmp_path / "away").rename(tmp_path / "s" / folder)
    assert made == BOTH
    shutil.rmtree(tmp_path / "s")
    prepare(config(), force=True)
    assert made == BOTH * 2


def test_an_empty_folder_may_be_filled(config, tmp_path):
    for name in ("tok", "dat"):
        (tmp_path / "s" / name).mkdir(parents=True)
    assert len(prepare(config()).train) == 100


def test_times_of_texts_are_kept_up_and_other_paths_leave_the_record_alone(config, made, tmp_path):
    prepare(config())
    manifest = tmp_path / "s" / "dat" / "manifest.json"
    found = json.loads(manifest.read_text(encoding="utf-8"))["inputs"]
    assert found["train.source"][0]["path"] == str(tmp_path / "train.source")
    moved = write_lines(tmp_path / "elsewhere", DEV[1])
    other = config("two")
    dev = other.data.dev[0].model_copy(update={"target": (moved,)})
    other = other.model_copy(update={"data": other.data.model_copy(update={"dev": (dev,)})})
    before = contents(tmp_path / "s")
    prepare(other)
    assert contents(tmp_path / "s") == before
    first = config()
    os.utime(tmp_path / "train.source")
    prepare(first)
    assert contents(tmp_path / "s") != before
    assert made == BOTH


def test_runs_with_and_without_guidance_share_data(config, made, tmp_path):
    assert prepare(config()).links is None
    assert prepare(config("two", guided={"aligner": "ibm1"})).links is not None
    links = contents(tmp_path / "s")
    assert prepare(config("three")).links is None
    assert prepare(config("four", guided={"aligner": "ibm1"})).links is not None
    assert contents(tmp_path / "s") == links
    assert made == BOTH
    other = config("five", guided={"aligner": "hmm"})
    with pytest.raises(UsageError, match=rf"{GUIDANCE_FILE}: its links come from different files"):
        prepare(other)
    assert contents(tmp_path / "s") == links
    folder, train = other.data.dir, prepare(config()).train
    assert has_guidance(config(), folder, train)
    assert has_guidance(config(guided={"aligner": "ibm1"}), folder, train)
    assert not has_guidance(other, folder, train)
    prepare(other, force=True)
    assert has_guidance(other, folder, train)


def test_a_tokenizer_that_is_taken_over_is_shared_too(config, made, tmp_path):
    old = tmp_path / "old"
    prepare_tokenizers(config(), RunDirectory(old))
    shutil.copytree(old / "tokenizer", old / "best")

    def fine_tuned(name, **changes):
        begun = config(name, **changes)
        training = begun.training.model_copy(update={"init_from": old})
        return begun.model_copy(update={"training": training})

    for name in ("one", "two"):
        prepare(fine_tuned(name, train=parallel_text(50)))
    assert made == [*BOTH]
    with pytest.raises(UsageError, match="it was copied from "):
        prepare(config("three"))
    other = tmp_path / "other"
    prepare_tokenizers(config(tokenizer={"vocab_size": 331}), RunDirectory(other))
    shutil.copytree(other / "tokenizer", other / "best")
    begun = config("four")
    training = begun.training.model_copy(update={"init_from": other})
    with pytest.raises(UsageError, match=r"set `tokenizer\.dir` to another folder"):
        prepare(begun.model_copy(update={"training": training}))


def test_the_folder_of_another_run_may_be_named(config, made):
    """The lock is that of the folder, whoever it belongs to."""
    owner = config("owner").model_copy(
        update={
            name: getattr(config(), name).model_copy(update={"dir": None})
            for name in ("tokenizer", "data")
        }
    )
    prepare(owner)
    place = RunDirectory.from_config(owner)
    user = config("user").model_copy(
        update={
            "tokenizer": owner.tokenizer.model_copy(update={"dir": place.tokenizer}),
            "data": owner.data.model_copy(update={"dir": place.data}),
        }
    )
    prepare(user)
    assert made == BOTH
    assert place.preparation_locks == tuple(
        prepared_folder_rules.preparation_lock(each) for each in (place.tokenizer, place.data)
    )
    assert RunDirectory.from_config(user).preparation_locks == ()


def test_what_a_killed_process_left_is_removed_and_the_rest_left_alone(config, made, tmp_path):
    prepare(config())
    shared = tmp_path / "s"
    for name in ("tok", "dat"):
        aside = shared / f".old-{name}-0123abcd"
        aside.mkdir()
        (shared / name).rename(aside / name)
        (shared / f".tmp-{name}-0123abcd").mkdir()
    (shared / ".tmp-other-0123abcd").mkdir()
    (shared / ".tok.preparing").write_text("1\n", encoding="ascii")  # of a killed process
    prepare(config("two"))
    assert made == BOTH
    assert sorted(path.name for path in shared.iterdir()) == [".tmp-other-0123abcd", "dat", "tok"]


def test_an_interrupted_one_leaves_nothing(config, tmp_path, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(data_preparation, "binarize", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare(config())
    assert [path.name for path in (tmp_path / "s").iterdir()] == ["tok"]
    assert len(prepare(config("two")).train) == 100


def test_a_folder_that_may_only_be_read_is_used(config, made, tmp_path, monkeypatch):
    prepare(config())
    os.utime(tmp_path / "train.source")
    before = contents(tmp_path / "s")

    def denied(path, mode):
        return mode != prepared_folder_rules.os.W_OK

    def refuse(*_, **__):
        raise ResourceError("cannot be written")

    monkeypatch.setattr(prepared_folder_rules.os, "access", denied)
    monkeypatch.setattr(prepared_folder_rules, "hold_lock", refuse)
    prepare(config("two"))
    assert contents(tmp_path / "s") == before
    shutil.rmtree(tmp_path / "s" / "dat")
    with pytest.raises(ResourceError):
        prepare(config("two"))


_PREPARE = """
import sys
from pathlib import Path
from nmt.config.load import load_config
from nmt.training.data_preparation import prepare_corpora
from nmt.data.tokenizer_preparation import prepare_tokenizers
from nmt.runtime.run_directory import RunDirectory

config = load_config(Path(sys.argv[1]), sys.argv[2:])
run = RunDirectory.from_config(config)
print("ready", flush=True)
sys.stdin.readline()
prepare_corpora(config, run, prepare_tokenizers(config, run))
"""


def test_two_processes_that_start_at_once_make_each_folder_once(tiny_config, tmp_path):
    shared = [f"tokenizer.dir={tmp_path}/s/tok", f"data.dir={tmp_path}/s/dat"]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _PREPARE, tiny_config, f"run_dir={tmp_path / name}", *shared],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    told = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    for text, times in (
        ("subwords from 400 lines", 1),
        ("train: 200 pairs read", 1),
        (f"tokenizer: up to date ({tmp_path}/s/tok)", 1),
        (f"data: up to date ({tmp_path}/s/dat)", 1),
    ):
        assert sum(text in each for each in told) == times, told
    assert sorted(path.name for path in (tmp_path / "s").iterdir()) == ["dat", "tok"]


def test_one_waits_for_one_that_makes_it(config, tmp_path, monkeypatch):
    folder, said = tmp_path / "s" / "tok", []
    held = hold_lock(folder.with_name(".tok.preparing"), "a test")
    held.__enter__()

    def say(text):
        said.append(text)
        held.__exit__(None, None, None)

    monkeypatch.setattr(prepared_folder_rules, "say", say)
    prepare_tokenizers(config(), RunDirectory.from_config(config()))
    assert len(said) == 1 and said[0].startswith(f"{folder}: another nmt (process ")


def test_relative_paths_are_looked_up_as_others_are(tiny_config, tmp_path, monkeypatch):
    text = tiny_config.read_text(encoding="utf-8")
    text = text.replace("tokenizer: {", "tokenizer: {dir: ../shared/tok, ")
    tiny_config.write_text(text.replace("data:\n", "data:\n  dir: ~/dat\n"), encoding="utf-8")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    config = load_config(tiny_config)
    assert config.tokenizer.dir == tmp_path.parent / "shared" / "tok"
    assert config.data.dir == tmp_path / "home" / "dat"
    config = load_config(tiny_config, ["tokenizer.dir=tok", "data.dir=./x/../dat"])
    assert config.tokenizer.dir == elsewhere / "tok"
    assert config.data.dir == elsewhere / "dat"
    assert load_config(tiny_config, ["tokenizer.dir=null"]).tokenizer.dir is None


def test_the_folders_that_a_run_has_by_default_move_with_it(tiny_config, tmp_path):
    named = ["run_dir=r", f"tokenizer.dir={tmp_path / 'r'}/tokenizer", "data.dir=r/data"]
    named[0] = f"run_dir={tmp_path / 'r'}"
    named[2] = f"data.dir={tmp_path / 'r' / 'data'}"
    config = load_config(tiny_config, named)
    assert (config.tokenizer.dir, config.data.dir) == (None, None)
    moved = RunDirectory.from_config(config, tmp_path / "moved")
    assert moved.data == tmp_path / "moved" / "data"


@pytest.mark.parametrize(
    ("tokenizer", "data", "message"),
    [
        ("r/data", "d", "tokenizer.dir.*is inside run_dir"),
        ("t", "r/checkpoints/data", "data.dir.*is inside run_dir"),
        ("t", "r", "data.dir.*is inside run_dir"),
        (".", "d", "tokenizer.dir.*contains run_dir"),
        ("x", "x", "data.dir.*contain each other"),
        ("x/tok", "x", "data.dir.*contain each other"),
        ("x", "x/dat", "data.dir.*contain each other"),
    ],
)
def test_folders_in_each_other_are_refused(tiny_config, tmp_path, tokenizer, data, message):
    places = {"run_dir": "r", "tokenizer.dir": tokenizer, "data.dir": data}
    with pytest.raises(ConfigError, match=message):
        load_config(tiny_config, [f"{key}={tmp_path / place}" for key, place in places.items()])


def test_a_given_model_is_shared_like_one_that_was_trained(config, made, tmp_path):
    prepare_tokenizers(config(), RunDirectory(tmp_path / "other"))
    made.clear()

    def given(name, path):
        begun = config(name)
        settings = {"model": str(path), "dir": str(tmp_path / "s" / "tok")}
        tokenizer = begun.tokenizer.model_validate(settings)
        return begun.model_copy(update={"tokenizer": tokenizer})

    model = tmp_path / "other" / "tokenizer" / "joint.model"
    for name in ("one", "two"):
        prepare(given(name, model))
    assert made == ["binarize"]
    with pytest.raises(UsageError, match=r"it was given by `tokenizer\.model`, but"):
        prepare(config("three"))
    other = config(tokenizer={"vocab_size": 331})
    prepare_tokenizers(other, RunDirectory(tmp_path / "another"))
    model = tmp_path / "another" / "tokenizer" / "joint.model"
    with pytest.raises(UsageError, match="but the configuration has another existing model"):
        prepare(given("four", model))

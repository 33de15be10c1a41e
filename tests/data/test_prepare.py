import os
import shutil
import subprocess
import sys

import pytest
from parallel_texts import parallel_text, write_lines

from nmt.data import prepare as prepare_module
from nmt.data.prepare import prepare_corpora, prepare_tokenizers
from nmt.errors import DataError, ResourceError, UsageError
from nmt.runtime.lock import exclusive
from nmt.runtime.run_directory import RunDirectory

DEV = (["the cat sees", "a red dog"], ["le chat voit", "un chien rouge"])
TRAIN = parallel_text(100)


@pytest.fixture
def run(tmp_path):
    return RunDirectory(tmp_path / "run")


@pytest.fixture
def made(monkeypatch):
    """What was made and not only opened, in order."""
    record = []
    for name in ("train_tokenizers", "binarize"):
        original = getattr(prepare_module, name)

        def spy(*arguments, _name=name, _original=original):
            record.append(_name)
            return _original(*arguments)

        monkeypatch.setattr(prepare_module, name, spy)
    return record


def prepare(config, run, **force):
    return prepare_corpora(config, run, prepare_tokenizers(config, run, **force), **force)


BOTH = ["train_tokenizers", "binarize"]


def test_what_is_up_to_date_is_only_opened(make_config, run, made, capsys):
    config = make_config(TRAIN, DEV)
    first = prepare(config, run)
    second = prepare(config, run)
    assert made == BOTH
    assert second.manifest == first.manifest
    assert second.train.fingerprint == first.train.fingerprint
    told = capsys.readouterr().err
    assert f"tokenizer: up to date ({run.tokenizer})" in told
    assert f"data: up to date ({run.data})" in told
    prepare(config, run, force=True)
    assert made == BOTH * 2


def test_a_text_is_known_by_content_and_not_by_time_or_place(make_config, run, made, tmp_path):
    prepare(make_config(TRAIN, DEV), run)
    os.utime(tmp_path / "train.source", ns=(1, 1))
    moved = write_lines(tmp_path / "elsewhere", DEV[1])
    config = make_config(TRAIN, DEV)
    dev = config.data.dev.model_copy(update={"target": (moved,)})
    config = config.model_copy(update={"data": config.data.model_copy(update={"dev": dev})})
    manifest = prepare(config, run).manifest
    assert made == BOTH
    assert manifest.inputs != prepare(make_config(TRAIN, DEV), run).manifest.inputs


def test_an_unchanged_text_is_not_read_again(make_config, run, monkeypatch):
    config = make_config(TRAIN, DEV)
    prepare(config, run)
    monkeypatch.setattr("nmt.data.inputs.sha256", None)
    monkeypatch.setattr("nmt.data.inputs.count_lines", None)
    assert len(prepare(config, run).train) == 100


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"dev": (DEV[0], ["le chat", "x"])}, ["binarize"]),
        ({"train": (TRAIN[0], [*TRAIN[1][:-1], "x"])}, BOTH),
        ({"max_length": 30}, ["binarize"]),
        ({"test": DEV}, ["binarize"]),
        ({"tokenizer": {"vocab_size": 331}}, BOTH),
        ({"tokenizer": {"sampling": {"alpha": 0.1}}}, []),
        ({"workers": 3, "source_language": "en"}, []),
        ({"seed": 2}, []),
    ],
)
def test_what_is_out_of_date_is_made_anew(make_config, run, made, change, expected):
    prepare(make_config(TRAIN, DEV), run)
    made.clear()
    prepare(make_config(**{"train": TRAIN, "dev": DEV, **change}), run)
    assert made == expected


def test_the_seed_counts_where_it_splits(make_config, run, made):
    prepare(make_config(TRAIN, validation_split=0.2), run)
    prepare(make_config(TRAIN, validation_split=0.2, seed=2), run)
    assert made == BOTH * 2


@pytest.mark.parametrize(
    "name", ["train.bin", "train.idx", "dev.bin", "dev.source.txt", "manifest.json"]
)
def test_damaged_data_are_made_anew_with_a_warning(make_config, run, made, name, capsys):
    config = make_config(TRAIN, DEV)
    first = prepare(config, run)
    content = (run.data / name).read_bytes()
    (run.data / name).write_bytes(content[: len(content) // 2])
    assert prepare(config, run).train.fingerprint == first.train.fingerprint
    assert made == [*BOTH, "binarize"]
    assert "warning: " in capsys.readouterr().err
    assert (run.data / name).read_bytes() == content


def test_corpora_of_another_run_are_found_out(make_config, run, made, tmp_path):
    config = make_config(TRAIN, DEV)
    first = prepare(config, run)
    other = RunDirectory(tmp_path / "other")
    prepare(make_config((TRAIN[1], TRAIN[0]), DEV), other)
    for ending in ("bin", "idx"):
        shutil.copy(other.data / f"train.{ending}", run.data)
    made.clear()
    assert prepare(make_config(TRAIN, DEV), run).train.fingerprint == first.train.fingerprint
    assert made == ["binarize"]


def test_a_damaged_tokenizer_is_trained_anew_with_a_warning(make_config, run, made, capsys):
    config = make_config(TRAIN, DEV)
    fingerprint = prepare_tokenizers(config, run).fingerprint
    path = run.tokenizer / "joint.model"
    path.write_bytes(path.read_bytes()[:1000])
    assert prepare_tokenizers(config, run).fingerprint == fingerprint
    assert "warning: " in capsys.readouterr().err
    assert made == ["train_tokenizers"] * 2


def test_the_tokenizer_of_a_trained_run_is_not_replaced(make_config, run):
    tokenizers = prepare_tokenizers(make_config(TRAIN, DEV), run)
    (run.checkpoints / "step-00000001").mkdir(parents=True)
    assert prepare_tokenizers(make_config(TRAIN, DEV), run).fingerprint == tokenizers.fingerprint
    changed = make_config(TRAIN, DEV, tokenizer={"vocab_size": 331})
    with pytest.raises(UsageError, match="has checkpoints trained with it"):
        prepare_tokenizers(changed, run)
    assert prepare_tokenizers(changed, run, force=True).source.size == 331


def test_models_that_others_put_there_are_not_replaced(make_config, run):
    config = make_config(TRAIN, DEV)
    prepare_tokenizers(config, run)
    (run.tokenizer / "tokenizer.json").unlink()
    with pytest.raises(UsageError, match="without a sound record"):
        prepare_tokenizers(config, run)
    assert (run.tokenizer / "joint.model").exists()


def test_an_interrupted_binarization_leaves_the_old_data(make_config, run, monkeypatch):
    config = make_config(TRAIN, DEV)
    first = prepare(config, run)

    def interrupted(*arguments):
        (arguments[-1] / "train.bin").write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(prepare_module, "binarize", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare(config, run, force=True)
    assert sorted(path.name for path in run.path.iterdir()) == ["data", "tokenizer"]
    assert prepare(config, run).manifest == first.manifest


def test_a_text_that_changes_while_it_is_read_is_refused(make_config, run, tmp_path, monkeypatch):
    config = make_config(TRAIN, DEV)
    original = prepare_module.binarize

    def slow(*arguments):
        manifest = original(*arguments)
        write_lines(tmp_path / "dev.source", ["other text", "of two lines"])
        return manifest

    monkeypatch.setattr(prepare_module, "binarize", slow)
    with pytest.raises(DataError, match="changed while it was read"):
        prepare(config, run)
    assert not run.data.exists()


def test_two_at_once_are_refused_and_a_killed_holder_is_not_waited_for(make_config, run):
    config = make_config(TRAIN, DEV)
    program = (
        "import sys, time; from pathlib import Path; from nmt.runtime.lock import exclusive\n"
        "with exclusive(Path(sys.argv[1]), 'it'):\n    print('held', flush=True); time.sleep(60)"
    )
    lock = run.path / ".preparing"
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(lock)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ResourceError, match=rf"another nmt \(process {holder.pid}\)"):
            prepare_tokenizers(config, run)
    finally:
        holder.kill()
        holder.communicate()
    assert lock.exists()
    prepare_tokenizers(config, run)
    assert not lock.exists()


def test_a_lock_is_let_go_after_an_error(tmp_path):
    lock = tmp_path / "deep" / "lock"
    with pytest.raises(ValueError, match="boo"), exclusive(lock, "it"):
        raise ValueError("boo")
    again = pytest.raises(ResourceError, match="at work on it")
    with exclusive(lock, "it"), again, exclusive(lock, "it"):
        raise AssertionError("held twice")
    assert not lock.exists()

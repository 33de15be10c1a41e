import os
import shutil
import subprocess
import sys

import pytest
from parallel_texts import parallel_text, write_lines

from nmt.config.settings import ModelSettings
from nmt.data import prepared_folder_rules
from nmt.data.tokenizer_preparation import find_tokenizers, prepare_tokenizers
from nmt.errors import ConfigError, DataError, ResourceError, UsageError
from nmt.runtime.lock import hold_lock
from nmt.runtime.run_directory import RunDirectory
from nmt.training import data_preparation
from nmt.training.data_preparation import prepare_corpora

DEV = (["the cat sees", "a red dog"], ["le chat voit", "un chien rouge"])
TRAIN = parallel_text(100)


@pytest.fixture
def run(tmp_path):
    return RunDirectory(tmp_path / "run")


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
    dev = config.data.dev[0].model_copy(update={"target": (moved,)})
    config = config.model_copy(update={"data": config.data.model_copy(update={"dev": (dev,)})})
    manifest = prepare(config, run).manifest
    assert made == BOTH
    assert manifest.inputs != prepare(make_config(TRAIN, DEV), run).manifest.inputs


def test_an_unchanged_text_is_not_read_again(make_config, run, monkeypatch):
    config = make_config(TRAIN, DEV)
    prepare(config, run)
    monkeypatch.setattr("nmt.data.input_files.sha256", None)
    monkeypatch.setattr("nmt.data.input_files.count_lines", None)
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


def test_swapped_languages_are_refused_where_something_is_made(make_config, run, made, tmp_path):
    config = make_config(TRAIN, DEV)
    texts = {"source": tmp_path / "dev.fr", "target": tmp_path / "dev.en"}
    for name, lines in zip(texts, DEV, strict=True):
        write_lines(texts[name], lines)
    dev = {name: (path,) for name, path in texts.items()}
    languages = {"source_language": "fr", "target_language": "en"}
    data = config.data.model_copy(
        update={"dev": (config.data.dev[0].model_copy(update=dev),), **languages}
    )
    right = config.model_copy(update={"data": data})
    swapped = {"source_language": "en", "target_language": "fr"}
    wrong = config.model_copy(update={"data": data.model_copy(update=swapped)})
    tokenizers = prepare_tokenizers(right, run)
    with pytest.raises(ConfigError, match="suggest the opposite"):
        prepare_corpora(wrong, run, tokenizers)
    with pytest.raises(ConfigError, match="suggest the opposite"):
        prepare_tokenizers(wrong, RunDirectory(tmp_path / "another"))
    assert made == BOTH[:1]
    prepare(right, run)
    prepare(wrong, run)  # what was made before goes on being used
    assert made == BOTH


def test_the_seed_of_the_split_counts_and_that_of_the_run_does_not(make_config, run, made):
    prepare(make_config(TRAIN, validation_split=0.2), run)
    prepare(make_config(TRAIN, validation_split=0.2, seed=2), run)
    assert made == BOTH
    prepare(make_config(TRAIN, validation_split=0.2, split_seed=2), run)
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
    told = capsys.readouterr().err
    assert "warning: " in told and "re-run `nmt binarize`." in told
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


def test_auto_takes_the_rule_that_a_trained_run_has(make_config, run):
    texts = parallel_text(100)
    begun = make_config(texts, DEV, tokenizer={"normalization": "nmt_nfkc"})
    now = make_config(texts, DEV)
    old = prepare_tokenizers(begun, run)
    (run.checkpoints / "step-00000001").mkdir(parents=True)
    assert prepare_tokenizers(now, run).fingerprint == old.fingerprint
    assert find_tokenizers(now, run) is not None
    asked = make_config(texts, DEV, tokenizer={"normalization": "identity"})
    with pytest.raises(UsageError, match="out of date"):
        prepare_tokenizers(asked, run)
    (run.checkpoints / "step-00000001").rmdir()
    assert prepare_tokenizers(now, run).fingerprint != old.fingerprint


def test_the_tokenizer_of_a_trained_run_is_not_replaced(make_config, run):
    tokenizers = prepare_tokenizers(make_config(TRAIN, DEV), run)
    (run.checkpoints / "step-00000001").mkdir(parents=True)
    assert prepare_tokenizers(make_config(TRAIN, DEV), run).fingerprint == tokenizers.fingerprint
    changed = make_config(TRAIN, DEV, tokenizer={"vocab_size": 331})
    with pytest.raises(UsageError, match="the checkpoints of this run need it"):
        prepare_tokenizers(changed, run)
    assert prepare_tokenizers(changed, run, force=True).source.size == 331


def test_a_missing_tokenizer_of_a_trained_run_is_called_missing(make_config, run):
    tokenizers = prepare_tokenizers(make_config(TRAIN, DEV), run)
    (run.checkpoints / "step-00000001").mkdir(parents=True)
    run.tokenizer.rename(run.path / "away")
    with pytest.raises(UsageError, match="tokenizer: is missing, but the checkpoints of this run"):
        prepare_tokenizers(make_config(TRAIN, DEV), run)
    again = prepare_tokenizers(make_config(TRAIN, DEV), run, force=True)
    assert again.fingerprint == tokenizers.fingerprint


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("change", [{}, {"tokenizer": {"vocab_size": 331}}])
def test_models_that_others_put_there_are_not_replaced(make_config, run, tmp_path, force, change):
    config = make_config(TRAIN, DEV, **change)
    prepare_tokenizers(make_config(TRAIN, DEV), run)
    other = RunDirectory(tmp_path / "other")
    prepare_tokenizers(make_config(TRAIN, DEV, tokenizer={"vocab_size": 340}), other)
    shutil.copy(other.tokenizer / "joint.model", run.tokenizer)
    with pytest.raises(UsageError, match="nmt did not make them here"):
        prepare_tokenizers(config, run, force)
    (run.tokenizer / "tokenizer.json").unlink()
    with pytest.raises(UsageError, match=r"files that nmt did not make \(joint.model\)"):
        prepare_tokenizers(config, run, force)
    content = (other.tokenizer / "joint.model").read_bytes()
    assert (run.tokenizer / "joint.model").read_bytes() == content


def test_models_with_a_damaged_record_are_replaced_only_by_force(make_config, run, capsys):
    config = make_config(TRAIN, DEV)
    prepare_tokenizers(config, run)
    record = run.tokenizer / "tokenizer.json"
    record.write_bytes(record.read_bytes()[:100])
    with pytest.raises(UsageError, match="without a valid record"):
        prepare_tokenizers(config, run)
    told = capsys.readouterr().err
    assert "tokenizer.json: damaged (" in told and "re-run `nmt tokenizer`." in told
    assert prepare_tokenizers(config, run, force=True).joint
    separate = make_config(TRAIN, DEV, tokenizer={"joint": False, "vocab_size": 280})
    for changed in (separate, config):
        prepare_tokenizers(changed, run)


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("name", ["data", "tokenizer"])
@pytest.mark.parametrize(
    "content",
    [
        {"train.en": "a text"},
        {"train.bin": "tokens", "train.idx": "of another program"},
        {"manifest.json": '{"files": []}', "tokenizer.json": '{"version": "1.0"}'},
        {"manifest.json": '{\n  "version": 1', "tokenizer.json": '{\n  "version": 1', "notes": "!"},
        None,
    ],
)
def test_a_folder_of_the_users_is_never_replaced(make_config, tmp_path, name, content, force):
    config = make_config(TRAIN, DEV)
    run = RunDirectory(tmp_path)
    if content is None:
        (tmp_path / name).write_text("a file", encoding="utf-8")
    else:
        (tmp_path / name).mkdir()
        for file, text in content.items():
            (tmp_path / name / file).write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="Move it away, or choose another run_dir"):
        prepare(config, run, force=force)
    if content is None:
        assert (tmp_path / name).read_text(encoding="utf-8") == "a file"
    else:
        found = {path.name: path.read_text("utf-8") for path in (tmp_path / name).iterdir()}
        assert found == content


def test_what_a_user_put_beside_our_data_is_not_lost(make_config, run):
    config = make_config(TRAIN, DEV)
    prepare(config, run)
    (run.data / "notes.txt").write_text("mine", encoding="utf-8")
    prepare(config, run)
    with pytest.raises(UsageError, match=r"did not make \(notes.txt\)"):
        prepare(make_config(TRAIN, DEV, max_length=30), run)
    assert (run.data / "notes.txt").exists()


def test_an_empty_folder_may_be_filled(make_config, run):
    run.data.mkdir(parents=True)
    run.tokenizer.mkdir()
    assert len(prepare(make_config(TRAIN, DEV), run).train) == 100


def test_what_a_killed_process_left_is_mended_and_the_rest_left_alone(make_config, run, made):
    config = make_config(TRAIN, DEV)
    prepare(config, run)
    for folder in (run.data, run.tokenizer):
        aside = run.path / f".old-{folder.name}-0123abcd"
        aside.mkdir()
        folder.rename(aside / folder.name)
        (run.path / f".tmp-{folder.name}-0123abcd").mkdir()
    for name in ("data/data/.tmp-manifest.json-", "tokenizer/tokenizer/.tmp-tokenizer.json-"):
        (run.path / f".old-{name.replace('/', '-0123abcd/', 1)}0123abcd").write_bytes(b"half")
    others = [".tmp-best-0123abcd", ".tmp-config.yaml-0123abcd", ".tmp-mine", ".old-best-0123abcd"]
    for name in others:
        (run.path / name).mkdir()
    prepare(config, run)
    assert made == BOTH
    assert sorted(path.name for path in run.path.iterdir()) == sorted(
        [*others, "data", "tokenizer"]
    )
    prepare(config, run, force=True)


def test_a_changed_byte_is_found_and_the_data_made_anew(make_config, run, made, capsys):
    config = make_config(TRAIN, DEV)
    prepare(config, run)
    for name in ("train.bin", "train.idx", "dev.bin"):
        content = (run.data / name).read_bytes()
        place = len(content) // 2
        changed = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        (run.data / name).write_bytes(changed)
        prepare(config, run)
        assert f"{name}: damaged: its checksum is wrong" in capsys.readouterr().err
        assert (run.data / name).read_bytes() == content
    assert made == [*BOTH, *["binarize"] * 3]


def test_an_interrupted_binarization_leaves_the_old_data(make_config, run, monkeypatch):
    config = make_config(TRAIN, DEV)
    first = prepare(config, run)

    def interrupted(*arguments):
        (arguments[-1] / "train.bin").write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(data_preparation, "binarize", interrupted)
        with pytest.raises(KeyboardInterrupt):
            prepare(config, run, force=True)
    assert sorted(path.name for path in run.path.iterdir()) == ["data", "tokenizer"]
    assert prepare(config, run).manifest == first.manifest


def test_a_text_that_changes_while_it_is_read_is_refused(make_config, run, tmp_path, monkeypatch):
    config = make_config(TRAIN, DEV)
    original = data_preparation.binarize

    def slow(*arguments):
        manifest = original(*arguments)
        write_lines(tmp_path / "dev.source", ["other text", "of two lines"])
        return manifest

    monkeypatch.setattr(data_preparation, "binarize", slow)
    with pytest.raises(DataError, match="changed while nmt read it"):
        prepare(config, run)
    assert not run.data.exists()


def test_two_at_once_wait_for_each_other_and_not_for_one_that_was_killed(
    make_config, run, monkeypatch, capsys
):
    config = make_config(TRAIN, DEV)
    program = (
        "import sys, time; from pathlib import Path; from nmt.runtime.lock import hold_lock\n"
        "with hold_lock(Path(sys.argv[1]), 'it'):\n    print('held', flush=True); time.sleep(60)"
    )
    lock = run.path / ".tokenizer.preparing"
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(lock)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        said = []

        def say(text):
            said.append(text)
            holder.kill()

        monkeypatch.setattr(prepared_folder_rules, "say", say)
        prepare_tokenizers(config, run)
        assert said == [
            f"{run.tokenizer}: another nmt (process {holder.pid}) is writing it; waiting."
        ]
    finally:
        holder.kill()
        holder.communicate()
    assert not lock.exists()


def test_a_lock_is_let_go_after_an_error(tmp_path):
    lock = tmp_path / "deep" / "lock"
    with pytest.raises(ValueError, match="boo"), hold_lock(lock, "it"):
        raise ValueError("boo")
    again = pytest.raises(ResourceError, match="is using it")
    with hold_lock(lock, "it"), again, hold_lock(lock, "it"):
        raise AssertionError("held twice")
    assert not lock.exists()


def test_a_lock_of_a_folder_that_was_moved_away_leaves_the_new_one_alone(tmp_path):
    folder = tmp_path / "run"
    with hold_lock(folder / "lock", "it"):
        folder.rename(tmp_path / "aside")
        folder.mkdir()
        (folder / "lock").write_text("of another", encoding="utf-8")
    assert (folder / "lock").exists()


def test_a_lock_that_cannot_be_made_is_a_resource_error(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with (
        pytest.raises(ResourceError, match="cannot be written"),
        hold_lock(tmp_path / "file" / "lock", "it"),
    ):
        raise AssertionError("held")


def test_dev_sentences_that_location_attention_cannot_see_are_named(make_config, run):
    config = make_config(TRAIN, (["cat", "cat dog cat dog cat dog cat dog"], ["a", "b"]))
    attention = {"kind": "location", "query_embedding": True, "max_positions": 7}
    model = ModelSettings.model_validate({"attention": attention})
    limited = config.model_copy(update={"model": model})
    for _ in range(2):  # made, then up to date
        with pytest.raises(
            DataError, match=r"1 dev sentences .* `model.attention.max_positions: 7`"
        ) as error:
            prepare(limited, run)
        assert "(lines 2)" in error.value.message
    prepare(config, run)


def test_dev_pairs_that_are_too_long_for_train_are_told(make_config, run, capsys):
    long = " ".join(["cat dog"] * 6)
    config = make_config(
        TRAIN, (["cat", long, "dog"], ["a", "b", long]), max_length=9, max_dropped=1.0
    )
    for _ in range(2):  # made, then up to date
        prepare(config, run)
        told = capsys.readouterr().err
        assert (
            "dev: 2 pairs are longer than data.max_length (9 subwords per side), lines 2, 3: "
            in told
        )
    prepare(make_config(TRAIN, (["cat", "dog"], ["a", "b"]), max_length=9, max_dropped=1.0), run)
    assert "data.max_length" not in capsys.readouterr().err

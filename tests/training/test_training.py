"""Whole runs on a tiny corpus: what they leave behind, how they go on, what they refuse."""

import json
import os
import re
import shutil
import signal
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from nmt.bundles.bundle import load_bundle
from nmt.bundles.bundle_files import find_bundle
from nmt.config.load import load_config
from nmt.config.serialize import dump_config
from nmt.errors import DataError, ModelError, ResourceError, StoppedBySignal, UsageError
from nmt.runtime.lock import hold_lock
from nmt.tokenizers.tokenizer import TokenizerPair
from nmt.training.checkpoints import load_state
from nmt.training.run import train
from nmt.training.stopping import early_end_hint
from nmt.training.trainer import Trainer


def weights(run, update):
    return load_file(run.checkpoints / f"step-{update:08d}" / "model.safetensors")


def assert_same_weights(run, other, update):
    one, two = weights(run, update), weights(other, update)
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        assert torch.equal(tensor, two[name]), name


def records(run, kind):
    lines = run.log_records.read_text(encoding="utf-8").split("\n")[:-1]
    return [record for record in map(json.loads, lines) if record["kind"] == kind]


def test_a_run_leaves_all_that_the_contract_names(tiny):
    run = train(tiny())
    assert sorted(path.name for path in run.checkpoints.iterdir()) == [
        "step-00000006",
        "step-00000008",
    ]
    assert [record["update"] for record in records(run, "validation")] == [4, 8]
    assert [record["update"] for record in records(run, "train")] == [2, 4, 6, 8]
    assert records(run, "end")[0]["reason"] == "training.max_updates (8)"
    assert {"loss", "perplexity", "bleu", "chrf"} <= records(run, "validation")[0].keys()
    assert "target tokens/s" in run.log_text.read_text(encoding="utf-8")
    assert run.config_file.read_text(encoding="utf-8") == dump_config(tiny())
    assert sorted(path.name for path in run.best.iterdir()) == [
        "README.md",
        "bundle.json",
        "config.yaml",
        "joint.model",
        "model.safetensors",
    ]
    leftovers = [path for path in run.path.rglob("*") if path.name.startswith(".tmp")]
    assert leftovers == []


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tiny):
    one = train(tiny(name="one"))
    two = train(tiny(name="two"))
    other = train(tiny("seed=2", name="other"))
    assert_same_weights(one, two, 8)
    assert not torch.equal(weights(one, 8)["output_matrix"], weights(other, 8)["output_matrix"])


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("training.accumulate=2",),
        ("tokenizer.sampling.alpha=0.2",),
        ("training.schedule.kind=plateau", "training.schedule.patience=0"),
        ("training.teacher_forcing.ratio=0.5",),
        ("runtime.precision=bfloat16",),
        ("training.optimizer.kind=adadelta", "model.encoder.cell=gru", "model.decoder.cell=gru"),
        ("training.batch_size=900",),
        ("runtime.threads=2",),
        ("training.guided_alignment.aligner=hmm", "training.guided_alignment.decay_updates=6"),
        ("tokenizer.kind=char", "tokenizer.byte_fallback=false"),
        (
            "tokenizer.kind=word",
            "tokenizer.joint=false",
            "training.guided_alignment.aligner=ibm1",
        ),
    ],
    ids=str,
)
def test_a_stopped_run_goes_on_exactly(tiny, monkeypatch, overrides):
    whole = train(tiny(*overrides, name="whole"))
    update = Trainer._complete_update

    def interrupted(self, group):
        update(self, group)
        if self.state.update in (3, 5):
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Trainer, "_complete_update", interrupted)
    for _ in range(2):
        with pytest.raises(StoppedBySignal) as stopped:
            train(tiny(*overrides, name="parts"))
        assert stopped.value.exit_code == 143
    monkeypatch.undo()
    parts = train(tiny(*overrides, name="parts"))
    assert_same_weights(whole, parts, 8)
    assert [r["bleu"] for r in records(whole, "validation")] == [
        r["bleu"] for r in records(parts, "validation")
    ]


def test_a_crash_loses_only_what_came_after_the_last_checkpoint(tiny, trained, monkeypatch):
    whole = trained(name="whole")
    update = Trainer._complete_update

    def crashing(self, group):
        if self.state.update == 5:
            raise RuntimeError("power cut")
        update(self, group)

    monkeypatch.setattr(Trainer, "_complete_update", crashing)
    with pytest.raises(RuntimeError):
        train(tiny(name="parts"))
    monkeypatch.undo()
    assert_same_weights(whole, train(tiny(name="parts")), 8)


def test_a_finished_run_has_nothing_to_do(tiny, trained, capsys):
    run = trained()
    before = (run.checkpoints / "step-00000008" / "state.json").read_bytes()
    train(tiny())
    assert "Nothing to do" in capsys.readouterr().err
    assert (run.checkpoints / "step-00000008" / "state.json").read_bytes() == before


def test_other_settings_are_refused_with_a_table(tiny, trained, capsys):
    run = trained()
    with pytest.raises(UsageError) as refused:
        train(tiny("training.max_updates=10"))
    assert "training.max_updates" in refused.value.message
    assert "8" in refused.value.message
    assert "10" in refused.value.message
    assert "--resume" in refused.value.message
    table = refused.value.message.split("\n")[1:3]
    capsys.readouterr()
    train(tiny("training.max_updates=10"), resume=True)
    told = capsys.readouterr().err.split("\n")
    assert told[0] == f"{run.path}: resuming with different settings."
    assert told[1:3] == table
    assert (run.checkpoints / "step-00000010").is_dir()
    with pytest.raises(UsageError, match=r"model\.embedding_size cannot change"):
        train(tiny("training.max_updates=10", "model.embedding_size=4"), resume=True)


def test_a_run_begun_with_the_rule_that_was_the_default_goes_on(tiny, trained, capsys):
    run = trained("tokenizer.normalization=nmt_nfkc")
    fingerprint = TokenizerPair.load(run.tokenizer).fingerprint
    train(tiny())
    assert "Nothing to do" in capsys.readouterr().err
    train(tiny("training.max_updates=10"), resume=True)
    assert TokenizerPair.load(run.tokenizer).fingerprint == fingerprint


def test_restart_moves_the_old_run_aside(tiny, trained):
    run = trained()
    (run.path / "mine.txt").write_text("kept", encoding="utf-8")
    train(tiny("model.embedding_size=4"), restart=True)
    aside = [path for path in run.path.parent.iterdir() if path.name.startswith("run.2")]
    assert (aside[0] / "mine.txt").read_text(encoding="utf-8") == "kept"
    assert (aside[0] / "best" / "model.safetensors").is_file()
    assert not (run.path / "mine.txt").exists()


@pytest.mark.parametrize(
    ("corpus", "error", "words"),
    [
        (
            "train",
            UsageError,
            r"data.train.source has changed .* but the checkpoints",
        ),
        ("dev", DataError, "the dev corpus in .* differs from that of this run"),
    ],
)
def test_a_changed_corpus_is_noticed(tiny, trained, tmp_path, corpus, error, words):
    trained()
    for side in ("fr", "en"):
        with (tmp_path / f"{corpus}.{side}").open("a", encoding="utf-8") as file:
            file.write("six\n")
    with pytest.raises(error, match=words):
        train(tiny("training.max_updates=10"), resume=True)


def test_a_corpus_may_be_moved(tiny, trained, tmp_path):
    whole = trained(name="whole")
    train(tiny("training.max_updates=6", name="parts"))
    (tmp_path / "moved").mkdir()
    for name in ("train", "dev"):
        for side in ("fr", "en"):
            (tmp_path / f"{name}.{side}").rename(tmp_path / "moved" / f"{name}.{side}")
    parts = train(tiny(f"data.root={tmp_path / 'moved'}", name="parts"), resume=True)
    assert_same_weights(whole, parts, 8)


def test_a_configuration_that_somebody_wrote_is_not_overwritten(tiny, tiny_config):
    mine = tiny_config.rename(tiny_config.parent / "config.yaml")
    before = mine.read_bytes()
    with pytest.raises(UsageError, match="was not written by a run"):
        train(load_config(mine, [f"run_dir={mine.parent}"]))
    assert mine.read_bytes() == before


def test_a_run_of_a_version_with_fewer_keys_goes_on(tiny, trained):
    run = trained()
    text = run.config_file.read_text(encoding="utf-8")
    run.config_file.write_text(text.replace("  coverage_loss: 0.0\n", ""), encoding="utf-8")
    assert run.config_file.read_text(encoding="utf-8") != text
    train(tiny("training.max_updates=10"), resume=True)
    assert (run.checkpoints / "step-00000010").is_dir()


@pytest.mark.parametrize("change", ["training.batch_size=100", "training.optimizer.kind=sgd"])
def test_what_the_position_or_the_optimizer_depends_on_cannot_change(tiny, trained, change):
    trained()
    with pytest.raises(UsageError, match="cannot change during a run"):
        train(tiny(change, "training.max_updates=10"), resume=True)


def test_a_new_stopping_metric_begins_its_own_count(tiny):
    train(tiny("training.metric=loss"))
    run = train(
        tiny(
            "training.max_updates=16",
            "training.metric=bleu",
            "training.patience=50",
        ),
        resume=True,
    )
    assert load_state(run.checkpoints / "step-00000016").stopping.metric == "bleu"


def test_a_run_at_work_is_not_moved_aside(tiny):
    run = train(tiny())
    for lock in (run.training_lock, *run.preparation_locks):
        with hold_lock(lock, "a test"), pytest.raises(ResourceError, match="is using"):
            train(tiny(), restart=True)
    assert run.best.is_dir()


def test_a_folder_that_is_no_run_is_not_moved_aside(tiny, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine.txt").write_text("kept", encoding="utf-8")
    run = train(tiny(), restart=True)
    assert (run.path / "mine.txt").read_text(encoding="utf-8") == "kept"


def test_no_work_is_done_for_a_device_that_is_not_there(tiny, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(ResourceError, match="no CUDA device"):
        train(tiny("runtime.device=cuda"))
    assert not (tmp_path / "run" / "tokenizer").exists()


def test_ends(tiny):
    assert records(train(tiny("training.max_updates=null", "training.max_epochs=1")), "end")[0][
        "reason"
    ].startswith("training.max_epochs")
    timed = train(tiny("training.max_updates=null", "training.max_time=0.2s", name="timed"))
    assert records(timed, "end")[0]["reason"].startswith("training.max_time")
    patient = train(
        tiny(
            "training.max_updates=200",
            "training.metric=loss",
            "training.patience=2",
            "training.optimizer.learning_rate=1e-30",
            name="patient",
        )
    )
    assert records(patient, "end")[0]["reason"].startswith("no improvement of loss in 2")
    assert records(patient, "end")[0]["update"] == 12


def test_a_number_that_is_none_is_named_with_its_lines(tiny):
    with pytest.raises(ModelError) as error:
        train(tiny("training.optimizer.learning_rate=1e38", "training.clip_norm=0"))
    assert "not a finite number" in error.value.message
    assert "learning_rate" in error.value.message


def test_without_dev_a_part_of_train_is_set_aside(tiny):
    run = train(tiny("data.dev=null", "data.validation_split=0.2"))
    assert len(records(run, "validation")) == 2


def test_it_learns_the_tiny_language(tiny):
    run = train(
        tiny(
            "training.max_updates=300",
            "training.validation.every_updates=100",
            "training.checkpoint.every_updates=100",
            "model.encoder.hidden_size=32",
            "model.decoder.hidden_size=64",
            "model.embedding_size=32",
        )
    )
    seen = records(run, "validation")
    assert max(record["bleu"] for record in seen) > 20  # four seeds gave 27 to 64
    assert min(record["loss"] for record in seen) < 0.6  # 0.24 to 0.46; a guess has 2.3


def test_tensorboard_files_are_written(tiny):
    pytest.importorskip("tensorboard")
    run = train(tiny("training.tensorboard=true"))
    assert any(run.tensorboard.iterdir())


def test_find_bundle(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("NMT_MODEL", raising=False)
    with pytest.raises(ModelError, match="no such file or folder"):
        find_bundle(tmp_path / "nowhere")
    with pytest.raises(ModelError, match="neither a bundle nor a run"):
        find_bundle(tmp_path)
    run = train(tiny(name="runs/tiny"))
    assert find_bundle(run.path) == find_bundle(run.best) == run.best
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    assert find_bundle(None) == Path("runs/tiny/best")
    assert "runs/tiny/best" in capsys.readouterr().err
    monkeypatch.setenv("NMT_MODEL", str(run.path))
    assert find_bundle(None) == run.best


def test_the_newest_finished_run_is_found_before_a_newer_unfinished_one(
    tiny, tmp_path, monkeypatch, capsys
):
    monkeypatch.delenv("NMT_MODEL", raising=False)
    monkeypatch.chdir(tmp_path)
    finished = train(tiny(name="runs/finished"))
    unfinished = tmp_path / "runs" / "unfinished"
    shutil.copytree(finished.path, unfinished)
    log = unfinished / "log.jsonl"
    log.write_text(
        log.read_text(encoding="utf-8") + '{"kind": "start", "update": 8}\n', encoding="utf-8"
    )
    os.utime(unfinished / "best" / "bundle.json", (2e9, 2e9))
    assert find_bundle(None) == Path("runs/finished/best")
    shutil.rmtree(finished.path)
    capsys.readouterr()
    assert find_bundle(None) == Path("runs/unfinished/best")
    assert "is not finished" in capsys.readouterr().err


def test_the_newest_run_is_the_one_trained_last_whatever_was_written_into_best(
    tiny, tmp_path, monkeypatch
):
    monkeypatch.delenv("NMT_MODEL", raising=False)
    monkeypatch.chdir(tmp_path)
    older = train(tiny(name="runs/older"))
    newer = tmp_path / "runs" / "newer"
    shutil.copytree(older.path, newer)
    with (newer / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps({"kind": "end", "update": 8, "time": 2e9}) + "\n")
    for name in ("bundle.json", "config.yaml"):  # as by nmt tune and nmt shortlist
        os.utime(older.best / name, (3e9, 3e9))
    assert find_bundle(None) == Path("runs/newer/best")


def test_a_bundle_tells_nobody_where_the_corpus_lay(tiny, tmp_path):
    run = train(tiny())
    for file in run.best.iterdir():
        assert str(tmp_path).encode() not in file.read_bytes(), file.name
    assert load_bundle(run.best, torch.device("cpu")).config.data.train[0].source == (
        Path("train.fr"),
    )


def test_a_cosine_that_max_time_cuts_short_is_reported_with_the_way_on(tiny, capsys):
    settings = ["training.schedule.kind=cosine", "training.max_updates=100000"]
    run = train(tiny(*settings, "training.max_time=0.2s"))
    told = capsys.readouterr().err
    pattern = (
        r"training\.max_time \(0\.2s\) ended training at update [\d,]+ of 100,000, before the "
        r"learning rate fell to its end\. To finish: nmt train (\S+) --resume --set "
        r"training\.max_time=\d+m\n"
    )
    match = re.search(pattern, told)
    assert match is not None and match[1] == str(run.config_file)
    train(tiny(*settings, "training.max_time=0.2s"))
    assert re.search(pattern, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("kind", "ended", "update", "hinted"),
    [
        ("cosine", "training.max_time (3m)", 893, True),
        ("cosine", "training.max_time (3m)", 1199, False),
        ("cosine", "training.max_updates (1200)", 893, False),
        ("constant", "training.max_time (3m)", 893, False),
    ],
)
def test_when_the_way_to_finish_is_told(tiny, kind, ended, update, hinted):
    settings = tiny(f"training.schedule.kind={kind}", "training.max_updates=1200").training
    state = SimpleNamespace(
        ended=ended, update=update, seconds=180.0, updates_per_epoch=10, rate_scale=1.0
    )
    hint = early_end_hint(settings, state, Path("my.yaml"))
    assert bool(hint) is hinted
    if hinted:
        assert "update 893 of 1,200" in hint
        assert hint.endswith("nmt train my.yaml --resume --set training.max_time=6m")

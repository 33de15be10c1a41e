"""Whole runs on a tiny corpus: what they leave behind, how they go on, what they refuse."""

import json
import os
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from nmt.bundle import find_bundle, load_bundle
from nmt.config.dump import dump_config
from nmt.errors import DataError, ModelError, StoppedBySignal, UsageError
from nmt.training import run as run_module
from nmt.training.run import train
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
        ("training.batch_tokens=900",),
    ],
    ids=str,
)
def test_a_stopped_run_goes_on_exactly(tiny, monkeypatch, overrides):
    whole = train(tiny(*overrides, name="whole"))
    update = Trainer._update

    def interrupted(self, group, window):
        update(self, group, window)
        if self.state.update in (3, 5):
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Trainer, "_update", interrupted)
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


def test_a_crash_loses_only_what_came_after_the_last_checkpoint(tiny, monkeypatch):
    whole = train(tiny(name="whole"))
    update = Trainer._update

    def crashing(self, group, window):
        if self.state.update == 5:
            raise RuntimeError("power cut")
        update(self, group, window)

    monkeypatch.setattr(Trainer, "_update", crashing)
    with pytest.raises(RuntimeError):
        train(tiny(name="parts"))
    monkeypatch.undo()
    assert_same_weights(whole, train(tiny(name="parts")), 8)


def test_a_finished_run_has_nothing_to_do(tiny, capsys):
    run = train(tiny())
    before = (run.checkpoints / "step-00000008" / "state.json").read_bytes()
    train(tiny())
    assert "nothing to do" in capsys.readouterr().err
    assert (run.checkpoints / "step-00000008" / "state.json").read_bytes() == before


def test_other_settings_are_refused_with_a_table(tiny):
    run = train(tiny())
    with pytest.raises(UsageError) as refused:
        train(tiny("training.max_updates=10"))
    assert "training.max_updates" in refused.value.message
    assert "8" in refused.value.message
    assert "10" in refused.value.message
    assert "--resume" in refused.value.message
    train(tiny("training.max_updates=10"), resume=True)
    assert (run.checkpoints / "step-00000010").is_dir()
    with pytest.raises(UsageError, match=r"model\.embedding_size cannot change"):
        train(tiny("training.max_updates=10", "model.embedding_size=4"), resume=True)


def test_restart_moves_the_old_run_aside(tiny):
    run = train(tiny())
    (run.path / "mine.txt").write_text("kept", encoding="utf-8")
    train(tiny("model.embedding_size=4"), restart=True)
    aside = [path for path in run.path.parent.iterdir() if path.name.startswith("run.2")]
    assert (aside[0] / "mine.txt").read_text(encoding="utf-8") == "kept"
    assert (aside[0] / "best" / "model.safetensors").is_file()
    assert not (run.path / "mine.txt").exists()


def test_a_changed_corpus_is_noticed(tiny, tmp_path):
    train(tiny("training.max_updates=8"))
    for side in ("fr", "en"):
        with (tmp_path / f"train.{side}").open("a", encoding="utf-8") as file:
            file.write("six\n")
    with pytest.raises((DataError, UsageError)):
        train(tiny("training.max_updates=10"), resume=True)


def test_ends(tiny):
    assert records(train(tiny("training.max_updates=null", "training.max_epochs=1")), "end")[0][
        "reason"
    ].startswith("training.max_epochs")
    timed = train(tiny("training.max_updates=null", "training.max_time=0.2s", name="timed"))
    assert records(timed, "end")[0]["reason"].startswith("training.max_time")
    patient = train(
        tiny(
            "training.max_updates=200",
            "training.early_stopping.metric=loss",
            "training.early_stopping.patience=2",
            "training.early_stopping.min_improvement=100",
            name="patient",
        )
    )
    assert records(patient, "end")[0]["reason"].startswith("no better loss in 2 validations")
    assert records(patient, "end")[0]["update"] == 12


def test_the_best_bundle_of_every_metric_is_kept(tiny):
    run = train(tiny("training.checkpoint.keep_best_of=[loss, chrf]"))
    for name in ("best", "best-loss", "best-chrf"):
        bundle = load_bundle(run.path / name, torch.device("cpu"))
        assert not bundle.model.training
    losses = [record["loss"] for record in records(run, "validation")]
    facts = json.loads((run.path / "best-loss" / "bundle.json").read_text(encoding="utf-8"))
    assert facts["training"]["dev"]["loss"] == min(losses)


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
    assert max(record["bleu"] for record in records(run, "validation")) > 60


def test_tensorboard_files_are_written(tiny):
    pytest.importorskip("tensorboard")
    run = train(tiny("training.tensorboard=true"))
    assert any(run.tensorboard.iterdir())


def test_threads_and_precision_do_not_outlive_a_test():
    """The runs above set process-wide switches: later tests must not depend on them."""
    assert run_module is not None
    torch.set_float32_matmul_precision("highest")
    assert torch.get_float32_matmul_precision() == "highest"


def test_find_bundle(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("NMT_MODEL", raising=False)
    with pytest.raises(ModelError, match="neither a bundle nor a run"):
        find_bundle(tmp_path / "nowhere")
    run = train(tiny(name="runs/tiny"))
    assert find_bundle(run.path) == find_bundle(run.best) == run.best
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    assert find_bundle(None) == Path("runs/tiny/best")
    assert "runs/tiny/best" in capsys.readouterr().err
    monkeypatch.setenv("NMT_MODEL", str(run.path))
    assert find_bundle(None) == run.best

"""Losses and gradients that are no finite numbers: left out, gone back from, or the end."""

import json
import os
import signal

import pytest
import torch
from test_training import assert_same_weights, records, weights

from nmt.config.settings import TrainingSettings
from nmt.data.input_files import InputFile
from nmt.errors import ModelError, StoppedBySignal
from nmt.model.loss import LossSums
from nmt.runtime.device import Choices
from nmt.runtime.run_directory import RunDirectory
from nmt.training import recovery
from nmt.training.checkpoints import TrainingState, load_state, save_checkpoint
from nmt.training.recovery import NonFiniteError, Recovery, describe_lines
from nmt.training.run import train
from nmt.training.trainer import Trainer
from nmt.training.training_log import WorkerLog


def state_of(run, update):
    return load_state(run.checkpoints / f"step-{update:08d}")


@pytest.fixture
def skipping(monkeypatch):
    """Sets how many updates in a row may be left out."""
    return lambda most: monkeypatch.setattr(recovery, "_MAX_SKIPPED", most)


@pytest.fixture
def spoil(monkeypatch):
    """Makes the loss of updates no number: where `when` holds for a trainer before the update."""

    def at(when):
        init = Trainer.__init__

        def patched(trainer, *arguments, **named):
            init(trainer, *arguments, **named)
            step = trainer.gradients._whole_step

            def spoiled(batch, divisor, update):
                sums = step(batch, divisor, update)
                if not when(trainer):
                    return sums
                for parameter in trainer.model.parameters():
                    parameter.grad.fill_(torch.nan)
                return LossSums(sums.loss * torch.nan, sums.cross_entropy * torch.nan, sums.tokens)

            trainer.gradients._whole_step = spoiled

        monkeypatch.setattr(Trainer, "__init__", patched)

    return at


def updates(*numbers):
    return lambda trainer: trainer.state.update + 1 in numbers


def at_full_rate(*numbers):
    """As where the learning rate is to blame."""
    return lambda trainer: trainer.state.rate_scale == 1.0 and trainer.state.update + 1 in numbers


@pytest.fixture
def in_pieces(monkeypatch):
    """Trains what is stopped by a signal in every single update, and goes on."""

    def train_on(config):
        update = Trainer._complete_update

        def interrupted(self, group):
            os.kill(os.getpid(), signal.SIGTERM)
            update(self, group)

        with monkeypatch.context() as patch:
            patch.setattr(Trainer, "_complete_update", interrupted)
            for number in range(30):
                try:
                    run = train(config)
                except StoppedBySignal:
                    continue
                assert number >= 8
                return run
        raise AssertionError("it never ends")

    return train_on


@pytest.fixture
def late(monkeypatch):
    """Training as on a GPU, where a look at a number is a wait."""
    init = Trainer.__init__

    def patched(self, *arguments, **named):
        init(self, *arguments, **named)
        self._checks_late = True

    monkeypatch.setattr(Trainer, "__init__", patched)


def test_an_update_is_left_out_and_its_lines_are_told(tiny, tmp_path, spoil, capsys):
    spoil(updates(3))
    run = train(tiny())
    event = records(run, "skipped_update")
    assert [(each["update"], each["in_a_row"]) for each in event] == [(3, 1)]
    told = capsys.readouterr().err
    first = ", ".join(map(str, event[0]["lines"][:8]))
    assert f"update 3: its loss or gradient is not a finite number (train.fr: lines {first}" in told
    assert state_of(run, 8).skipped == 0
    assert all(tensor.isfinite().all() for tensor in weights(run, 8).values())
    assert "NaN" not in run.log_records.read_text(encoding="utf-8")
    assert "nan" not in run.log_records.read_text(encoding="utf-8")


def test_the_lines_are_those_of_the_batch(tiny, monkeypatch, spoil):
    """Also where a line before them has been dropped from the corpus."""
    config = tiny("training.max_updates=1")
    for path in (*config.data.train[0].source, *config.data.train[0].target):
        path.write_text(f"\n{path.read_text(encoding='utf-8')}", encoding="utf-8")
    taken, update = [], Trainer._complete_update

    def seen(self, group):
        taken.extend(self.loader.tokenizers.target.decode(row.tolist()) for row in group[0].source)
        update(self, group)

    monkeypatch.setattr(Trainer, "_complete_update", seen)
    spoil(updates(1))
    lines = records(train(config), "skipped_update")[0]["lines"]
    texts = config.data.train[0].source[0].read_text(encoding="utf-8").split("\n")
    assert sorted(texts[line - 1] for line in lines) == sorted(taken)


def test_a_left_out_update_changes_nothing(tiny, spoil):
    """Neither weights nor the optimizer's memory."""
    spoil(updates(3, 4))
    run = train(tiny("training.max_updates=4", "training.checkpoint.keep_last=9"))
    for file in ("model.safetensors", "optimizer.safetensors"):
        before, after = (run.checkpoints / f"step-0000000{update}" / file for update in (2, 4))
        assert before.read_bytes() == after.read_bytes()
    assert state_of(run, 4).skipped == 2
    assert [record["update"] for record in records(run, "train")] == [2]


def test_too_many_in_a_row_end_training(tiny, spoil, skipping):
    skipping(2)
    spoil(updates(1, 3, 4, 5))
    config = tiny()
    with pytest.raises(ModelError) as error:
        train(config)
    assert [each["fault"] for each in records(RunDirectory(config.run_dir), "given_up")] == [5]
    assert error.value.exit_code == 4
    assert "gradient of update 5 is not a finite number (train.fr: lines " in error.value.message
    assert "as in the 2 skipped updates before it" in error.value.message
    assert "training.on_divergence: rollback" in error.value.message
    assert "--resume" in error.value.message
    assert "runtime.precision" not in error.value.message  # it is float32


def advice(tmp_path, fault, precision="bfloat16", saved=False, **training):
    """The last line of the error that ends training."""
    settings = TrainingSettings(max_updates=1, **training)
    recovery = Recovery(settings, precision, None, tmp_path, WorkerLog(0))
    state = TrainingState(Choices("cpu", precision, "highest"), {})
    if saved:
        model = torch.nn.Linear(1, 1)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        save_checkpoint(tmp_path, 1, model, optimizer, state)
    with pytest.raises(ModelError) as error:
        recovery.find_rollback_checkpoint(fault, state, tmp_path)
    return error.value.message.split("\n")[-1]


def test_the_advice_is_what_can_still_be_done(tmp_path):
    of_lines = NonFiniteError(1, "train.fr: line 3", has_lines=True)
    assert advice(tmp_path, of_lines) == (
        "Check these lines, lower `training.optimizer.learning_rate`, lower "
        "`training.clip_norm` or set `runtime.precision: float32`; then train from scratch with "
        "--restart."
    )
    of_dev = NonFiniteError(1, "its validation fails")
    assert advice(tmp_path, of_dev, "float32", saved=True, clip_norm=0.0) == (
        "Lower `training.optimizer.learning_rate` or set `training.clip_norm`; then resume from "
        "the last checkpoint with --resume."
    )


def test_a_run_with_left_out_updates_goes_on_exactly(tiny, spoil, in_pieces):
    options = ("training.accumulate=2",)
    spoil(updates(2, 4, 5))
    whole = train(tiny(*options, name="whole"))
    assert_same_weights(whole, in_pieces(tiny(*options, name="parts")), 8)


ROLLBACK = ("training.on_divergence=rollback",)


def test_a_rollback_goes_on_from_the_last_checkpoint_at_a_lower_rate(
    tiny, spoil, skipping, monkeypatch
):
    skipping(1)
    spoil(at_full_rate(4, 5))
    monkeypatch.setattr(recovery, "_RATE_FACTOR", 0.25)
    run = train(tiny(*ROLLBACK))
    (event,) = records(run, "rollback")
    # That of update 4 was written between two updates that were no good.
    assert (event["update"], event["fault"], event["back_to"]) == (4, 5, 2)
    assert event["rate_scale"] == 0.25
    assert [record["update"] for record in records(run, "train")] == [2, 4, 4, 6, 8]
    assert [record["learning_rate"] for record in records(run, "train")] == pytest.approx(
        [0.01, 0.01, 0.0025, 0.0025, 0.0025]
    )
    assert (state_of(run, 8).rollbacks, state_of(run, 8).rate_scale) == (1, 0.25)


def test_after_a_rollback_training_is_what_it_would_be_at_that_rate(tiny, spoil, skipping):
    """Nothing of the updates that were given up is left in weights or optimizer."""
    skipping(1)
    train(tiny("training.max_updates=2", name="plain"))
    plain = train(tiny("training.optimizer.learning_rate=0.005", name="plain"), resume=True)
    spoil(at_full_rate(3, 4))
    back = train(tiny(*ROLLBACK, name="back"))
    assert records(back, "rollback")[0]["back_to"] == 2
    assert_same_weights(plain, back, 8)


def test_without_a_checkpoint_yet_it_goes_back_to_the_beginning(tiny, spoil, skipping):
    skipping(1)
    plain = train(tiny("training.optimizer.learning_rate=0.005", name="plain"))
    spoil(at_full_rate(1, 2))
    run = train(tiny(*ROLLBACK, name="back"))
    assert records(run, "rollback")[0]["back_to"] == 0
    assert_same_weights(plain, run, 8)


def test_weights_that_no_validation_can_use_are_gone_back_from(tiny, monkeypatch, skipping):
    """No gradient has been made with them yet."""
    skipping(1)
    update = Trainer._complete_update

    def ruined(self, group):
        update(self, group)
        if self.state.update == 4 and self.state.rate_scale == 1.0:
            for parameter in self.model.parameters():
                parameter.data.fill_(torch.inf)

    monkeypatch.setattr(Trainer, "_complete_update", ruined)
    run = train(tiny(*ROLLBACK))
    (event,) = records(run, "rollback")
    assert (event["fault"], event["back_to"]) == (4, 2)
    assert all(tensor.isfinite().all() for tensor in weights(run, 8).values())
    with pytest.raises(ModelError, match=r"update 4 is .* \(its validation fails\)"):
        train(tiny(name="stopped"))


def test_a_run_that_had_ended_goes_back_to_its_end_and_on(tiny, spoil, skipping):
    """With the average of the weights as it was there."""
    skipping(1)
    options = (*ROLLBACK, "training.ema=0.9")
    train(tiny(*options, "training.max_updates=4", name="plain"))
    rate = "training.optimizer.learning_rate=0.005"
    plain = train(tiny(*options, rate, name="plain"), resume=True)
    train(tiny(*options, "training.max_updates=4", name="back"))
    spoil(at_full_rate(5, 6))
    back = train(tiny(*options, name="back"), resume=True)
    assert [each["back_to"] for each in records(back, "rollback")] == [4]
    assert state_of(back, 8).ended == state_of(plain, 8).ended
    assert_same_weights(plain, back, 8)
    average = "checkpoints/step-00000008/average.safetensors"
    assert (plain.path / average).read_bytes() == (back.path / average).read_bytes()


def test_a_left_out_update_does_not_move_the_average(tiny, spoil):
    spoil(updates(3, 4))
    options = ("training.max_updates=4", "training.checkpoint.keep_last=9", "training.ema=0.9")
    run = train(tiny(*options))
    before, after = (
        run.checkpoints / f"step-0000000{update}" / "average.safetensors" for update in (2, 4)
    )
    assert before.read_bytes() == after.read_bytes()


def test_rollbacks_have_an_end(tiny, spoil, skipping, monkeypatch):
    monkeypatch.setattr(recovery, "_MAX_ROLLBACKS", 2)
    skipping(1)
    spoil(updates(5, 6))
    with pytest.raises(ModelError, match="rolled back 2 times"):
        train(tiny(*ROLLBACK))


def test_a_run_that_went_back_goes_on_exactly(tiny, spoil, in_pieces, skipping):
    """Back to a checkpoint that was due, though others follow it."""
    skipping(1)
    options = (*ROLLBACK, "training.checkpoint.every_updates=3")
    spoil(lambda trainer: at_full_rate(6, 7)(trainer) or updates(8)(trainer))
    whole = train(tiny(*options, name="whole"))
    parts = in_pieces(tiny(*options, name="parts"))
    assert [each["back_to"] for each in records(whole, "rollback")] == [4]
    assert [each["back_to"] for each in records(parts, "rollback")] == [4]
    assert_same_weights(whole, parts, 8)
    assert state_of(whole, 8).rollbacks == state_of(parts, 8).rollbacks == 1


@pytest.mark.parametrize("killed_in", ["remove_newer_checkpoints", "_save", "_restore"])
def test_killed_while_going_back_it_goes_back_again(tiny, spoil, monkeypatch, killed_in, skipping):
    skipping(1)
    spoil(at_full_rate(4, 5))
    whole = train(tiny(*ROLLBACK, name="whole"))
    owner = Trainer if killed_in.startswith("_") else "nmt.training.trainer"
    name = killed_in if owner is Trainer else f"{owner}.{killed_in}"

    def killed(*arguments):
        raise KeyboardInterrupt

    roll_back = Trainer._roll_back

    def with_a_kill(self, fault):
        with monkeypatch.context() as patch:
            patch.setattr(*((owner, name) if owner is Trainer else (name,)), killed)
            roll_back(self, fault)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_roll_back", with_a_kill)
        with pytest.raises(KeyboardInterrupt):
            train(tiny(*ROLLBACK, name="parts"))
    parts = train(tiny(*ROLLBACK, name="parts"))
    assert_same_weights(whole, parts, 8)
    assert state_of(parts, 8).rollbacks == 1


@pytest.mark.usefixtures("late")
def test_what_is_seen_late_is_looked_for_and_left_out(tiny, spoil):
    spoil(updates(4))
    run = train(tiny("training.log_every_updates=8", "training.checkpoint.every_updates=8"))
    (event,) = records(run, "looking_back")
    assert (event["fault"], event["back_to"]) == (4, 0)  # a validation looks
    assert [each["update"] for each in records(run, "skipped_update")] == [4]


def test_seen_late_or_at_once_the_run_is_the_same(tiny, spoil, request, skipping):
    skipping(1)
    spoil(lambda trainer: at_full_rate(4, 5)(trainer) or updates(7)(trainer))
    at_once = train(tiny(*ROLLBACK, name="at_once"))
    request.getfixturevalue("late")
    later = train(tiny(*ROLLBACK, name="later"))
    assert [each["fault"] for each in records(later, "looking_back")] == [4, 8]
    assert_same_weights(at_once, later, 8)


def test_lines_are_those_of_their_files():
    def file(name, lines):
        return InputFile(path=f"/corpus/{name}", bytes=1, modified_ns=1, lines=lines, sha256="")

    files = [file("a.fr", 10), file("empty.fr", 0), file("b.fr", 5)]
    assert describe_lines(files[:1], [3]) == "a.fr: line 3"
    assert describe_lines(files, [1, 10, 11, 15]) == "a.fr: lines 1, 10; b.fr: lines 1, 5"
    assert (
        describe_lines(files, list(range(1, 16))) == "a.fr: lines 1, 2, 3, 4, 5, 6, 7, 8 and 7 more"
    )


def test_a_checkpoint_from_before_there_were_rollbacks_is_read(tiny):
    run = train(tiny("training.max_updates=4"))
    file = run.checkpoints / "step-00000004" / "state.json"
    record = json.loads(file.read_text(encoding="utf-8"))
    for key in ("skipped", "rollbacks", "rate_scale"):
        del record["state"][key]
    file.write_text(json.dumps(record), encoding="utf-8")
    train(tiny(), resume=True)
    assert_same_weights(train(tiny(name="whole")), run, 8)

"""The means in `log.jsonl`: of all updates since the record before, whatever came in between."""

import json
import math
import os
import signal
import subprocess
import sys
from itertools import pairwise

import pytest
import torch

from nmt.errors import ModelError, StoppedBySignal
from nmt.model.loss import LossSums
from nmt.reports.run_history import RunHistory
from nmt.runtime.distributed import SINGLE_PROCESS
from nmt.training import recovery
from nmt.training.checkpoints import load_state
from nmt.training.gradients import LossStep
from nmt.training.metric_accumulator import MetricAccumulator, MetricSums, train_means
from nmt.training.run import train
from nmt.training.trainer import Trainer

OPTIONS = (
    "training.batch_size=400",
    "training.max_updates=24",
    "training.validation.every_updates=9",
    "training.checkpoint.every_updates=4",
    "training.log_every_updates=7",
)
CLOCK = ("time", "seconds", "tokens_per_second")


def train_records(run):
    lines = run.log_records.read_text(encoding="utf-8").split("\n")[:-1]
    return [record for record in map(json.loads, lines) if record["kind"] == "train"]


def without_clock(records):
    return [{k: v for k, v in record.items() if k not in CLOCK} for record in records]


def stop_after(monkeypatch, updates, stop):
    """Have `stop` called once after each of the updates."""
    update, left = Trainer._complete_update, set(updates)

    def stopped(self, group):
        update(self, group)
        if self.state.update in left:
            left.remove(self.state.update)
            stop()

    monkeypatch.setattr(Trainer, "_complete_update", stopped)


def sigterm():
    os.kill(os.getpid(), signal.SIGTERM)


def power_cut():
    raise RuntimeError("power cut")


@pytest.fixture
def each_update(tiny, monkeypatch):
    """The record of each single update, and its number of target tokens."""
    tokens = {}
    count = Trainer._count_update

    def noted(self, sums, norm, number):
        tokens[self.state.update + 1] = number
        count(self, sums, norm, number)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_count_update", noted)
        run = train(tiny(*OPTIONS, "training.log_every_updates=1", name="each"))
    return {record["update"]: (record, tokens[record["update"]]) for record in train_records(run)}


def assert_means(records, each_update):
    for before, record in pairwise([{"update": 0}, *records]):
        parts = [each_update[n] for n in range(before["update"] + 1, record["update"] + 1)]
        tokens = sum(count for _, count in parts)
        loss = sum(part["loss"] * count for part, count in parts) / tokens
        entropy = sum(math.log(part["perplexity"]) * count for part, count in parts) / tokens
        assert record["loss"] == pytest.approx(loss, rel=1e-12)
        assert record["perplexity"] == pytest.approx(math.exp(entropy), rel=1e-12)
        norm = sum(part["gradient_norm"] for part, _ in parts) / len(parts)
        assert record["gradient_norm"] == pytest.approx(norm, rel=1e-12)


def test_a_record_is_the_mean_of_all_updates_since_the_one_before(tiny, monkeypatch, each_update):
    epochs = {record["epoch"] for record, _ in each_update.values()}
    assert len(epochs) > 2  # so that records go across the ends of epochs
    stop_after(monkeypatch, (11,), sigterm)  # after a validation, before a record
    with pytest.raises(StoppedBySignal):
        train(tiny(*OPTIONS))
    run = train(tiny(*OPTIONS))
    records = train_records(run)
    assert [record["update"] for record in records] == [7, 14, 21, 24]
    assert [record["epoch"] for record in records] == [
        each_update[record["update"]][0]["epoch"] for record in records
    ]
    assert_means(records, each_update)


def test_a_stopped_run_logs_what_one_that_was_not_logs(tiny, monkeypatch):
    whole = train_records(train(tiny(*OPTIONS, name="whole")))
    stop_after(monkeypatch, (3, 7, 10, 23), sigterm)
    for _ in range(4):
        with pytest.raises(StoppedBySignal):
            train(tiny(*OPTIONS, name="parts"))
    parts = train_records(train(tiny(*OPTIONS, name="parts")))
    assert without_clock(parts) == without_clock(whole)


def test_a_killed_run_logs_in_the_end_what_one_that_was_not_logs(tiny, monkeypatch):
    whole = train_records(train(tiny(*OPTIONS, name="whole")))
    stop_after(monkeypatch, (10, 15, 22), power_cut)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            train(tiny(*OPTIONS, name="parts"))
    records = train_records(train(tiny(*OPTIONS, name="parts")))
    assert [record["update"] for record in records] == [7, 14, 14, 21, 21, 24]
    counted = {record["update"]: record for record in records}
    assert without_clock(counted.values()) == without_clock(whole)


def test_two_short_epochs_log_their_loss_at_the_end(tiny, each_update):
    run = train(
        tiny(
            *OPTIONS,
            "training.max_updates=null",
            "training.max_epochs=2",
            "training.log_every_updates=1000",
        )
    )
    (record,) = train_records(run)
    assert record["epoch"] == 2
    assert_means([record], each_update)


def test_after_a_rollback_the_sums_are_those_of_the_checkpoint(tiny, monkeypatch, each_update):
    """At the same learning rate, so that the updates are done again as they were."""
    step = LossStep.__call__
    left = [13, 14]

    def spoiled(self, batch, divisor, update):
        sums = step(self, batch, divisor, update)
        if left and update == left[0]:
            left.pop(0)
            return LossSums(sums.loss * torch.nan, sums.cross_entropy, sums.tokens)
        return sums

    monkeypatch.setattr(LossStep, "__call__", spoiled)
    monkeypatch.setattr(recovery, "_MAX_SKIPPED", 1)
    monkeypatch.setattr(recovery, "_RATE_FACTOR", 0.999999)
    run = train(tiny(*OPTIONS, "training.on_divergence=rollback"))
    assert left == []
    records = train_records(run)
    assert [record["update"] for record in records] == [7, 14, 21, 24]
    tokens = sum(each_update[n][1] for n in range(8, 15))
    loss = sum(each_update[n][0]["loss"] * each_update[n][1] for n in range(8, 15)) / tokens
    assert records[1]["loss"] == pytest.approx(loss, rel=1e-4)


def test_tensorboard_shows_each_update_of_a_killed_run_once(tiny, monkeypatch):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    stop_after(monkeypatch, (15, 23), power_cut)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            train(tiny(*OPTIONS, "training.tensorboard=true"))
    run = train(tiny(*OPTIONS, "training.tensorboard=true"))
    assert [record["update"] for record in train_records(run)].count(14) == 2
    events = accumulator.EventAccumulator(str(run.tensorboard))
    events.Reload()
    assert [event.step for event in events.Scalars("train/loss")] == [7, 14, 21, 24]
    assert [event.step for event in events.Scalars("validation/bleu")] == [9, 18, 24]


def test_a_checkpoint_from_before_there_were_sums_is_read(tiny):
    run = train(tiny("training.max_updates=4"))
    file = run.checkpoints / "step-00000004" / "state.json"
    record = json.loads(file.read_text(encoding="utf-8"))
    del record["state"]["unlogged"], record["checksum"]
    file.write_text(json.dumps({**record, "format": 1}), encoding="utf-8")
    assert load_state(file.parent).unlogged == MetricSums()
    train(tiny(), resume=True)


@pytest.mark.parametrize(
    "damage",
    [{"updates": -1}, {"loss": "much"}, {"applied": True}, {"other": 1.0}, [], None],
    ids=str,
)
def test_sums_that_cannot_be_are_damage(tiny, damage):
    run = train(tiny("training.max_updates=4"))
    file = run.checkpoints / "step-00000004" / "state.json"
    record = json.loads(file.read_text(encoding="utf-8"))
    record["state"]["unlogged"] = damage
    del record["checksum"]
    file.write_text(json.dumps({**record, "format": 1}), encoding="utf-8")
    with pytest.raises(ModelError, match="is damaged"):
        load_state(file.parent)


def sums_of(loss):
    return LossSums(torch.tensor(loss), torch.tensor(loss / 2), 10)


def test_an_update_of_float16_that_overflowed_was_not_applied():
    metrics = MetricAccumulator(torch.device("cpu"))
    metrics.count(sums_of(3.0), torch.tensor(torch.inf), 10, may_overflow=True)
    assert not metrics.is_finite()
    metrics.count(sums_of(1.0), torch.tensor(2.0), 10, may_overflow=True)
    total = metrics.total(SINGLE_PROCESS)
    assert (total.applied, total.updates) == (1, 2)
    assert metrics.is_finite()
    again = MetricAccumulator(torch.device("cpu"), total)
    again.count(sums_of(1.0), torch.tensor(torch.inf), 10, may_overflow=True)
    assert again.is_finite()
    means = train_means(again.total(SINGLE_PROCESS))
    assert (means["loss"], means["gradient_norm"]) == (5.0 / 30, 2.0)


def test_without_an_update_there_are_no_sums():
    metrics = MetricAccumulator(torch.device("cpu"))
    metrics.start_clock()
    assert metrics.total(SINGLE_PROCESS) == MetricSums()


def test_the_clock_stands_still_while_it_is_stopped(monkeypatch):
    now = 100.0
    monkeypatch.setattr("nmt.training.metric_accumulator.time.monotonic", lambda: now)
    metrics = MetricAccumulator(torch.device("cpu"), MetricSums(seconds=5.0))
    now += 1000.0
    assert metrics.seconds == 5.0
    metrics.start_clock()
    now += 1.0
    metrics.start_clock()
    now += 1.0
    with metrics.clock_stopped():
        now += 1000.0
        assert metrics.seconds == 7.0
    now += 1.0
    assert metrics.seconds == 8.0


def test_only_rank_zero_continues_from_the_sums_of_the_losses():
    saved = MetricSums(6.0, 4.0, 2.0, 3.0, 2, 20, 3, 1.0)
    ranks = [MetricAccumulator(torch.device("cpu"), saved, zero) for zero in (True, False)]
    first, second = (each.total(SINGLE_PROCESS) for each in ranks)
    assert first == saved
    assert (second.loss, second.cross_entropy, second.guided) == (0.0, 0.0, 0.0)
    assert (second.gradient_norm, second.applied, second.target_tokens) == (3.0, 2, 20)


@pytest.mark.slow
def test_two_processes_that_are_stopped_log_what_one_process_logs(tiny, tiny_config):
    one = train(tiny(*OPTIONS, "training.accumulate=2", name="one"))
    script = tiny_config.parent / "stopping.py"
    script.write_text(
        """\
import os, signal
from nmt.__main__ import main
from nmt.training.trainer import Trainer

update = Trainer._complete_update

def stopping(self, group):
    update(self, group)
    if self.state.update == int(os.environ["STOP_AFTER"]):
        os.kill(os.getpid(), signal.SIGTERM)

Trainer._complete_update = stopping
main()
""",
        encoding="utf-8",
    )
    sets = [f"run_dir={tiny_config.parent / 'two'}", *OPTIONS]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
    command += ["2", str(script), "train", str(tiny_config)]
    command += [word for each in sets for word in ("--set", each)]
    for update in (10, 0):
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "STOP_AFTER": str(update)}
        environment["CUDA_VISIBLE_DEVICES"] = ""
        done = subprocess.run(command, env=environment, capture_output=True, timeout=300)
        assert (done.returncode == 0) == (update == 0), done.stderr.decode()
    two = tiny(name="two").run_dir
    lines = (two / "log.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    found = [record for record in map(json.loads, lines) if record["kind"] == "train"]
    expected = train_records(one)
    assert [record["update"] for record in found] == [record["update"] for record in expected]
    for record, other in zip(found, expected, strict=True):
        for name in ("loss", "perplexity", "gradient_norm"):
            assert record[name] == pytest.approx(other[name], rel=1e-5)


def test_reports_show_a_last_record_between_two_of_the_steps(tiny):
    run = train(tiny(*OPTIONS))
    lines = run.log_records.read_text(encoding="utf-8").split("\n")[:-1]
    history = RunHistory.from_records(map(json.loads, lines))
    assert [point.update for point in history.train] == [7, 14, 21, 24]
    assert history.update == 24

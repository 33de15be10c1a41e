"""How far a run is, and how long it still takes."""

import pytest
from run_folders import dev, end, start, train, write_run

from nmt.reports.run_state import (
    open_run,
    run_progress,
    updates_per_epoch,
    validations_without_improvement,
)


def progress(folder, *records, config=None):
    kind = {} if config is None else {"config": config}
    return run_progress(open_run(write_run(folder, *records, **kind)))


def test_by_updates_at_the_pace_of_late(tmp_path):
    # One second an update at first, then two.
    records = [start(), *(train(u, seconds=float(u)) for u in range(1, 11))]
    records += [train(10 + u, seconds=10.0 + 2 * u) for u in range(1, 31)]
    found = progress(tmp_path / "run", *records)
    assert found.left == pytest.approx(2.0 * 60)
    assert found.share == pytest.approx(70 / (70 + 120))
    assert found.key == "training.max_updates"


def test_by_time_where_that_comes_first(tmp_path):
    text = open_run(write_run(tmp_path / "a")).config
    assert text is not None
    config = (
        (tmp_path / "a" / "config.yaml").read_text().replace("max_updates: 100", "max_time: 50s")
    )
    found = progress(tmp_path / "b", start(), train(10), train(20), config=config)
    assert (found.left, found.share, found.key) == (30.0, 0.4, "training.max_time")


def test_by_epochs_as_the_log_tells_them(tmp_path):
    config = "data: {train: {source: a, target: b}, validation_split: 0.1}\n"
    config += "training: {max_epochs: 4}\n"
    told = start(batches=99, batches_per_update=2)
    found = progress(tmp_path / "a", told, train(10), train(20), config=config)
    assert found.left == 4 * 50 - 20
    found = progress(tmp_path / "b", start(), train(10), train(20), config=config)
    assert found.left is None  # an earlier version's log, in its first epoch


def test_an_epoch_is_as_long_as_it_was(tmp_path):
    run = open_run(write_run(tmp_path / "a", start(), train(40), train(60)))
    assert updates_per_epoch(run.history) == 50


def test_early_stopping_alone_has_no_end_in_sight(tmp_path):
    config = "data: {train: {source: a, target: b}, validation_split: 0.1}\n"
    config += "training: {patience: 5}\n"
    seen = [dev(10, bleu=3.0), dev(20, bleu=4.0), dev(30, bleu=3.9), dev(40, bleu=4.0)]
    found = progress(tmp_path / "a", start(), train(10), train(40), *seen, config=config)
    assert (found.share, found.left, found.in_vain, found.patience) == (None, None, 2, 5)


def test_validations_without_improvement_are_counted(tmp_path):
    seen = [dev(10, bleu=13.0), dev(20, bleu=13.6), dev(30, bleu=13.4), dev(40, bleu=13.6)]
    history = open_run(write_run(tmp_path / "a", *seen)).history
    assert validations_without_improvement(history, "bleu") == 2


def test_an_end_is_an_end_and_a_beginning_has_none(tmp_path):
    found = progress(tmp_path / "a", start(), train(10), end(10))
    assert (found.share, found.left) == (1.0, 0.0)
    found = progress(tmp_path / "b", start(), train(10))
    assert (found.share, found.left) == (0.1, None)

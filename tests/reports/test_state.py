"""A run as it is found: whole, half, alive or not."""

import pytest
from run_folders import CONFIG, append, end, start, train, write_run

from nmt.errors import DataError, ModelError
from nmt.reports.run_state import RunWatcher, open_run, status_text
from nmt.runtime.lock import hold_lock


def test_what_it_is_called_at_each_stage(tmp_path):
    folder = write_run(tmp_path / "run")
    assert open_run(folder).status == "not begun"
    append(folder, start(), train(10))
    assert open_run(folder).status == "stopped"
    assert "stopped at update 10" in status_text(open_run(folder))
    append(folder, {"kind": "given_up", "update": 12, "time": 1.0})
    assert open_run(folder).status == "given up"
    append(folder, start(10), end(10))
    assert status_text(open_run(folder)) == "training ended: training.max_updates (100)"


def test_a_run_that_is_being_trained(tmp_path):
    folder = write_run(tmp_path / "run")
    with hold_lock(folder / ".data.preparing", "this"):
        assert open_run(folder).status == "preparing"
    append(folder, start(), train(10), end(10))
    with hold_lock(folder / ".training", "this"):
        assert open_run(folder).status == "training"  # it is about to leave
    (folder / ".training").write_text("1\n")  # left behind by one that was killed
    assert open_run(folder).status == "ended"


def test_a_watcher_learns_what_is_new_and_begins_again_with_a_new_log(tmp_path):
    folder = write_run(tmp_path / "run", start(), train(10))
    watcher = RunWatcher(folder)
    assert len(watcher.read_state().history.train) == 1
    append(folder, train(20))
    assert len(watcher.read_state().history.train) == 2
    (folder / "log.jsonl").unlink()
    append(folder, start(), train(5))
    assert [point.update for point in watcher.read_state().history.train] == [5]


def test_a_configuration_that_cannot_be_read_is_told_and_the_rest_shown(tmp_path):
    state = open_run(write_run(tmp_path / "run", train(10), config=CONFIG + "nonsense: 1\n"))
    assert state.config is None
    assert "nonsense" in state.config_problem
    assert (state.name, state.best_metric, state.history.update) == ("run", "bleu", 10)


def test_what_is_no_run(tmp_path):
    with pytest.raises(ModelError, match="no such run"):
        open_run(tmp_path / "none")
    with pytest.raises(ModelError, match="is not a run"):
        open_run(tmp_path)
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "log.jsonl").mkdir()
    with pytest.raises(DataError, match="is a folder"):
        open_run(tmp_path)


def test_a_configuration_stands_for_its_run(tmp_path):
    file = tmp_path / "my.yaml"
    file.write_text(CONFIG + f"run_dir: {tmp_path / 'run'}\n")
    with pytest.raises(ModelError, match="its run does not exist yet"):
        open_run(file)
    (tmp_path / "run" / "data").mkdir(parents=True)
    (tmp_path / "run" / "data" / "manifest.json").write_text("{}")
    state = open_run(file)
    assert (state.name, state.status) == ("my", "not begun")
    write_run(tmp_path / "run", start(), train(10))
    state = open_run(file)
    assert (state.name, state.history.update) == ("config", 10)

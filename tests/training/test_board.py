import pytest

from nmt.training.training_log import TensorBoardWriter

pytest.importorskip("tensorboard")


def scalars(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {
        tag: [(event.step, event.value) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def test_tensorboard_reads_what_was_added(tmp_path):
    board = TensorBoardWriter(tmp_path / "board")
    board.add("train", 5, {"loss": 2.5, "note": "text", "tokens": 7})
    board.add("train", 10, {"loss": 1.25})
    board.close()
    assert scalars(tmp_path / "board") == {
        "train/loss": [(5, 2.5), (10, 1.25)],
        "train/tokens": [(5, 7.0)],
    }


def test_two_runs_of_a_folder_do_not_write_over_each_other(tmp_path):
    for update in (1, 2):
        board = TensorBoardWriter(tmp_path)
        board.add("train", update, {"loss": float(update)})
        board.close()
    assert len(list(tmp_path.iterdir())) == 2
    assert scalars(tmp_path)["train/loss"] == [(1, 1.0), (2, 2.0)]


def test_updates_that_are_done_again_after_a_resume_are_shown_once(tmp_path):
    for updates in ((1, 2, 3, 4), (3, 4, 5)):
        board = TensorBoardWriter(tmp_path)
        board.hide_after(updates[0] - 1)
        for update in updates:
            board.add("train", update, {"loss": 10.0 * updates[0] + update})
        board.close()
    expected = [(1, 11.0), (2, 12.0), (3, 33.0), (4, 34.0), (5, 35.0)]
    assert scalars(tmp_path)["train/loss"] == expected


def shown(folder):
    """The same as the TensorBoard of today reads it."""
    from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return [event.step for event in events.Tensors("train/loss")]


@pytest.mark.parametrize("marked", [True, False])
def test_lost_updates_are_hidden_whoever_wrote_them(tmp_path, marked):
    """Not marked: as an earlier version began its files."""
    board = TensorBoardWriter(tmp_path)
    if marked:
        board.hide_after(0)
    for update in (1, 2, 3, 4):
        board.add("train", update, {"loss": 1.0})
    board.close()
    board = TensorBoardWriter(tmp_path)
    board.hide_after(2)
    board.add("train", 3, {"loss": 2.0})
    board.close()
    assert shown(tmp_path) == [1, 2, 3]


class FullDisk:
    closed = False

    def write(self, record):
        raise OSError(28, "No space left on device")

    def close(self):
        self.closed = True


def test_a_full_disk_costs_the_curves_only(tmp_path, capsys):
    board = TensorBoardWriter(tmp_path)
    board._writer = disk = FullDisk()
    for update in range(3):
        board.add("train", update, {"loss": 1.0})
    board.close()
    assert disk.closed
    told = capsys.readouterr().err
    assert told.count("nmt stops writing TensorBoard files") == 1
    assert "No space left on device" in told


def test_a_place_that_cannot_be_written_costs_the_curves_only(tmp_path, capsys):
    (tmp_path / "file").write_bytes(b"")
    board = TensorBoardWriter(tmp_path / "file")
    board.add("train", 1, {"loss": 1.0})
    board.close()
    assert "nmt stops writing TensorBoard files" in capsys.readouterr().err

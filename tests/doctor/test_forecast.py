"""The time to the end of training and the room on disk, against sums done by hand."""

import pytest

from nmt.config.settings import TrainingSettings
from nmt.doctor.forecast import (
    ExpectedEnd,
    expected_end,
    folder_bytes,
    run_bytes,
    updates_per_epoch,
)

_THIRD_EPOCH = ExpectedEnd(80.0, 40, "training.max_epochs")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"max_updates": 100}, ExpectedEnd(160.0, 80, "training.max_updates")),
        ({"max_epochs": 3}, _THIRD_EPOCH),
        ({"max_time": "70s"}, ExpectedEnd(60.0, 30, "training.max_time")),
        ({"max_updates": 99, "max_epochs": 3, "max_time": "9h"}, _THIRD_EPOCH),
        ({"max_updates": 10}, ExpectedEnd(0.0, 0, "training.max_updates")),
        ({"patience": 3}, None),
    ],
)
def test_the_end_that_comes_first(settings, expected):
    """Two seconds an update, twenty updates an epoch; twenty updates and ten seconds are done."""
    assert expected_end(TrainingSettings(**settings), 2.0, 20, 20, 10.0) == expected


def test_updates_of_an_epoch():
    assert updates_per_epoch(batches=9, accumulate=2, share=1.0) == 5
    assert updates_per_epoch(batches=9, accumulate=2, share=0.1) == 45
    assert updates_per_epoch(batches=1, accumulate=8, share=1.0) == 1


def test_the_room_that_a_run_takes():
    plain = TrainingSettings(max_updates=1, checkpoint={"keep_last": 2})
    assert run_bytes(plain, checkpoint=30, bundle=10, data=5) == 4 * 30 + 2 * 10 + 5
    more = TrainingSettings(max_updates=1, checkpoint={"keep_last": 1})
    assert run_bytes(more, 30, 10, 5) == 90 + 20 + 5


def test_the_size_of_a_folder(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(bytes(7))
    (tmp_path / "y").write_bytes(bytes(5))
    assert folder_bytes(tmp_path) == 12
    assert folder_bytes(tmp_path / "absent") == 0

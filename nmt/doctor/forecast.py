"""The forecast of the time to the end of training, and of its disk space."""

import contextlib
import math
import os
from dataclasses import dataclass
from pathlib import Path

from nmt.config.settings import TrainingSettings
from nmt.config.settings.training import duration_seconds


@dataclass(frozen=True)
class ExpectedEnd:
    """A stopping criterion of training.

    Attributes:
        seconds: The seconds that are left.
        updates: The updates that are left.
        key: The setting of the criterion.
    """

    seconds: float
    updates: int
    key: str


def expected_end(
    settings: TrainingSettings,
    seconds_per_update: float,
    updates_per_epoch: int,
    done: int = 0,
    seconds_done: float = 0.0,
) -> ExpectedEnd | None:
    """Return the stopping criterion that applies first, None with early stopping alone.

    Validations are not counted.

    Args:
        settings: The training settings.
        seconds_per_update: The seconds of an update.
        updates_per_epoch: The updates of an epoch.
        done: The updates of training so far.
        seconds_done: The seconds of training so far.
    """
    ends = []
    for key, updates in (
        ("max_updates", settings.max_updates),
        ("max_epochs", settings.max_epochs and settings.max_epochs * updates_per_epoch),
    ):
        if updates is not None:
            left = max(0, updates - done)
            ends.append(ExpectedEnd(left * seconds_per_update, left, f"training.{key}"))
    if settings.max_time is not None:
        seconds = max(0.0, duration_seconds(settings.max_time) - seconds_done)
        ends.append(ExpectedEnd(seconds, int(seconds / seconds_per_update), "training.max_time"))
    return min(ends, key=lambda end: end.seconds, default=None)


def updates_per_epoch(batches: int, accumulate: int, share: float) -> int:
    """Return the number of updates of an epoch.

    Args:
        batches: The batches of an epoch over a share of train.
        accumulate: The batches of an update.
        share: The share of train, from 0 to 1.
    """
    return max(1, math.ceil(batches / share / accumulate))


def run_bytes(settings: TrainingSettings, checkpoint: int, bundle: int, data: int) -> int:
    """Return the greatest disk space of a run, in bytes.

    It is reached while a checkpoint and a bundle are written before the old ones are removed, with
    a checkpoint kept from before a fault.

    Args:
        settings: The training settings.
        checkpoint: The size of a checkpoint.
        bundle: The size of a bundle.
        data: The size of the binarized corpora.
    """
    kept = settings.checkpoint
    return (kept.keep_last + 2) * checkpoint + 2 * bundle + data


def folder_bytes(folder: Path) -> int:
    """Return the size of all files below a folder, 0 without one. A run may be writing to it."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # removed since it was listed
                total += (Path(parent) / name).stat().st_size
    return total

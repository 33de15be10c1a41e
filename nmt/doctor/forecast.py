"""What is still to come: the time to the end of training, and the room it takes on disk."""

import contextlib
import math
import os
from dataclasses import dataclass
from pathlib import Path

from nmt.config.settings import TrainingSettings
from nmt.config.settings.training import duration_seconds


@dataclass(frozen=True)
class End:
    """An end of training. seconds, updates: still to come; key: the setting that names it."""

    seconds: float
    updates: int
    key: str


def first_end(
    settings: TrainingSettings,
    seconds_per_update: float,
    updates_per_epoch: int,
    done: int = 0,
    seconds_done: float = 0.0,
) -> End | None:
    """The end that comes first; None where only early stopping ends training.

    done, seconds_done: updates and seconds of training so far. Validations are not counted.
    """
    ends = []
    for key, updates in (
        ("max_updates", settings.max_updates),
        ("max_epochs", settings.max_epochs and settings.max_epochs * updates_per_epoch),
    ):
        if updates is not None:
            left = max(0, updates - done)
            ends.append(End(left * seconds_per_update, left, f"training.{key}"))
    if settings.max_time is not None:
        seconds = max(0.0, duration_seconds(settings.max_time) - seconds_done)
        ends.append(End(seconds, int(seconds / seconds_per_update), "training.max_time"))
    return min(ends, key=lambda end: end.seconds, default=None)


def updates_per_epoch(batches: int, accumulate: int, share: float) -> int:
    """Updates of an epoch. batches: of an epoch over a share of train."""
    return max(1, math.ceil(batches / share / accumulate))


def run_bytes(settings: TrainingSettings, checkpoint: int, bundle: int, data: int) -> int:
    """What a run takes on disk where it takes the most: with a checkpoint and a bundle being
    written before the old ones go, and a checkpoint kept from before a fault.

    All in bytes; data: of the binarized corpora.
    """
    kept = settings.checkpoint
    return (kept.keep_last + 2) * checkpoint + 2 * bundle + data


def folder_bytes(folder: Path) -> int:
    """The size of all files below a folder, 0 where there is none; a run may be writing to it."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # gone since it was listed
                total += (Path(parent) / name).stat().st_size
    return total

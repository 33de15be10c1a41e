"""The progress of training and the time that remains."""

import math
from dataclasses import dataclass

from nmt.config.settings import TrainingSettings
from nmt.config.settings.training import duration_seconds
from nmt.doctor.forecast import End, first_end
from nmt.evaluation.metrics import Best
from nmt.reports.history import History
from nmt.reports.state import RunState

_RECENT = 20
"""The number of log lines over which the speed is measured."""


@dataclass(frozen=True)
class Progress:
    """The progress of a run towards its end.

    Attributes:
        share: The share of training that is done, 0 to 1, towards the stopping criterion that comes
            first; None where it is not known.
        left: The seconds that remain; None where only early stopping ends training.
        key: The setting that ends training.
        in_vain: The number of validations without improvement.
        patience: The number of validations without improvement that ends training.
    """

    share: float | None
    left: float | None
    key: str
    in_vain: int
    patience: int | None


def progress_of(state: RunState) -> Progress | None:
    """Return the progress of a run; None where its configuration cannot be read."""
    if state.config is None:
        return None
    settings, history = state.config.training, state.history
    in_vain = validations_in_vain(history, settings.metric)
    if history.ended is not None:
        return Progress(1.0, 0.0, "", in_vain, settings.patience)
    pace = seconds_per_update(history)
    end = None if pace is None else _end(settings, history, pace)
    if end is None:
        share = _share_of(settings, history)
        return Progress(share, None, "", in_vain, settings.patience)
    done = max(history.seconds, 1e-9)
    share = done / (done + end.seconds)
    return Progress(share, end.seconds, end.key, in_vain, settings.patience)


def seconds_per_update(history: History) -> float | None:
    """Return the recent seconds per update, validations included.

    It is None before the log has two lines with times.
    """
    points = [point for point in history.train[-_RECENT:] if math.isfinite(point.seconds)]
    if len(points) < 2 or points[-1].update == points[0].update:
        return None
    return max(
        1e-9,
        (points[-1].seconds - points[0].seconds) / (points[-1].update - points[0].update),
    )


def updates_per_epoch(history: History) -> int | None:
    """Return the updates per epoch, recorded or inferred from the log.

    Returns:
        The number of updates. It is None where the log does not record it and shows no change of
        epoch.
    """
    batches, each = history.fact("batches"), history.fact("batches_per_update")
    if isinstance(batches, int) and isinstance(each, int) and batches > 0 and each > 0:
        return math.ceil(batches / each)
    turns = [
        (before.update + after.update) / 2 / before.epoch
        for before, after in zip(history.train[:-1], history.train[1:], strict=True)
        if after.epoch == before.epoch + 1 and before.epoch > 0
    ]
    return max(1, round(turns[-1])) if turns else None


def validations_in_vain(history: History, metric: str) -> int:
    """Return the number of validations since the last improvement.

    Args:
        history: The history of the run.
        metric: The metric that chooses the best model.
    """
    best = Best(metric)
    for point in history.dev:
        value = point.deciding_value(metric)
        if value is not None:
            best.update_with(value, point.update)
    return best.in_vain


def _end(settings: TrainingSettings, history: History, pace: float) -> End | None:
    epoch = updates_per_epoch(history)
    if epoch is None:
        settings = settings.model_copy(update={"max_epochs": None})
    return first_end(settings, pace, epoch or 1, history.update, history.seconds)


def _share_of(settings: TrainingSettings, history: History) -> float | None:
    """Return the share of training that is done, by updates and time alone."""
    shares = []
    if settings.max_updates is not None:
        shares.append(history.update / settings.max_updates)
    if settings.max_time is not None:
        shares.append(history.seconds / duration_seconds(settings.max_time))
    return min(1.0, max(shares)) if shares else None

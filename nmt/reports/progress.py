"""How far training has come, and how long it still takes."""

import math
from dataclasses import dataclass

from nmt.config.settings import TrainingSettings
from nmt.config.settings.training import duration_seconds
from nmt.doctor.forecast import End, first_end
from nmt.evaluation.metrics import Best
from nmt.reports.history import History
from nmt.reports.state import RunState

_RECENT = 20
"""Lines of the log over which the pace is taken."""


@dataclass(frozen=True)
class Progress:
    """share: of training that is done, 0 to 1, towards the end that comes first; left: seconds
    still to come, None where only early stopping ends training; key: the setting that ends it;
    in_vain, patience: validations without improvement, and how many end training.
    """

    share: float | None
    left: float | None
    key: str
    in_vain: int
    patience: int | None


def progress_of(state: RunState) -> Progress | None:
    """Where a run stands; None where its configuration cannot be read."""
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
    """Of late, validations included; None before two lines of the log."""
    points = [point for point in history.train[-_RECENT:] if math.isfinite(point.seconds)]
    if len(points) < 2 or points[-1].update == points[0].update:
        return None
    return max(
        1e-9,
        (points[-1].seconds - points[0].seconds) / (points[-1].update - points[0].update),
    )


def updates_per_epoch(history: History) -> int | None:
    """As the log tells or shows; None in the first epoch of an earlier version's log."""
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
    """Validations since the last that improved on those before it."""
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
    """Without a pace: by updates or time alone."""
    shares = []
    if settings.max_updates is not None:
        shares.append(history.update / settings.max_updates)
    if settings.max_time is not None:
        shares.append(history.seconds / duration_seconds(settings.max_time))
    return min(1.0, max(shares)) if shares else None

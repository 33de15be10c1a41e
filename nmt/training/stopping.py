"""Stopping criteria of training, and the signals that stop it.

Under a launcher a second signal changes nothing. torchrun forwards signals that its processes may
also have got from Slurm, and itself ends processes that do not stop. SIGUSR1 is never urgent: a
cluster sends it some time before it takes the machine away.
"""

import math
import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from nmt.config.settings import TrainingSettings
from nmt.config.settings.training import duration_seconds
from nmt.console import warn
from nmt.evaluation.metrics import SUBSTITUTE
from nmt.training.checkpoints import TrainingState
from nmt.training.schedules import make_schedule

_MAX_TIME = "training.max_time"


@dataclass(frozen=True)
class StopReason:
    """A stopping criterion that is met.

    Attributes:
        key: The setting that sets it.
        reason: The criterion, for people.
    """

    key: str
    reason: str


def find_stop_reason(
    settings: TrainingSettings, state: TrainingState, seconds: float
) -> StopReason | None:
    """Return the stopping criterion that is met, None while there is none.

    Args:
        settings: The settings of training.
        state: The state of training.
        seconds: The seconds of training so far.
    """
    if settings.max_updates is not None and state.update >= settings.max_updates:
        return _stop_reason("max_updates", settings.max_updates)
    if settings.max_epochs is not None and state.epoch >= settings.max_epochs:
        return _stop_reason("max_epochs", settings.max_epochs)
    if settings.max_time is not None and seconds >= duration_seconds(settings.max_time):
        return _stop_reason("max_time", settings.max_time)
    patience, metric = settings.patience, settings.metric
    best = state.stopping
    if patience and best and best.metric == metric and best.in_vain >= patience:
        key = "training.patience"
        noise_note = f", because {metric} is unreliable" if best.is_noise else ""
        deciding = SUBSTITUTE.name if best.is_noise else metric
        return StopReason(
            key, f"no improvement of {deciding} in {patience} validations ({key}){noise_note}"
        )
    return None


def _stop_reason(name: str, limit: object) -> StopReason:
    return StopReason(f"training.{name}", f"training.{name} ({limit})")


_ENDED_RATE = 0.01
"""The share of the base learning rate at which a schedule has as good as ended."""

_SPARE_TIME = 1.25
"""The advised `max_time` in proportion to the time that all updates take at the pace so far."""


def early_end_hint(settings: TrainingSettings, state: TrainingState, config_file: Path) -> str:
    """Return how to finish a training that `max_time` ended before its cosine.

    Args:
        settings: The settings of training.
        state: The state of a training that has ended.
        config_file: The configuration of the run.

    Returns:
        A sentence, empty where training ended otherwise or the learning rate has fallen.
    """
    if settings.schedule.kind != "cosine" or not (state.ended or "").startswith(_MAX_TIME):
        return ""
    schedule = make_schedule(settings, state.updates_per_epoch)
    last = schedule.last_update
    low_rate = max(_ENDED_RATE * schedule.base_rate, settings.schedule.minimum)
    if last is None or state.update >= last or schedule.rate(state.update) <= low_rate:
        return ""
    minutes = math.ceil(_SPARE_TIME * state.seconds * last / max(1, state.update) / 60)
    return (
        f"{state.ended} ended training at update {state.update:,} of {last:,}, before the learning "
        f"rate fell to its end. To finish: nmt train {config_file} --resume --set "
        f"{_MAX_TIME}={minutes}m"
    )


_URGENT_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_CLUSTER_SIGNALS = (signal.SIGUSR1,) if hasattr(signal, "SIGUSR1") else ()  # Windows has none

STOP_SIGNALS = (*_URGENT_SIGNALS, *_CLUSTER_SIGNALS)
"""The signals that end a training run."""


class StopSignalRecorder:
    """A context manager that records SIGINT, SIGTERM and SIGUSR1 in `signal_number`.

    Outside the main thread, where Python cannot catch signals, it does nothing.

    Args:
        launched: Whether a launcher started several processes, which all receive the signals. They
            are then recorded silently, and any number of times.
    """

    def __init__(self, launched: bool = False) -> None:
        self._launched = launched
        self.signal_number: int | None = None
        self._previous_handlers: dict[int, Any] = {}

    def __enter__(self) -> "StopSignalRecorder":
        if threading.current_thread() is threading.main_thread():
            for number in STOP_SIGNALS:
                self._previous_handlers[number] = signal.signal(number, self._record)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore(STOP_SIGNALS)

    def _record(self, number: int, frame: FrameType | None) -> None:
        if number in _CLUSTER_SIGNALS:
            if self.signal_number is None:
                self.signal_number = number
                if not self._launched:
                    _warn_at_once("stopping and saving after this update.")
            return
        self.signal_number = number
        if self._launched:
            return
        # Before the warning: a signal sent after reading it must act at once.
        self._restore(_URGENT_SIGNALS)
        _warn_at_once("stopping and saving after this update; interrupt again to stop at once.")

    def _restore(self, numbers: tuple[int, ...]) -> None:
        for number in numbers:
            if number in self._previous_handlers:
                signal.signal(number, self._previous_handlers.pop(number))


def _warn_at_once(text: str) -> None:
    """Warn from a signal handler, which may have interrupted the writing of a line to stderr."""
    try:
        warn(text)
    except RuntimeError:  # Python refuses reentrant writes to the stream
        os.write(2, f"warning: {text}\n".encode())

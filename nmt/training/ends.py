"""Stopping criteria: when training is over."""

from dataclasses import dataclass

from nmt.config.settings import TrainingSettings
from nmt.config.settings.training import duration_seconds
from nmt.evaluation.metrics import SUBSTITUTE
from nmt.training.checkpoints import TrainingState


@dataclass(frozen=True)
class End:
    """A stopping criterion that is met.

    Attributes:
        key: The setting that sets it.
        reason: The criterion, for people.
    """

    key: str
    reason: str


def reached_end(settings: TrainingSettings, state: TrainingState, seconds: float) -> End | None:
    """Return the stopping criterion that is met, None while there is none.

    Args:
        settings: The settings of training.
        state: The state of training.
        seconds: The seconds of training so far.
    """
    if settings.max_updates is not None and state.update >= settings.max_updates:
        return _end("max_updates", settings.max_updates)
    if settings.max_epochs is not None and state.epoch >= settings.max_epochs:
        return _end("max_epochs", settings.max_epochs)
    if settings.max_time is not None and seconds >= duration_seconds(settings.max_time):
        return _end("max_time", settings.max_time)
    patience, metric = settings.patience, settings.metric
    count = state.stopping
    if patience and count and count.metric == metric and count.in_vain >= patience:
        key = "training.patience"
        noise = f", for {metric} is noise" if count.is_noise else ""
        better = SUBSTITUTE.name if count.is_noise else metric
        return End(key, f"no better {better} in {patience} validations ({key}){noise}")
    return None


def _end(name: str, limit: object) -> End:
    return End(f"training.{name}", f"training.{name} ({limit})")

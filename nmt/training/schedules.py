"""Schedules of the learning rate, of teacher forcing and of guided alignment."""

import math
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from nmt.config.registry import GUIDANCE_COSTS, SCHEDULES
from nmt.config.settings.training import GuidedAlignmentSettings, ScheduleSettings, TrainingSettings
from nmt.data.batches import Batch
from nmt.evaluation.metrics import BestValidation, MetricValue
from nmt.model.loss import Guidance

if TYPE_CHECKING:
    from nmt.training.checkpoints import TrainingState

_DEFAULT_WARMUP = 350
"""The updates of warm-up where the settings name none and training is long."""

_SAME_RATE = 0.001
"""The relative difference up to which two rates count as the same."""


class Schedule(ABC):
    """The learning rate of each update.

    Args:
        settings: The settings of the schedule.
        base_rate: The learning rate of the settings.
        last_update: The last update of the training; None where it is not known.
    """

    def __init__(
        self, settings: ScheduleSettings, base_rate: float, last_update: int | None
    ) -> None:
        self.settings = settings
        self.warmup = settings.warmup_updates or 0
        self.base_rate = base_rate
        self.last_update = last_update

    def rate(self, update: int) -> float:
        """Return the learning rate of an update, which counts from 1."""
        warmup = self.warmup
        rate = self.base_rate * (update / warmup) if update < warmup else self.after_warmup(update)
        return max(rate, self.settings.minimum)

    @abstractmethod
    def after_warmup(self, update: int) -> float:
        """Return the rate of an update after the warm-up, before `minimum` is applied."""

    def after_validation(self, value: MetricValue) -> None:
        """Update the state with the value of `training.metric` in a validation."""

    def state(self) -> dict[str, Any]:
        """Return the state that a resume needs, as plain values."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from a result of `state`."""


def make_schedule(settings: TrainingSettings, updates_per_epoch: int = 0) -> Schedule:
    """Return the schedule that the settings name.

    Args:
        settings: The settings of training.
        updates_per_epoch: The updates of an epoch; 0 where that is not known.
    """
    ends = [settings.max_updates, (settings.max_epochs or 0) * updates_per_epoch]
    last = min((end for end in ends if end), default=None)
    chosen = settings.schedule
    if chosen.warmup_updates is None:
        warmup = _DEFAULT_WARMUP if last is None else min(_DEFAULT_WARMUP, last // 10)
        chosen = chosen.model_copy(update={"warmup_updates": warmup})
    schedule: Schedule = SCHEDULES.resolve(chosen.kind)(
        chosen, settings.optimizer.learning_rate, last
    )
    return schedule


def rate_changes(old: TrainingSettings, new: TrainingSettings, state: "TrainingState") -> list[str]:
    """Return messages about the effects of changed settings on the rate of a resumed run.

    Args:
        old: The settings before.
        new: The present settings.
        state: The state of training.
    """
    lines = []
    before, after = (make_schedule(setting, state.updates_per_epoch) for setting in (old, new))
    cosine = old.schedule.kind == new.schedule.kind == "cosine"
    if cosine and before.last_update != after.last_update:
        ends = [
            "never" if setting.last_update is None else f"at update {setting.last_update}"
            for setting in (after, before)
        ]
        lines.append(f"The cosine now ends {ends[0]}, not {ends[1]}.")
    update = state.update + 1
    old_rate, new_rate = (_rate_with(settings, state, update) for settings in (old, new))
    if not math.isclose(old_rate, new_rate, rel_tol=_SAME_RATE, abs_tol=0.0):
        lines.append(
            f"The learning rate of the next update ({update}) is {new_rate:.3g} instead of "
            f"{old_rate:.3g}."
        )
    return lines


def _rate_with(settings: TrainingSettings, state: "TrainingState", update: int) -> float:
    """Return the rate of an update under settings, which may differ from those of the run."""
    schedule = make_schedule(settings, state.updates_per_epoch)
    if settings.schedule.kind == "plateau" and state.schedule:
        schedule.load_state(state.schedule)
    return schedule.rate(update) * state.rate_scale


class Constant(Schedule):
    """A constant rate after the warm-up."""

    def after_warmup(self, update: int) -> float:
        """See `Schedule.after_warmup`."""
        return self.base_rate


class InverseSquareRoot(Schedule):
    """The rate base_rate * sqrt(warmup / update), with its peak at the base rate.

    It is that of Vaswani et al. 2017, scaled.
    """

    def after_warmup(self, update: int) -> float:
        """See `Schedule.after_warmup`."""
        return self.base_rate * math.sqrt(max(1, self.warmup) / update)


class Cosine(Schedule):
    """Half a cosine, from the base rate to zero at the last update (Loshchilov and Hutter 2017).

    Where the last update is not known, the rate is constant.
    """

    def after_warmup(self, update: int) -> float:
        """See `Schedule.after_warmup`."""
        if self.last_update is None:
            return self.base_rate
        warmup = self.warmup
        progress = min(1.0, (update - warmup) / max(1, self.last_update - warmup))
        floor = self.settings.minimum
        return floor + (self.base_rate - floor) * 0.5 * (1.0 + math.cos(math.pi * progress))


class Halving(Schedule):
    """A rate that is multiplied by `factor` at `start_update` and every `every_updates` after it.

    Luong et al. 2015 halve it in this way.
    """

    def after_warmup(self, update: int) -> float:
        """See `Schedule.after_warmup`."""
        every = self.settings.every_updates
        start = every if self.settings.start_update is None else self.settings.start_update
        steps = 0 if update < start else 1 + (update - start) // every
        return self.base_rate * math.pow(self.settings.factor, steps)


class Plateau(Schedule):
    """A rate that is multiplied by `factor` when validations bring no improvement.

    That happens after more than `patience` validations in a row without improvement.
    """

    @dataclass
    class _PlateauState:
        scale: float = 1.0
        best: float | None = None
        in_vain: int = 0
        is_noise: bool = False
        substitute: float | None = None
        metric: str | None = None

    def __init__(
        self, settings: ScheduleSettings, base_rate: float, last_update: int | None
    ) -> None:
        super().__init__(settings, base_rate, last_update)
        self._state = self._PlateauState()

    def after_warmup(self, update: int) -> float:
        """See `Schedule.after_warmup`."""
        return self.base_rate * self._state.scale

    def after_validation(self, value: MetricValue) -> None:
        """See `Schedule.after_validation`."""
        if self._state.metric != value.metric:  # values of different metrics cannot be compared
            self._state = self._PlateauState(self._state.scale, metric=value.metric)
        memory = self._state
        best = BestValidation(
            value.metric,
            memory.best,
            in_vain=memory.in_vain,
            is_noise=memory.is_noise,
            substitute=memory.substitute,
        )
        improved = best.update_with(value, 0)
        memory.best, memory.in_vain = best.value, best.in_vain
        memory.is_noise, memory.substitute = best.is_noise, best.substitute
        if improved:
            return
        if memory.in_vain > self.settings.patience:
            memory.scale *= self.settings.factor
            memory.in_vain = 0

    def state(self) -> dict[str, Any]:
        """See `Schedule.state`."""
        return asdict(self._state)

    def load_state(self, state: dict[str, Any]) -> None:
        """See `Schedule.load_state`."""
        self._state = self._PlateauState(**state)


def teacher_forcing_ratio(settings: TrainingSettings, update: int) -> float:
    """Return the probability of the true previous token (Bengio et al. 2015, section 2.4).

    Args:
        settings: The settings of training.
        update: The number of the update.
    """
    forcing = settings.teacher_forcing
    if forcing.final_ratio is None:
        return forcing.ratio
    progress = min(1.0, update / forcing.decay_updates)
    if forcing.decay == "linear":
        remaining = 1.0 - progress
    elif forcing.decay == "exponential":
        remaining = math.exp(-5.0 * progress)
    else:
        remaining = 1.0 / (1.0 + math.exp(10.0 * progress - 5.0))
    return forcing.final_ratio + (forcing.ratio - forcing.final_ratio) * remaining


def guidance_weight(settings: GuidedAlignmentSettings, update: int) -> float:
    """Return the weight of the guidance cost at an update.

    It falls linearly to zero where the settings have `decay_updates`.

    Args:
        settings: The settings of guided alignment.
        update: The number of the update, from 1.
    """
    if settings.decay_updates is None:
        return settings.weight
    return settings.weight * max(0.0, 1.0 - (update - 1) / settings.decay_updates)


def batch_guidance(settings: GuidedAlignmentSettings, batch: Batch, update: int) -> Guidance | None:
    """Return the guidance of a batch, on its device.

    Args:
        settings: The settings of guided alignment.
        batch: The batch.
        update: The number of the update, from 1.

    Returns:
        The guidance; None without links and once the weight is zero.
    """
    weight = guidance_weight(settings, update)
    if batch.guide is None or weight == 0.0:
        return None
    return Guidance(batch.guide, weight, GUIDANCE_COSTS.resolve(settings.cost))

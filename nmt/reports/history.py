"""What a run's log tells of its training, as it counts in the end: of updates done twice, after a
resume or a rollback, the later ones."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nmt.config.kinds import DEV_METRICS
from nmt.evaluation.metrics import MetricValue, deciding_value, metric
from nmt.training.log import CONTINUES_FROM

METRICS = {name: metric(name).title for name in DEV_METRICS.names()}
"""The metrics of dev, each as people write it."""

_FAULTS = {
    "skipped_update": "left out: loss or gradient not finite",
    "out_of_memory": "out of memory: done in {parts} parts",
    "not_saved": "{what} could not be saved",
    "looking_back": "back to update {back_to}: loss or gradient not finite",
    "rollback": "back to update {back_to}, learning rate times {rate_scale}",
    "given_up": "given up: loss or gradient not finite",
}


@dataclass(frozen=True)
class TrainPoint:
    """A line of the log: means over the updates since the line before. loss: label-smoothed, nats
    per token; perplexity: without smoothing; seconds: of training so far. NaN where not told.
    """

    update: int
    time: float
    epoch: int
    loss: float
    perplexity: float
    gradient_norm: float
    learning_rate: float
    tokens_per_second: float
    seconds: float


@dataclass(frozen=True)
class Sample:
    """A dev sentence, its reference, and what the model made of it."""

    source: str
    reference: str
    hypothesis: str


@dataclass(frozen=True)
class DevPoint:
    """A validation. metrics: by name, see `METRICS`; seconds: that it took; noise: why the value
    of a metric is noise, by metric.
    """

    update: int
    time: float
    metrics: Mapping[str, float]
    seconds: float
    samples: tuple[Sample, ...]
    noise: Mapping[str, str] = field(default_factory=dict)

    def deciding_value(self, metric: str) -> MetricValue | None:
        """Return the value that counts for a metric; None where it is no finite number."""
        found = deciding_value(metric, self.metrics, self.noise)
        return found if found is not None and math.isfinite(found.shown[1]) else None


@dataclass(frozen=True)
class Sitting:
    """A process that trained, from its start to its end however it came. update: where it began;
    facts: what it told of corpus, machine and versions.
    """

    update: int
    time: float
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Fault:
    """Something that went wrong at an update, in words."""

    kind: str
    update: int
    time: float
    text: str


@dataclass
class History:
    """A run so far. updates: the last that a record tells of; ended: why training is over, None
    while it is not; last_time: of the newest record, in seconds since 1970.
    """

    train: list[TrainPoint] = field(default_factory=list)
    dev: list[DevPoint] = field(default_factory=list)
    sittings: list[Sitting] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    update: int = 0
    ended: str | None = None
    given_up: bool = False
    last_time: float = math.nan

    @classmethod
    def of(cls, records: Iterable[Mapping[str, Any]]) -> "History":
        """The history that the records of a log tell."""
        history = cls()
        for record in records:
            history.add(record)
        return history

    def add(self, record: Mapping[str, Any]) -> None:
        """Take in the next record of the log; kinds that are not known are passed over."""
        kind, update, time = record["kind"], record["update"], _number(record.get("time"))
        if kind in CONTINUES_FROM:
            back = record.get(CONTINUES_FROM[kind])
            self._go_back(back if isinstance(back, int) else update)
        if kind in _FAULTS:
            self.faults.append(Fault(kind, update, time, _FAULTS[kind].format_map(_Said(record))))
        taken = _TAKEN.get(kind)
        if taken is not None:
            taken(self, record, update, time)
            self.update = update
        self.given_up = kind == "given_up"
        if not math.isnan(time):
            self.last_time = time

    def best(self, metric: str) -> DevPoint | None:
        """The validation that is best by a metric, of equal ones the first."""
        best: DevPoint | None = None
        highest: MetricValue | None = None
        for point in self.dev:
            value = point.deciding_value(metric)
            if value is not None and value.is_better_than(highest):
                best, highest = point, value
        return best

    def fact(self, name: str) -> Any:
        """What the newest sitting that tells of it told; None where none does."""
        told = (each.facts[name] for each in reversed(self.sittings) if name in each.facts)
        return next(told, None)

    @property
    def seconds(self) -> float:
        """Of training so far, validations included, as the newest records tell; 0 before any."""
        last = self.train[-1] if self.train else None
        if last is None or math.isnan(last.seconds):
            return 0.0
        if self.dev and self.dev[-1].update >= last.update:
            return last.seconds + max(0.0, self.dev[-1].time - last.time)
        return last.seconds

    def _go_back(self, update: int) -> None:
        self.train = [point for point in self.train if point.update <= update]
        self.dev = [point for point in self.dev if point.update <= update]
        self.update = update

    def _sit(self, record: Mapping[str, Any], update: int, time: float) -> None:
        self.ended = None
        facts = {key: record[key] for key in record if key not in ("kind", "update", "time")}
        self.sittings.append(Sitting(update, time, facts))

    def _learn(self, record: Mapping[str, Any], update: int, time: float) -> None:
        self.train = _before(self.train, update)
        names = ("loss", "perplexity", "gradient_norm", "learning_rate", "tokens_per_second")
        values = [_number(record.get(name)) for name in (*names, "seconds")]
        epoch = record.get("epoch")
        self.train.append(TrainPoint(update, time, epoch if type(epoch) is int else 0, *values))

    def _validate(self, record: Mapping[str, Any], update: int, time: float) -> None:
        self.dev = _before(self.dev, update)
        metrics = {name: _number(record[name]) for name in METRICS if name in record}
        samples = _samples(record.get("samples"))
        seconds, noise = _number(record.get("seconds")), _texts(record.get("noise"))
        self.dev.append(DevPoint(update, time, metrics, seconds, samples, noise))

    def _end(self, record: Mapping[str, Any], update: int, time: float) -> None:
        self.ended = str(record.get("reason", "no reason told"))


_TAKEN = {
    "start": History._sit,
    "train": History._learn,
    "validation": History._validate,
    "end": History._end,
}


class _Said(dict[str, Any]):
    """A record whose missing values are question marks."""

    def __missing__(self, key: str) -> str:
        return "?"


def _before(points: list[Any], update: int) -> list[Any]:
    """Points in order stay so, whatever a log that lost some of its lines tells."""
    if not points or points[-1].update < update:
        return points
    return [point for point in points if point.update < update]


def _number(value: Any) -> float:
    """A number; the log has infinity as text; NaN for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return math.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan


def _texts(value: Any) -> dict[str, str]:
    """Texts by name; none where the value is no object."""
    if not isinstance(value, dict):
        return {}
    return {str(name): str(text) for name, text in value.items()}


def _samples(value: Any) -> tuple[Sample, ...]:
    rows = value if isinstance(value, list) else []
    names = ("source", "reference", "hypothesis")
    return tuple(
        Sample(*(str(row.get(name, "")) for name in names)) for row in rows if isinstance(row, dict)
    )

"""The history of a run, read from its log: updates, validations, faults, samples.

Where an update was repeated after a resume or a rollback, only the later record counts.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from nmt.config.registry import DEV_METRICS
from nmt.evaluation.metrics import MetricValue, deciding_value, make_scorer, metric
from nmt.text.characters import normalize_for_comparison
from nmt.training.training_log import CONTINUES_FROM

METRICS = {name: metric(name).title for name in DEV_METRICS.names()}
"""The display names of the dev metrics."""

_FAULT_TEXTS = {
    "skipped_update": "skipped: loss or gradient not finite",
    "out_of_memory": "out of memory: computed in {parts} parts",
    "not_saved": "could not save {what}",
    "looking_back": "back to update {back_to}: loss or gradient not finite",
    "rollback": "back to update {back_to}, learning rate times {rate_scale}",
    "given_up": "stopped: loss or gradient not finite",
}


@dataclass(frozen=True)
class TrainPoint:
    """Training figures of a line of the log: means over the updates since the line before.

    A figure that the log lacks is NaN.

    Attributes:
        update: The last of these updates.
        time: The time of the record, in seconds since 1970.
        epoch: The epoch; 0 where it is not recorded.
        loss: The label-smoothed loss in nats per token.
        perplexity: The perplexity without label smoothing.
        gradient_norm: The norm of the gradient.
        learning_rate: The learning rate.
        tokens_per_second: Target tokens per second.
        seconds: Seconds of training so far.
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
class LoggedSample:
    """A dev sentence, its reference, and the translation of the model."""

    source: str
    reference: str
    hypothesis: str


@dataclass(frozen=True)
class DevPoint:
    """A validation.

    Attributes:
        update: The update after which it ran.
        time: The time of the record, in seconds since 1970.
        metrics: Values by metric, see `METRICS`.
        seconds: The duration of the validation in seconds.
        samples: Dev sentences with their translations.
        noise: By metric, the reason why its value is only noise.
        groups: Values by metric of each language pair, where dev has several.
    """

    update: int
    time: float
    metrics: Mapping[str, float]
    seconds: float
    samples: tuple[LoggedSample, ...]
    noise: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def deciding_value(self, metric: str) -> MetricValue | None:
        """Return the value that counts for a metric; None where it is not finite."""
        value = deciding_value(metric, self.metrics, self.noise)
        return value if value is not None and math.isfinite(value.shown[1]) else None


@dataclass(frozen=True)
class Session:
    """A session: a process that trained, from its start to its end.

    Attributes:
        update: The update at which the session began.
        time: The time at which it began, in seconds since 1970.
        facts: The recorded facts about corpus, machine and versions.
    """

    update: int
    time: float
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Fault:
    """A failure during training at an update, with its description."""

    kind: str
    update: int
    time: float
    text: str


@dataclass
class RunHistory:
    """The history of a run so far.

    Attributes:
        train: The training figures, in order of updates.
        dev: The validations, in order of updates.
        sessions: The sessions, in order of time.
        faults: The failures, in order of time.
        update: The last update that a record names.
        ended: The reason why training ended; None while it has not.
        given_up: Whether training gave up after repeated failures.
        last_time: The time of the newest record, in seconds since 1970.
    """

    train: list[TrainPoint] = field(default_factory=list)
    dev: list[DevPoint] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    update: int = 0
    ended: str | None = None
    given_up: bool = False
    last_time: float = math.nan

    @classmethod
    def from_records(cls, records: Iterable[Mapping[str, Any]]) -> "RunHistory":
        """Return the history that the records of a log describe."""
        history = cls()
        for record in records:
            history.add(record)
        return history

    def add(self, record: Mapping[str, Any]) -> None:
        """Add the next record of the log; records of unknown kinds change nothing."""
        kind, update, time = record["kind"], record["update"], _as_number(record.get("time"))
        if kind in CONTINUES_FROM:
            target = record.get(CONTINUES_FROM[kind])
            self._discard_after(target if isinstance(target, int) else update)
        if kind in _FAULT_TEXTS:
            self.faults.append(
                Fault(kind, update, time, _FAULT_TEXTS[kind].format_map(_DefaultRecord(record)))
            )
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(self, record, update, time)
            self.update = update
        self.given_up = kind == "given_up"
        if not math.isnan(time):
            self.last_time = time

    def best(self, metric: str) -> DevPoint | None:
        """Return the best validation by a metric, the first of equal ones.

        It is None where no validation has a finite value.
        """
        best: DevPoint | None = None
        highest: MetricValue | None = None
        for point in self.dev:
            value = point.deciding_value(metric)
            if value is not None and value.is_better_than(highest):
                best, highest = point, value
        return best

    def fact(self, name: str) -> Any:
        """Return a fact from the newest session that recorded it; None where none did."""
        values = (
            session.facts[name] for session in reversed(self.sessions) if name in session.facts
        )
        return next(values, None)

    @property
    def seconds(self) -> float:
        """Seconds of training so far, validations included; 0 without a record."""
        last = self.train[-1] if self.train else None
        if last is None or math.isnan(last.seconds):
            return 0.0
        if self.dev and self.dev[-1].update >= last.update:
            return last.seconds + max(0.0, self.dev[-1].time - last.time)
        return last.seconds

    def _discard_after(self, update: int) -> None:
        self.train = [point for point in self.train if point.update <= update]
        self.dev = [point for point in self.dev if point.update <= update]
        self.update = update

    def _add_session(self, record: Mapping[str, Any], update: int, time: float) -> None:
        self.ended = None
        facts = {key: record[key] for key in record if key not in ("kind", "update", "time")}
        self.sessions.append(Session(update, time, facts))

    def _add_train_point(self, record: Mapping[str, Any], update: int, time: float) -> None:
        self.train = _points_before(self.train, update)
        names = ("loss", "perplexity", "gradient_norm", "learning_rate", "tokens_per_second")
        values = [_as_number(record.get(name)) for name in (*names, "seconds")]
        epoch = record.get("epoch")
        self.train.append(TrainPoint(update, time, epoch if type(epoch) is int else 0, *values))

    def _add_validation(self, record: Mapping[str, Any], update: int, time: float) -> None:
        self.dev = _points_before(self.dev, update)
        metrics, groups = _as_metrics(record), _as_groups(record.get("groups"))
        samples = _as_samples(record.get("samples"))
        seconds, noise = _as_number(record.get("seconds")), _as_texts(record.get("noise"))
        self.dev.append(DevPoint(update, time, metrics, seconds, samples, noise, groups))

    def _add_end(self, record: Mapping[str, Any], update: int, time: float) -> None:
        self.ended = str(record.get("reason", "no reason recorded"))


_HANDLERS = {
    "start": RunHistory._add_session,
    "train": RunHistory._add_train_point,
    "validation": RunHistory._add_validation,
    "end": RunHistory._add_end,
}


class _DefaultRecord(dict[str, Any]):
    """A record whose missing values read as question marks."""

    def __missing__(self, key: str) -> str:
        return "?"


def _points_before(points: list[Any], update: int) -> list[Any]:
    """Return the points before an update, so that a damaged log cannot break their order."""
    if not points or points[-1].update < update:
        return points
    return [point for point in points if point.update < update]


def _as_number(value: Any) -> float:
    """Return a recorded value as a number; NaN for anything else. Infinity is recorded as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return math.nan
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan


def _as_metrics(record: Mapping[str, Any]) -> dict[str, float]:
    return {name: _as_number(record[name]) for name in METRICS if name in record}


def _as_groups(value: Any) -> dict[str, dict[str, float]]:
    """Return recorded values by language pair; none where the value is no object."""
    groups = value.items() if isinstance(value, dict) else ()
    return {str(label): _as_metrics(each) for label, each in groups if isinstance(each, dict)}


def _as_texts(value: Any) -> dict[str, str]:
    """Return recorded texts by name; none where the value is no object."""
    if not isinstance(value, dict):
        return {}
    return {str(name): str(text) for name, text in value.items()}


def _as_samples(value: Any) -> tuple[LoggedSample, ...]:
    rows = value if isinstance(value, list) else []
    names = ("source", "reference", "hypothesis")
    return tuple(
        LoggedSample(*(str(row.get(name, "")) for name in names))
        for row in rows
        if isinstance(row, dict)
    )


_WARNING_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) warning: (.*)")


@dataclass(frozen=True)
class LoggedWarning:
    """A warning in the log of a run.

    Attributes:
        time: The time when the warning was first given, on the clock of the machine.
        text: The message.
        count: The number of times that the warning was given.
    """

    time: str
    text: str
    count: int


def read_warnings(log: Path) -> list[LoggedWarning]:
    """Return the distinct warnings of a train.log in order of their first time; none without a log.

    Raises:
        OSError: The log cannot be read.
    """
    by_text: dict[str, LoggedWarning] = {}
    try:
        file = log.open("rb")
    except FileNotFoundError:
        return []
    with file:
        for line in file:
            match = _WARNING_LINE.match(line.decode("utf-8", errors="replace").rstrip("\n"))
            if match is not None:
                time, text = match.groups()
                known = by_text.get(text, LoggedWarning(time, text, 0))
                by_text[text] = LoggedWarning(known.time, text, known.count + 1)
    return list(by_text.values())


@dataclass(frozen=True)
class Stage:
    """A translation that stayed the same over consecutive validations.

    Attributes:
        first: The update of the first of these validations.
        last: The update of the last of these validations.
        text: The translation.
        chrf: The chrF of the sentence, 0 to 100; NaN where its reference is blank.
    """

    first: int
    last: int
    text: str
    chrf: float


@dataclass(frozen=True)
class TrackedSample:
    """A dev sentence and the stages of its translation."""

    source: str
    reference: str
    stages: tuple[Stage, ...]


def track_samples(history: RunHistory) -> list[TrackedSample]:
    """Return the sentences with translations in the log, in the order of their first record."""
    by_sentence: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for point in history.dev:
        for sample in point.samples:
            key = sample.source, sample.reference
            by_sentence.setdefault(key, []).append((point.update, sample.hypothesis))
    return [
        TrackedSample(source, reference, tuple(_stages(reference, texts)))
        for (source, reference), texts in by_sentence.items()
    ]


def _stages(reference: str, texts: list[tuple[int, str]]) -> list[Stage]:
    stages: list[Stage] = []
    for update, text in texts:
        if stages and stages[-1].text == text:
            known = stages.pop()
            stages.append(Stage(known.first, update, text, known.chrf))
        else:
            stages.append(Stage(update, update, text, _chrf(text, reference)))
    return stages


@cache
def _chrf(text: str, reference: str) -> float:
    if not reference.strip():
        return math.nan
    return float(
        make_scorer("chrf")
        .sentence_score(normalize_for_comparison(text), [normalize_for_comparison(reference)])
        .score
    )

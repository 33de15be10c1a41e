"""The state of a run: configuration, history, progress, and whether a process works on it."""

import contextlib
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmt.config.load import load_config
from nmt.config.settings import Config, TrainingSettings
from nmt.config.settings.training import duration_seconds
from nmt.console import say
from nmt.data.manifest import MANIFEST, Manifest
from nmt.doctor.forecast import ExpectedEnd, expected_end
from nmt.errors import ConfigError, DataError, ModelError
from nmt.evaluation.metrics import BestValidation
from nmt.reports.run_history import RunHistory
from nmt.runtime.lock import find_lock_holder
from nmt.runtime.log_records import LogRecords, last_time, read_records
from nmt.runtime.run_directory import RunDirectory
from nmt.text.lines import wrap_read_errors
from nmt.tokenizers.source_tags import TagSelection

_BUNDLE = "bundle.json"  # BUNDLE_RECORD of nmt.bundles.bundle, whose import loads torch


@dataclass(frozen=True)
class RunState:
    """The state of a run at a moment.

    Attributes:
        run: The files of the run.
        config: The configuration; None where it cannot be read.
        config_problem: The reason why it cannot be read.
        history: The history of training.
        process: The id of the process that trains or prepares the run; None where there is none.
        damaged: The number of damaged lines in the log.
        now: The moment, in seconds since 1970.
        new_records: The records added since the last reading.
    """

    run: RunDirectory
    config: Config | None
    config_problem: str
    history: RunHistory
    process: str | None
    damaged: int
    now: float
    new_records: tuple[Mapping[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """The name of the run."""
        named = None if self.config is None else self.config.name
        return named or self.run.path.resolve().name

    @property
    def status(self) -> str:
        """The state of training in a word or two."""
        if self.process is not None:
            return "training" if self.history.sessions else "preparing"
        if self.history.ended is not None:
            return "ended"
        if self.history.given_up:
            return "given up"
        return "stopped" if self.history.sessions else "not begun"

    @property
    def best_metric(self) -> str:
        """The metric by which the best model is chosen."""
        if self.config is None:
            return "bleu"
        return self.config.training.metric

    def check_data(self) -> None:
        """Raise DataError where the corpora are missing, or have changed since the run was trained.

        The log of an earlier release lacks fingerprints, and then nothing is checked.
        """
        sessions = self.history.sessions
        recorded = sessions[-1].facts.get("fingerprints") if sessions else None
        if recorded is None:
            return
        manifest = Manifest.load(self.run.data)
        current = {"train": manifest.train.fingerprint, "dev": manifest.dev.fingerprint}
        for name, fingerprint in current.items():
            if recorded.get(name, fingerprint) != fingerprint:
                raise DataError(
                    f"{self.run.data}: its {name} corpus changed after {self.run.path} was "
                    "trained with it. Give another text with --source and --ref."
                )

    def dev_tags(self) -> list[TagSelection] | None:
        """Return the target language and the tag of each line of dev, None where dev has none.

        Raises:
            DataError: The manifest of the corpora is missing or damaged.
        """
        parts = Manifest.load(self.run.data).dev.parts
        if not any(part.tags for part in parts):
            return None
        return [
            tags
            for part in parts
            for tags in [TagSelection.from_names(part.tags)] * part.pairs_kept
        ]


class RunWatcher:
    """A reader of a run's state. Each call reads only the new records of the log.

    Args:
        path: The folder of the run, or the configuration that names it.

    Raises:
        ModelError: There is no run.
        ConfigError: The configuration cannot be read.
    """

    def __init__(self, path: Path) -> None:
        folder, self._config_file = _find_run(path)
        self._records = LogRecords(folder.log_records)
        self._generation = 0
        self._history = RunHistory()
        self._read_config(folder)

    def read_state(self) -> RunState:
        """Return the current state of the run.

        Raises:
            DataError: The log cannot be read.
        """
        # Read before the log, so that the log of a process that has just ended is complete.
        process = self._process()
        with wrap_read_errors(str(self._run.log_records)):
            records = self._records.read_new()
        if self._records.restarts != self._generation:
            self._generation, self._history = self._records.restarts, RunHistory()
            self._read_config(self._run)
        for record in records:
            self._history.add(record)
        return RunState(
            self._run,
            self._config,
            self._config_problem,
            self._history,
            process,
            self._records.damaged,
            time.time(),
            tuple(records),
        )

    def _read_config(self, run: RunDirectory) -> None:
        """Read the configuration, which also names the folders of tokenizer and data."""
        self._config, self._config_problem = _load_config(self._config_file)
        self._run = (
            run if self._config is None else RunDirectory.from_config(self._config, run.path)
        )

    def _process(self) -> str | None:
        for lock in (self._run.training_lock, *self._run.preparation_locks):
            with contextlib.suppress(OSError):
                if process := find_lock_holder(lock):
                    return process
        return None


def open_run(path: Path) -> RunState:
    """Return the current state of a run. The exceptions are those of `RunWatcher`."""
    return RunWatcher(path).read_state()


def newest_run() -> Path:
    """Return the run below `./runs` that was trained last, and report it on stderr.

    Raises:
        ModelError: There is no run.
    """
    runs = [path for path in Path("runs").glob("*") if _has_begun(RunDirectory(path))]
    if not runs:
        raise ModelError("there is no run below ./runs. Name the folder of one, or train one.")
    newest = max(runs, key=lambda path: _time_trained(RunDirectory(path)))
    say(f"run: {newest}")
    return newest


def _time_trained(run: RunDirectory) -> float:
    """Return the time of the last record of the log, or else that of the configuration."""
    time = None
    with contextlib.suppress(OSError):
        time = last_time(read_records(run.log_records))
    file = run.config_file if run.config_file.is_file() else run.log_records
    return file.stat().st_mtime if time is None else time


def _find_run(path: Path) -> tuple[RunDirectory, Path]:
    """Return the run that a folder or a configuration names, and the configuration file to read.

    The configuration in the folder of the run takes precedence, where there is one.
    """
    if path.is_file():
        run = RunDirectory.from_config(load_config(path))
        if _has_begun(run):
            return run, run.config_file
        if (run.data / MANIFEST).is_file():
            return run, path
        raise ModelError(
            f"{path}: its run does not exist yet ({run.path}). Run `nmt train`, or `nmt binarize` "
            "to inspect its corpora."
        )
    run = RunDirectory(path)
    if (path / _BUNDLE).is_file():
        raise ModelError(f"{path}: is a bundle. Give the run that made it.")
    if not _has_begun(run):
        problem = "is not a run (it has no config.yaml)" if path.is_dir() else "no such run"
        raise ModelError(f"{path}: {problem}. Give a run directory, such as runs/NAME.")
    return run, run.config_file


def _has_begun(run: RunDirectory) -> bool:
    return run.config_file.is_file() or run.log_records.is_file()


def _load_config(file: Path) -> tuple[Config | None, str]:
    try:
        return load_config(file), ""
    except ConfigError as error:
        return None, error.message


_PACE_LINES = 20
"""The number of log lines over which the speed is measured."""


@dataclass(frozen=True)
class RunProgress:
    """The progress of a run towards its end.

    Attributes:
        share: The share of training that is done, 0 to 1, towards the stopping criterion that comes
            first; None where it is not known.
        left: The remaining seconds; None where only early stopping ends training.
        key: The setting that ends training.
        in_vain: The number of validations without improvement.
        patience: The number of validations without improvement that ends training.
    """

    share: float | None
    left: float | None
    key: str
    in_vain: int
    patience: int | None


def run_progress(state: RunState) -> RunProgress | None:
    """Return the progress of a run; None where its configuration cannot be read."""
    if state.config is None:
        return None
    settings, history = state.config.training, state.history
    in_vain = validations_without_improvement(history, settings.metric)
    if history.ended is not None:
        return RunProgress(1.0, 0.0, "", in_vain, settings.patience)
    seconds_each = seconds_per_update(history)
    end = None if seconds_each is None else _next_end(settings, history, seconds_each)
    if end is None:
        share = _share_without_pace(settings, history)
        return RunProgress(share, None, "", in_vain, settings.patience)
    done = max(history.seconds, 1e-9)
    share = done / (done + end.seconds)
    return RunProgress(share, end.seconds, end.key, in_vain, settings.patience)


def seconds_per_update(history: RunHistory) -> float | None:
    """Return the recent seconds per update, validations included.

    It is None before the log has two lines with times.
    """
    points = [point for point in history.train[-_PACE_LINES:] if math.isfinite(point.seconds)]
    if len(points) < 2 or points[-1].update == points[0].update:
        return None
    return max(
        1e-9,
        (points[-1].seconds - points[0].seconds) / (points[-1].update - points[0].update),
    )


def updates_per_epoch(history: RunHistory) -> int | None:
    """Return the updates per epoch, recorded or inferred from the log.

    Returns:
        The number of updates. It is None where the log does not record it and shows no change of
        epoch.
    """
    batches, per_update = history.fact("batches"), history.fact("batches_per_update")
    if isinstance(batches, int) and isinstance(per_update, int) and batches > 0 and per_update > 0:
        return math.ceil(batches / per_update)
    estimates = [
        (before.update + after.update) / 2 / before.epoch
        for before, after in zip(history.train[:-1], history.train[1:], strict=True)
        if after.epoch == before.epoch + 1 and before.epoch > 0
    ]
    return max(1, round(estimates[-1])) if estimates else None


def validations_without_improvement(history: RunHistory, metric: str) -> int:
    """Return the number of validations since the last improvement.

    Args:
        history: The history of the run.
        metric: The metric that chooses the best model.
    """
    best = BestValidation(metric)
    for point in history.dev:
        value = point.deciding_value(metric)
        if value is not None:
            best.update_with(value, point.update)
    return best.in_vain


def _next_end(settings: TrainingSettings, history: RunHistory, pace: float) -> ExpectedEnd | None:
    epoch = updates_per_epoch(history)
    if epoch is None:
        settings = settings.model_copy(update={"max_epochs": None})
    return expected_end(settings, pace, epoch or 1, history.update, history.seconds)


def _share_without_pace(settings: TrainingSettings, history: RunHistory) -> float | None:
    """Return the share of training that is done, by updates and time alone."""
    shares = []
    if settings.max_updates is not None:
        shares.append(history.update / settings.max_updates)
    if settings.max_time is not None:
        shares.append(history.seconds / duration_seconds(settings.max_time))
    return min(1.0, max(shares)) if shares else None


def status_text(state: RunState) -> str:
    """Return the state of training as a sentence, with the reason where training ended."""
    if state.status == "training":
        return f"training (process {state.process})"
    if state.status == "preparing":
        return f"preparing the data (process {state.process})"
    if state.status == "ended":
        return f"training ended: {state.history.ended}"
    if state.status == "given up":
        return "training stopped: loss or gradient not finite"
    if state.status == "stopped":
        return (
            f"training stopped at update {state.history.update:,}; no process on this machine is "
            "training it"
        )
    return "training has not started"

"""The state of a run on disk: its configuration, its history, and the process that works on it."""

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmt.config.load import load_config
from nmt.config.settings import Config
from nmt.data.manifest import MANIFEST, Manifest
from nmt.data.text import plain_read_errors
from nmt.errors import ConfigError, DataError, ModelError
from nmt.reports.history import History
from nmt.runtime.lock import holder
from nmt.runtime.log_records import LogRecords
from nmt.runtime.run_directory import RunDirectory

_BUNDLE = "bundle.json"  # FACTS of nmt.bundle, whose import loads torch


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
        news: The records added since the last reading.
    """

    run: RunDirectory
    config: Config | None
    config_problem: str
    history: History
    process: str | None
    damaged: int
    now: float
    news: tuple[Mapping[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """The name of the run."""
        named = None if self.config is None else self.config.name
        return named or self.run.path.resolve().name

    @property
    def status(self) -> str:
        """The state of training in a word or two."""
        if self.process is not None:
            return "training" if self.history.sittings else "preparing"
        if self.history.ended is not None:
            return "ended"
        if self.history.given_up:
            return "given up"
        return "stopped" if self.history.sittings else "not begun"

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
        sittings = self.history.sittings
        begun_with = sittings[-1].facts.get("fingerprints") if sittings else None
        if begun_with is None:
            return
        manifest = Manifest.load(self.run.data)
        found = {"train": manifest.train.fingerprint, "dev": manifest.dev.fingerprint}
        for name, fingerprint in found.items():
            if begun_with.get(name, fingerprint) != fingerprint:
                raise DataError(
                    f"{self.run.data}: its {name} corpus was changed since {self.run.path} was "
                    "trained with it."
                )


class RunWatcher:
    """A reader of a run's state that reads only the new records of its log.

    Args:
        path: The folder of the run, or the configuration that names it.

    Raises:
        ModelError: There is no run.
        ConfigError: The configuration cannot be read.
    """

    def __init__(self, path: Path) -> None:
        folder, self._config_file = _find(path)
        self._records = LogRecords(folder.log_records)
        self._times = 0
        self._history = History()
        self._read_config(folder)

    def look(self) -> RunState:
        """Return the current state of the run.

        Raises:
            DataError: The log cannot be read.
        """
        # Read before the log, so that the log of a process that has just ended is complete.
        process = self._process()
        with plain_read_errors(str(self._run.log_records)):
            records = self._records.new()
        if self._records.times != self._times:
            self._times, self._history = self._records.times, History()
            self._read_config(self._run)
        for record in records:
            self._history.add(record)
        return RunState(
            self._run,
            self._config,
            self._problem,
            self._history,
            process,
            self._records.damaged,
            time.time(),
            tuple(records),
        )

    def _read_config(self, run: RunDirectory) -> None:
        """Read the configuration, which also names the folders of tokenizer and data."""
        self._config, self._problem = _config_of(self._config_file)
        self._run = run if self._config is None else RunDirectory.of(self._config, run.path)

    def _process(self) -> str | None:
        for lock in (self._run.training_lock, *self._run.preparing_locks):
            with contextlib.suppress(OSError):
                if process := holder(lock):
                    return process
        return None


def open_run(path: Path) -> RunState:
    """Return the current state of a run. The exceptions are those of `RunWatcher`."""
    return RunWatcher(path).look()


def _find(path: Path) -> tuple[RunDirectory, Path]:
    """Return the run that a folder or a configuration names, and the configuration file to read.

    The configuration in the folder of the run takes precedence, where there is one.
    """
    if path.is_file():
        run = RunDirectory.of(load_config(path))
        if _has_begun(run):
            return run, run.config_file
        if (run.data / MANIFEST).is_file():
            return run, path
        raise ModelError(
            f"{path}: its run has not begun ({run.path}). Run nmt train, or nmt binarize to look "
            "at its corpora."
        )
    run = RunDirectory(path)
    if (path / _BUNDLE).is_file():
        raise ModelError(f"{path}: is a bundle. Give the folder of the run that made it.")
    if not _has_begun(run):
        what = "is no run (no config.yaml in it)" if path.is_dir() else "there is no such run"
        raise ModelError(f"{path}: {what}. Give the folder of a run, such as runs/NAME.")
    return run, run.config_file


def _has_begun(run: RunDirectory) -> bool:
    return run.config_file.is_file() or run.log_records.is_file()


def _config_of(file: Path) -> tuple[Config | None, str]:
    try:
        return load_config(file), ""
    except ConfigError as error:
        return None, error.message

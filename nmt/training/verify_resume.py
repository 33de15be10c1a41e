"""A check, on the user's own configuration, that a killed run is resumed exactly."""

import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nmt.alignment.guided_links import has_guidance
from nmt.config.settings import Config
from nmt.console import set_quiet, warn
from nmt.data.tokenizer_preparation import find_tokenizers, prepare_tokenizers
from nmt.errors import NmtError, StoppedBySignal, UsageError
from nmt.runtime.atomic_files import wrap_os_errors
from nmt.runtime.distributed import World
from nmt.runtime.process import SignalReceived, delay_signals, raise_signals, unblock_signals
from nmt.runtime.run_directory import RunDirectory
from nmt.runtime.tensor_files import read_tensors
from nmt.training.checkpoints import (
    AVERAGE,
    MODEL,
    OPTIMIZER,
    TrainingState,
    checkpoint_path,
    load_state,
    newest_checkpoint,
)
from nmt.training.data_preparation import find_corpora, prepare_corpora
from nmt.training.run import train
from nmt.training.training_log import TrainingLog

_UPDATES = 5
"""The number N of updates before the checkpoint, which comes with a validation. The kill comes
after N + 1.
"""

_DEV_SENTENCES = 8


def verify_resume(config: Config) -> str:
    """Check that a killed and resumed training gives the same bits as one without interruption.

    One training makes 2N updates. Another is killed by kill -9 after N + 1 updates and resumed up
    to 2N. Each is a process of its own, in a folder beside the run that is removed afterwards.
    Tokenizer and corpora are those of the run where they are up to date, else they are made in that
    folder. The run itself is not changed.

    Args:
        config: The configuration of the run.

    Returns:
        Two lines about the compared trainings and tensors.

    Raises:
        NmtError: Weights, optimizer or position differ, or a process failed.
        UsageError: A launcher started several processes.
        StoppedBySignal: A signal was received.
    """
    if (size := World.from_environment().size) > 1:
        raise UsageError(
            f"--verify-resume: supports one process, but a launcher started {size}. Remove it."
        )
    assert config.run_dir is not None
    run = RunDirectory(config.run_dir)
    try:
        with raise_signals(), _temporary_folder(run.path) as folder:
            return _compare_trainings(folder, config, run)
    except SignalReceived as stopped:
        raise StoppedBySignal(f"stopped by {stopped.name}.", stopped.number) from None


@contextmanager
def _temporary_folder(path: Path) -> Iterator[Path]:
    with wrap_os_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.verify-", dir=path.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _compare_trainings(folder: Path, config: Config, run: RunDirectory) -> str:
    uninterrupted, resumed = RunDirectory(folder / "whole"), RunDirectory(folder / "parts")
    short = _with_prepared(_shortened(config), run, folder)
    _run_process(_with_run_dir(short, uninterrupted), kill_after=None)
    end = load_state(checkpoint_path(uninterrupted.checkpoints, 2 * _UPDATES))
    # Batch size and precision depend on measured memory and speed, which may give other results
    # a second time.
    short = _with_training(short, batch_size=end.batch_size)
    short = _with_precision(short, end.choices.precision)
    _run_process(_with_run_dir(short, resumed), kill_after=_UPDATES + 1)
    killed = newest_checkpoint(resumed.checkpoints)
    if killed != checkpoint_path(resumed.checkpoints, _UPDATES):
        raise NmtError(f"resume could not be checked: the killed run left {killed} to resume from.")
    _run_process(_with_run_dir(short, resumed), kill_after=None)
    counts = _compare(uninterrupted, resumed)
    average = f"{counts[AVERAGE]} of the average, " if AVERAGE in counts else ""
    return (
        f"exact: {2 * _UPDATES} updates, and {_UPDATES + 1} + kill -9 + resume to {2 * _UPDATES}, "
        "give identical bits\n"
        f"compared: {counts[MODEL]} tensors of weights, {counts[OPTIMIZER]} of the optimizer, "
        f"{average}position (update {end.update}, epoch {end.epoch + 1}, batch {end.batch}); "
        f"{end.choices.device}, {end.choices.precision}"
    )


def _shortened(config: Config) -> Config:
    validation_settings = config.training.validation.model_copy(
        update={
            "every_updates": _UPDATES,
            "max_sentences": _DEV_SENTENCES,
            "samples": 0,
        }
    )
    return _with_training(
        config,
        max_updates=2 * _UPDATES,
        max_epochs=None,
        max_time=None,
        patience=None,
        checkpoint=config.training.checkpoint.model_copy(update={"every_updates": _UPDATES}),
        validation=validation_settings,
        log_every_updates=1,
        tensorboard=False,
    )


def _with_training(config: Config, **changes: Any) -> Config:
    return config.model_copy(update={"training": config.training.model_copy(update=changes)})


def _with_precision(config: Config, precision: str) -> Config:
    runtime = config.runtime.model_copy(update={"precision": precision})
    return config.model_copy(update={"runtime": runtime})


def _with_run_dir(config: Config, run: RunDirectory) -> Config:
    return config.model_copy(update={"run_dir": run.path})


def _with_prepared(config: Config, run: RunDirectory, folder: Path) -> Config:
    """Return the configuration with tokenizer and data that are ready for training.

    Args:
        config: The configuration of the run.
        run: The run. Its tokenizer and data are used where they are up to date.
        folder: The folder in which they are made otherwise.
    """
    # The tokenizer of a model to start from may be found without existing in the run.
    tokenizers = find_tokenizers(config, run) if run.tokenizer.is_dir() else None
    data = None if tokenizers is None else find_corpora(config, run, tokenizers)
    if data is not None and not has_guidance(config, run.data, data.train):
        data = None
    prepared = RunDirectory(
        folder,
        run.tokenizer if tokenizers is not None else folder / "tokenizer",
        run.data if data is not None else folder / "data",
    )
    if data is None:
        prepare_corpora(config, prepared, prepare_tokenizers(config, prepared))
    folders = {"tokenizer": prepared.tokenizer, "data": prepared.data}
    update = {
        name: getattr(config, name).model_copy(update={"dir": path})
        for name, path in folders.items()
    }
    return config.model_copy(update=update)


def _run_process(config: Config, kill_after: int | None) -> None:
    """Train in a new process, which must succeed, or kill itself after an update."""
    process = multiprocessing.get_context("spawn").Process(
        target=_train_in_process, args=(config, kill_after), daemon=True
    )
    with delay_signals():
        process.start()
    try:
        process.join()
    finally:
        process.kill()
        process.join()
    if process.exitcode != (0 if kill_after is None else -signal.SIGKILL):
        raise NmtError(
            f"resume could not be checked: training {config.run_dir} ended with exit code "
            f"{process.exitcode} (see above)."
        )


def _train_in_process(config: Config, kill_after: int | None) -> None:
    set_quiet(True)
    unblock_signals(signal.SIGINT, signal.SIGTERM)
    try:
        train(config, open_log=partial(_SelfKillingLog, kill_after=kill_after))
    except NmtError as error:
        warn(error.message)
        sys.exit(error.exit_code)


class _SelfKillingLog(TrainingLog):
    """A log that kills its process after the record of update `kill_after`."""

    def __init__(self, run: RunDirectory, tensorboard: bool, kill_after: int | None) -> None:
        super().__init__(run, tensorboard)
        self._kill_after = kill_after

    def record(self, kind: str, update: int, **values: Any) -> None:
        """See `TrainingLog.record`."""
        super().record(kind, update, **values)
        if kind == "train" and update == self._kill_after:
            os.kill(os.getpid(), signal.SIGKILL)


def _compare(uninterrupted: RunDirectory, resumed: RunDirectory) -> dict[str, int]:
    """Compare the last checkpoints and return the number of tensors of each file.

    Raises:
        NmtError: A file or the state differs. The message names the first difference.
    """
    one, two = (checkpoint_path(run.checkpoints, 2 * _UPDATES) for run in (uninterrupted, resumed))
    counts = {}
    files = (MODEL, OPTIMIZER, AVERAGE)
    for name in files if (one / AVERAGE).exists() else files[:2]:
        tensors, others = read_tensors(one / name), read_tensors(two / name)
        differing = [key for key in tensors if not _same_bits(tensors[key], others.get(key))]
        if differing or tensors.keys() != others.keys():
            names = ", ".join(differing[:5]) or "their names"
            raise _difference_error(
                f"{len(differing)} of {len(tensors)} tensors of {name} ({names}, ...)"
            )
        counts[name] = len(tensors)
    states = [_without_seconds(load_state(path)) for path in (one, two)]
    values = {
        state_field.name: tuple(getattr(state, state_field.name) for state in states)
        for state_field in fields(TrainingState)
    }
    if differing := [f"{key}: {a} and {b}" for key, (a, b) in values.items() if a != b]:
        raise _difference_error("; ".join(differing))
    return counts


def _without_seconds(state: TrainingState) -> TrainingState:
    unlogged = replace(state.unlogged, seconds=0.0)
    return replace(state, seconds=0.0, unlogged=unlogged)


def _same_bits(one: Tensor, other: Tensor | None) -> bool:
    if other is None or (one.dtype, one.shape) != (other.dtype, other.shape):
        return False
    return torch.equal(one.reshape(-1).view(torch.uint8), other.reshape(-1).view(torch.uint8))


def _difference_error(difference: str) -> NmtError:
    return NmtError(
        f"resume is NOT exact with this configuration: {difference}. This differs between training "
        f"{2 * _UPDATES} updates without a stop and training {_UPDATES + 1}, kill -9, and resuming "
        f"to {2 * _UPDATES}.\n"
        "On a CPU this is a bug in nmt: please report it with the configuration. On a GPU, "
        "kernels may add in a different order each time."
    )

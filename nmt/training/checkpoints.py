"""Checkpoints, which hold all that an exact resume needs, and migrations of older ones.

Format 1 has the state and the checksums of the files beside it. Format 2 adds a checksum of the
record. In format 3 `batch_size` replaces `batch_tokens` of the state.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from nmt.console import warn
from nmt.errors import ModelError, ResourceError, describe_damage
from nmt.evaluation.metrics import BestValidation
from nmt.runtime.atomic_files import (
    atomic_directory,
    check_free_space,
    read_json,
    remove_directory,
    sha256,
    wrap_os_errors,
)
from nmt.runtime.device import Choices
from nmt.runtime.distributed import Ranks
from nmt.runtime.tensor_files import load_model_tensors, model_tensors, read_tensors, write_tensors
from nmt.training.metric_accumulator import MetricSums
from nmt.training.moving_average import MovingAverage
from nmt.training.training_log import TrainingLog

MODEL = "model.safetensors"
OPTIMIZER = "optimizer.safetensors"
AVERAGE = "average.safetensors"
_STATE = "state.json"
_PREFIX = "step-"
_DAMAGED_PREFIX = "damaged-"

_EXTRA_BYTES = 1 << 20
"""A generous bound of a checkpoint's bytes that are not tensors."""


@dataclass
class TrainingState:
    """The state of training, without tensors.

    Attributes:
        choices: The device, precision, kernels and threads.
        corpora: The fingerprints of train, dev and tokenizer, and of the links that guide
            attention, if there are any.
        update: The number of updates so far.
        epoch: The epoch of the next batch, from 0.
        batch: The index of the next batch in its epoch.
        seconds: The seconds of training so far, over all sessions.
        target_tokens: The target tokens trained on so far.
        batch_size: The budget of a batch; 0 where it is not known.
        batches_per_update: The batches of an update on all ranks together; 0 in a checkpoint of an
            earlier version, where one rank took `accumulate` batches.
        updates_per_epoch: The updates of the first epoch; 0 in a checkpoint of an earlier version.
        validated: The update of the last validation.
        schedule: The state of the learning rate schedule.
        scaler: The state of the loss scaler.
        best: The best validation by metric.
        stopping: The best validation for early stopping.
        ended: Why training is over; None while it is not.
        started_from: The name and fingerprint of the model whose parameters were copied, if any.
        skipped: The number of updates in a row that were just skipped.
        sound: The update of the checkpoint to roll back to should more be skipped.
        rollbacks: The number of rollbacks so far.
        rate_scale: The factor of the learning rate that follows from the rollbacks.
        unlogged: The sums of the updates since the last log line.
        bleu_tokenizer: sacreBLEU's tokenizer for BLEU so far; empty at the beginning and in
            checkpoints of earlier versions, which took 13a.
    """

    choices: Choices
    corpora: dict[str, str]
    update: int = 0
    epoch: int = 0
    batch: int = 0
    seconds: float = 0.0
    target_tokens: int = 0
    batch_size: int = 0
    batches_per_update: int = 0
    updates_per_epoch: int = 0
    validated: int = 0
    schedule: dict[str, Any] = field(default_factory=dict)
    scaler: dict[str, Any] = field(default_factory=dict)
    best: dict[str, BestValidation] = field(default_factory=dict)
    stopping: BestValidation | None = None
    ended: str | None = None
    started_from: dict[str, str] = field(default_factory=dict)
    skipped: int = 0
    sound: int = 0
    rollbacks: int = 0
    rate_scale: float = 1.0
    unlogged: MetricSums = field(default_factory=MetricSums)
    bleu_tokenizer: str = ""


def save_checkpoint(
    folder: Path,
    keep: int,
    model: nn.Module,
    optimizer: Optimizer,
    state: TrainingState,
    average: MovingAverage | None = None,
) -> Path:
    """Write a checkpoint, and remove all but the newest ones and the sound one.

    Args:
        folder: The folder of the checkpoints.
        keep: The number of newest checkpoints to keep.
        model: The model.
        optimizer: The optimizer.
        state: The state of training.
        average: The moving average of the parameters, where there is one.

    Returns:
        The folder of the checkpoint.

    Raises:
        ResourceError: The checkpoint cannot be written; the earlier ones are then untouched.
    """
    path = checkpoint_path(folder, state.update)
    tensors = {MODEL: model_tensors(model), OPTIMIZER: _optimizer_tensors(optimizer)}
    if average is not None:
        tensors[AVERAGE] = average.tensors()
    size = sum(tensor.nbytes for group in tensors.values() for tensor in group.values())
    check_free_space(path, size + _EXTRA_BYTES)
    with atomic_directory(path) as new:
        for name, group in tensors.items():
            write_tensors(group, new / name)
        record = {
            "format": FORMAT,
            "state": asdict(state),
            "sha256": {name: sha256(new / name) for name in tensors},
        }
        text = json.dumps(with_checksum(record), indent=2) + "\n"
        (new / _STATE).write_text(text, encoding="utf-8", newline="\n")
    for old in _checkpoints(folder)[:-keep]:
        if old != checkpoint_path(folder, state.sound):
            _remove(old)
    return path


def checkpoint_path(folder: Path, update: int) -> Path:
    """Return the folder of the checkpoint of an update, which need not exist.

    Args:
        folder: The folder of the checkpoints.
        update: The update.
    """
    return folder / f"{_PREFIX}{update:08d}"


def newest_checkpoint(
    folder: Path, accepts: Callable[[TrainingState], bool] | None = None
) -> Path | None:
    """Return the newest intact checkpoint.

    Args:
        folder: The folder of the checkpoints.
        accepts: Returns whether a state is acceptable; None accepts all.

    Returns:
        The folder of the checkpoint; None where there is no acceptable one.

    Raises:
        NewerFormatError: A later version of nmt wrote a checkpoint.
        ModelError: All checkpoints are damaged.
    """
    intact = intact_checkpoints(folder)
    return next((path for path in intact if accepts is None or accepts(load_state(path))), None)


def intact_checkpoints(folder: Path) -> Iterator[Path]:
    """Yield the intact checkpoints, newest first, and warn of damaged ones.

    Raises:
        NewerFormatError: A later version of nmt wrote a checkpoint.
        ModelError: All checkpoints are damaged.
    """
    paths, all_damaged = _checkpoints(folder), True
    for path in reversed(paths):
        try:
            _check_files(path)
        except NewerFormatError:
            raise
        except (ModelError, OSError) as error:
            warn(f"{path}: skipped, because this checkpoint is damaged ({error}).")
            continue
        all_damaged = False
        yield path
    if paths and all_damaged:
        raise ModelError(
            f"{folder}: none of the {len(paths)} checkpoints is intact (see above). Restore one "
            "from a backup, or train from scratch with --restart, which archives this run."
        )


def checkpoint_update(path: Path) -> int:
    """Return the update after which a checkpoint was written, by its name."""
    return int(path.name.removeprefix(_PREFIX))


def rename_newer_checkpoints(checkpoint: Path) -> None:
    """Rename the checkpoints that are newer than the one to resume from.

    They are damaged, and later ones will take their names, but their content may still be useful.

    Raises:
        ResourceError: A checkpoint cannot be renamed.
    """
    for path in _checkpoints(checkpoint.parent):
        if path.name > checkpoint.name:
            new_path, number = path.with_name(f"{_DAMAGED_PREFIX}{path.name}"), 1
            while new_path.exists():
                number += 1
                new_path = path.with_name(f"{_DAMAGED_PREFIX}{path.name}-{number}")
            with wrap_os_errors(new_path):
                path.rename(new_path)
            warn(f"{path}: renamed to {new_path.name}; nmt ignores it.")


def remove_newer_checkpoints(path: Path) -> None:
    """Remove the checkpoints in the same folder that are newer than this one."""
    for newer in reversed(
        [checkpoint for checkpoint in _checkpoints(path.parent) if checkpoint > path]
    ):
        _remove(newer)


def load_state(path: Path) -> TrainingState:
    """Return the state of training in a checkpoint.

    Raises:
        ModelError: It cannot be read.
    """
    values = dict(read_record(path / _STATE)["state"])
    try:
        values["choices"] = Choices(**values["choices"])
        values["best"] = {metric: BestValidation(**best) for metric, best in values["best"].items()}
        values["stopping"] = (
            None if values["stopping"] is None else BestValidation(**values["stopping"])
        )
        values["unlogged"] = MetricSums(**values.get("unlogged", {}))
        state = TrainingState(**values)
        _check_position(state)
        state.unlogged.check()
        return state
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{path / _STATE}: is damaged ({describe_damage(error)}).") from error


def load_tensors(path: Path, model: nn.Module, optimizer: Optimizer) -> None:
    """Fill model and optimizer from a checkpoint.

    Args:
        path: The folder of the checkpoint.
        model: The model.
        optimizer: Its optimizer.

    Raises:
        ModelError: The tensors do not fit, or a file is missing or damaged.
    """
    load_model_tensors(model, read_tensors(path / MODEL), path / MODEL)
    groups = optimizer.state_dict()["param_groups"]
    shapes = [parameter.shape for group in optimizer.param_groups for parameter in group["params"]]
    saved: dict[int, dict[str, Tensor]] = {}
    for name, tensor in read_tensors(path / OPTIMIZER).items():
        number, _, key = name.partition(".")
        known = number.isascii() and number.isdecimal() and int(number) < len(shapes)
        if not known or tensor.shape not in (shapes[int(number)], ()):
            raise ModelError(
                f"{path / OPTIMIZER}: {name} {list(tensor.shape)} does not belong to this model."
            )
        saved.setdefault(int(number), {})[key] = tensor
    if len(set(map(frozenset, saved.values()))) > 1:
        raise ModelError(
            f"{path / OPTIMIZER}: is damaged: the parameters have states of different optimizers."
        )
    optimizer.load_state_dict({"state": saved, "param_groups": groups})


def load_average(path: Path, average: MovingAverage) -> None:
    """Fill a moving average from a checkpoint; without one there it stays as it is.

    Args:
        path: The folder of the checkpoint.
        average: The moving average.

    Raises:
        ModelError: The tensors do not fit, or a file is missing or damaged.
    """
    if has_average(path):
        average.load(read_tensors(path / AVERAGE), path / AVERAGE)


def has_average(path: Path) -> bool:
    """Return whether a checkpoint has a moving average of the parameters."""
    return AVERAGE in read_record(path / _STATE)["sha256"]


def load_validated_parameters(path: Path, model: nn.Module) -> None:
    """Fill a model with the parameters that dev is scored with: the moving average, if any.

    Args:
        path: The folder of the checkpoint.
        model: The model.

    Raises:
        ModelError: The parameters do not fit, or the file is missing or damaged.
    """
    file = path / (AVERAGE if has_average(path) else MODEL)
    load_model_tensors(model, read_tensors(file), file)


def _check_position(state: TrainingState) -> None:
    """Raise ValueError where a count is invalid: the counts decide which batch comes next."""
    for name in ("update", "epoch", "batch", "target_tokens", "batch_size", "validated"):
        value = getattr(state, name)
        if type(value) is not int or value < 0:
            raise ValueError(f"invalid {name}: {value!r:.40}")
    corpora = state.corpora.keys() - {"links", "tokenizer"}
    if not isinstance(state.seconds, float | int) or corpora != {"train", "dev"}:
        raise ValueError("invalid seconds or corpora")


def _optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    return {
        f"{number}.{key}": torch.as_tensor(value).detach().cpu().contiguous()
        for number, values in optimizer.state_dict()["state"].items()
        for key, value in values.items()
        if value is not None
    }


def _checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints, oldest first. Each is complete, because a rename creates it."""
    return sorted(path for path in folder.glob(f"{_PREFIX}*") if path.is_dir())


def _check_files(path: Path) -> None:
    """Raise ModelError or OSError when a checkpoint is not byte for byte as it was written."""
    digests = read_record(path / _STATE)["sha256"]
    if set(digests) - {AVERAGE} != {MODEL, OPTIMIZER}:
        files = f"{MODEL}, {OPTIMIZER} and, perhaps, {AVERAGE}"
        raise ModelError(f"{path / _STATE}: lists files other than {files}.")
    for name, digest in digests.items():
        if sha256(path / name) != digest:
            raise ModelError(f"{path / name}: its checksum differs")


def _remove(old: Path) -> None:
    """Remove an old checkpoint, or warn where that fails: a newer one is saved already."""
    try:
        remove_directory(old)
    except ResourceError as error:
        warn(f"could not remove an old checkpoint: {error.message}")


FORMAT = 3

Record = dict[str, Any]


class NewerFormatError(ModelError):
    """A checkpoint that only a later version of nmt can read."""


def with_checksum(record: Record) -> Record:
    """Return a record with a checksum of itself."""
    return {**record, "checksum": _checksum(record)}


def read_record(file: Path) -> Record:
    """Return the record of a state file, migrated to the present format.

    Its `state` is the state of training, its `sha256` the checksums by file name.

    Raises:
        NewerFormatError: The format is newer than this program.
        ModelError: The file is missing or damaged.
    """
    try:
        record = read_json(file)
        _check_record(record)
        while record["format"] < FORMAT:
            record = _MIGRATIONS[record["format"]](record)
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({error.strerror}).") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{file}: is damaged ({describe_damage(error)}).") from error
    if record["format"] > FORMAT:
        raise NewerFormatError(
            f"{file}: has format {record['format']}, but this nmt reads formats up to {FORMAT}. "
            "Use the version of nmt that wrote it, or a later one."
        )
    assert isinstance(record, dict)
    return record


def _check_record(record: Record) -> None:
    """Raise ValueError, KeyError or TypeError when a record is damaged."""
    # The checksum is checked first: a flipped bit must not pass for another format.
    if "checksum" in record and record["checksum"] != _checksum(record):
        raise ValueError("its checksum differs")
    if type(record["format"]) is not int:
        raise ValueError("its format is not a number")
    if record["format"] > 1 and "checksum" not in record:
        raise KeyError("checksum")
    if record["format"] <= FORMAT and not isinstance(record["state"], dict):
        raise ValueError("its state is not an object")


def _checksum(record: Record) -> str:
    sealed = {key: value for key, value in record.items() if key != "checksum"}
    text = json.dumps(sealed, sort_keys=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _migrate_1_to_2(record: Record) -> Record:
    return with_checksum({**record, "format": 2})


def _migrate_2_to_3(record: Record) -> Record:
    state = dict(record["state"])
    if "batch_tokens" in state:
        state["batch_size"] = state.pop("batch_tokens")
    return with_checksum({**record, "format": 3, "state": state})


_MIGRATIONS: dict[int, Callable[[Record], Record]] = {1: _migrate_1_to_2, 2: _migrate_2_to_3}


def save_or_warn(
    save: Callable[[], object], what: str, update: int, log: TrainingLog, ranks: Ranks
) -> bool:
    """Save a checkpoint or a bundle; where the disk rejects it, warn and let training continue.

    Args:
        save: The function that saves it, without communication between ranks.
        what: Its name for people, such as "the checkpoint".
        update: The update that it belongs to.
        log: The log of training, which records a failure.
        ranks: The processes of the training.

    Returns:
        Whether the save succeeded on all ranks.
    """
    saved = True
    try:
        save()
    except ResourceError as error:
        warn(
            f"NOT SAVED: {what} of update {update}. {error.message}\n"
            "Earlier checkpoints are intact. Training continues and nmt will retry at the next "
            "save."
        )
        log.record("not_saved", update, what=what, reason=error.message)
        saved = False
    return bool(ranks.all_reduce_min(int(saved)))

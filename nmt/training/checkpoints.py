"""Checkpoints: everything an exact resume needs, whole or absent, without pickle."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from nmt.errors import ModelError, ResourceError
from nmt.evaluation.metrics import Best
from nmt.runtime.console import warn
from nmt.runtime.device import Choices
from nmt.runtime.files import (
    atomic_directory,
    insist_on_space,
    plain_disk_errors,
    remove_directory,
    sha256,
)
from nmt.runtime.tensors import load_model_tensors, model_tensors, read_tensors, write_tensors
from nmt.training.checkpoint_formats import FORMAT, LaterFormat, read_record, seal
from nmt.training.metric_accumulator import MetricSums
from nmt.training.moving_average import MovingAverage

MODEL = "model.safetensors"
OPTIMIZER = "optimizer.safetensors"
AVERAGE = "average.safetensors"
_STATE = "state.json"
_PREFIX = "step-"
_DAMAGED = "damaged-"

_MARGIN = 1 << 20
"""Bytes of a checkpoint's disk space that are not tensors, amply."""


@dataclass
class TrainingState:
    """Where training stands. epoch and batch: the next batch to be taken; seconds: of training so
    far, all sittings together; batch_size: the budget of a batch; batches_per_update: of all
    ranks together, 0 where one rank took as many as `accumulate` says; updates_per_epoch: of the
    first epoch, 0 where an earlier version did not tell; best: by metric; stopping:
    for early stopping; ended: why training is over, or None; corpora: fingerprints of train and
    dev, and of the links that guide attention, if any do; started_from: name and fingerprint of the
    model whose parameters were taken over, if any;
    skipped: how many updates in a row have been left out just now; sound: of which update the
    checkpoint is to go back to should more be; rollbacks: how often training went back; rate_scale:
    what that multiplies the learning rate by; unlogged: the sums of the updates since the last log
    line; bleu_tokenizer: sacreBLEU's tokenizer with which BLEU has been computed so far; "": that
    is not known, of a beginning or of an earlier version, which took 13a.
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
    best: dict[str, Best] = field(default_factory=dict)
    stopping: Best | None = None
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
    """Write a checkpoint below `folder` and remove all but the newest `keep` and the sound one.

    average: of the parameters, where one is kept.

    Raises ResourceError when the disk does not take it; the earlier ones are then untouched.
    """
    path = checkpoint_path(folder, state.update)
    tensors = {MODEL: model_tensors(model), OPTIMIZER: _optimizer_tensors(optimizer)}
    if average is not None:
        tensors[AVERAGE] = average.tensors()
    size = sum(tensor.nbytes for group in tensors.values() for tensor in group.values())
    insist_on_space(path, size + _MARGIN)
    with atomic_directory(path) as new:
        for name, group in tensors.items():
            write_tensors(group, new / name)
        record = {
            "format": FORMAT,
            "state": asdict(state),
            "sha256": {name: sha256(new / name) for name in tensors},
        }
        text = json.dumps(seal(record), indent=2) + "\n"
        (new / _STATE).write_text(text, encoding="utf-8", newline="\n")
    for old in _checkpoints(folder)[:-keep]:
        if old != checkpoint_path(folder, state.sound):
            _remove(old)
    return path


def checkpoint_path(folder: Path, update: int) -> Path:
    """Where the checkpoint of an update is, or would be."""
    return folder / f"{_PREFIX}{update:08d}"


def newest_checkpoint(
    folder: Path, fit: Callable[[TrainingState], bool] | None = None
) -> Path | None:
    """The newest checkpoint that is whole, and whose state is fit where that is asked for; None
    when there is none of any kind.

    Raises as `sound_checkpoints` does.
    """
    sound = sound_checkpoints(folder)
    return next((path for path in sound if fit is None or fit(load_state(path))), None)


def sound_checkpoints(folder: Path) -> Iterator[Path]:
    """The checkpoints that are whole, newest first; damaged ones are named on stderr and passed
    over.

    Raises LaterFormat at one that a later version of nmt wrote, ModelError when all are damaged.
    """
    found, all_damaged = _checkpoints(folder), True
    for path in reversed(found):
        try:
            _verify(path)
        except LaterFormat:
            raise
        except (ModelError, OSError) as error:
            warn(f"{path}: a damaged checkpoint is passed over ({error}).")
            continue
        all_damaged = False
        yield path
    if found and all_damaged:
        raise ModelError(
            f"{folder}: none of the {len(found)} checkpoints is whole (see above). Bring one back "
            "from a copy, or begin again with --restart, which moves this run aside."
        )


def update_of(path: Path) -> int:
    """The update after which a checkpoint was written, by its name."""
    return int(path.name.removeprefix(_PREFIX))


def set_newer_aside(checkpoint: Path) -> None:
    """Rename the checkpoints newer than one that is gone on from: they are damaged, and a later
    one will take their name, but what they hold may still be of use to somebody.
    """
    for path in _checkpoints(checkpoint.parent):
        if path.name > checkpoint.name:
            aside, number = path.with_name(f"{_DAMAGED}{path.name}"), 1
            while aside.exists():
                number += 1
                aside = path.with_name(f"{_DAMAGED}{path.name}-{number}")
            with plain_disk_errors(aside):
                path.rename(aside)
            warn(f"{path}: is now {aside.name}; nmt looks at it no more.")


def remove_newer(path: Path) -> None:
    """Remove the checkpoints beside this one that come after it."""
    for newer in reversed([each for each in _checkpoints(path.parent) if each > path]):
        _remove(newer)


def load_state(path: Path) -> TrainingState:
    """Where training stood at a checkpoint. Raises ModelError when it cannot be read."""
    values = dict(read_record(path / _STATE)["state"])
    try:
        values["choices"] = Choices(**values["choices"])
        values["best"] = {metric: Best(**best) for metric, best in values["best"].items()}
        values["stopping"] = None if values["stopping"] is None else Best(**values["stopping"])
        values["unlogged"] = MetricSums(**values.get("unlogged", {}))
        state = TrainingState(**values)
        _check_position(state)
        state.unlogged.check()
        return state
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{path / _STATE}: is damaged ({error!r}).") from error


def load_tensors(path: Path, model: nn.Module, optimizer: Optimizer) -> None:
    """Fill model and optimizer from a checkpoint. Raises ModelError when they do not fit."""
    load_parameters(path, model)
    groups = optimizer.state_dict()["param_groups"]
    shapes = [parameter.shape for group in optimizer.param_groups for parameter in group["params"]]
    saved: dict[int, dict[str, Tensor]] = {}
    for name, tensor in read_tensors(path / OPTIMIZER).items():
        number, _, key = name.partition(".")
        known = number.isascii() and number.isdecimal() and int(number) < len(shapes)
        if not known or tensor.shape not in (shapes[int(number)], ()):
            raise ModelError(
                f"{path / OPTIMIZER}: {name} {list(tensor.shape)} is of another model's training."
            )
        saved.setdefault(int(number), {})[key] = tensor
    if len(set(map(frozenset, saved.values()))) > 1:
        raise ModelError(f"{path / OPTIMIZER}: is damaged: parameters have states of two kinds.")
    optimizer.load_state_dict({"state": saved, "param_groups": groups})


def load_average(path: Path, average: MovingAverage) -> None:
    """Fill a moving average from a checkpoint; where that has none, it stays as it is. Raises
    ModelError when it does not fit.
    """
    if AVERAGE in read_record(path / _STATE)["sha256"]:
        average.load(read_tensors(path / AVERAGE), path / AVERAGE)


def load_parameters(path: Path, model: nn.Module) -> None:
    """Fill a model from a checkpoint. Raises ModelError when it does not fit."""
    load_model_tensors(model, read_tensors(path / MODEL), path / MODEL)


def _check_position(state: TrainingState) -> None:
    """Raises ValueError where the counts are none: they decide which batch comes next."""
    for name in ("update", "epoch", "batch", "target_tokens", "batch_size", "validated"):
        value = getattr(state, name)
        if type(value) is not int or value < 0:
            raise ValueError(f"{name} is {value!r:.40}")
    corpora = state.corpora.keys() - {"links", "tokenizer"}
    if not isinstance(state.seconds, float | int) or corpora != {"train", "dev"}:
        raise ValueError("seconds or corpora")


def _optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    return {
        f"{number}.{key}": torch.as_tensor(value).detach().cpu().contiguous()
        for number, values in optimizer.state_dict()["state"].items()
        for key, value in values.items()
        if value is not None
    }


def _checkpoints(folder: Path) -> list[Path]:
    """Complete checkpoints, oldest first: a rename makes each, so a name is enough."""
    return sorted(path for path in folder.glob(f"{_PREFIX}*") if path.is_dir())


def _verify(path: Path) -> None:
    """Raises ModelError or OSError when a checkpoint is not byte for byte what was written."""
    digests = read_record(path / _STATE)["sha256"]
    if set(digests) - {AVERAGE} != {MODEL, OPTIMIZER}:
        files = f"{MODEL}, {OPTIMIZER} and, perhaps, {AVERAGE}"
        raise ModelError(f"{path / _STATE}: names other files than {files}.")
    for name, digest in digests.items():
        if sha256(path / name) != digest:
            raise ModelError(f"{path / name}: its checksum differs")


def _remove(old: Path) -> None:
    """The newer checkpoint is safe by now: one too many is no reason to stop."""
    try:
        remove_directory(old)
    except ResourceError as error:
        warn(f"an old checkpoint stays: {error.message}")

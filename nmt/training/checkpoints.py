"""Checkpoints: everything an exact resume needs, whole or absent, without pickle."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from nmt.bundle import load_model_tensors, model_tensors, read_tensors, write_tensors
from nmt.errors import ModelError
from nmt.runtime.console import warn
from nmt.runtime.device import Choices
from nmt.runtime.files import atomic_directory, read_json, sha256
from nmt.training.metrics import Best
from nmt.training.moving_average import MovingAverage

FORMAT = 1

_MODEL = "model.safetensors"
_OPTIMIZER = "optimizer.safetensors"
_AVERAGE = "average.safetensors"
_STATE = "state.json"
_PREFIX = "step-"


@dataclass
class TrainingState:
    """Where training stands. epoch and batch: the next batch to be taken; seconds: of training so
    far, all sittings together; batch_tokens: the budget of a batch; batches_per_update: of all
    ranks together, 0 where one rank took as many as `accumulate` says; best: by metric; stopping:
    for early stopping; ended: why training is over, or None; corpora: fingerprints of train and
    dev; started_from: name and fingerprint of the model whose parameters were taken over, if any.
    """

    choices: Choices
    corpora: dict[str, str]
    update: int = 0
    epoch: int = 0
    batch: int = 0
    seconds: float = 0.0
    target_tokens: int = 0
    batch_tokens: int = 0
    batches_per_update: int = 0
    validated: int = 0
    schedule: dict[str, Any] = field(default_factory=dict)
    scaler: dict[str, Any] = field(default_factory=dict)
    best: dict[str, Best] = field(default_factory=dict)
    stopping: Best | None = None
    ended: str | None = None
    started_from: dict[str, str] = field(default_factory=dict)


def save_checkpoint(
    folder: Path,
    keep: int,
    model: nn.Module,
    optimizer: Optimizer,
    state: TrainingState,
    average: MovingAverage | None = None,
) -> Path:
    """Write a checkpoint below `folder` and remove all but the newest `keep`.

    average: of the parameters, where one is kept.

    Raises ResourceError when the disk does not take it; the earlier ones are then untouched.
    """
    path = folder / f"{_PREFIX}{state.update:08d}"
    with atomic_directory(path) as new:
        write_tensors(model_tensors(model), new / _MODEL)
        write_tensors(_optimizer_tensors(optimizer), new / _OPTIMIZER)
        if average is not None:
            write_tensors(average.tensors(), new / _AVERAGE)
        record = {
            "format": FORMAT,
            "state": asdict(state),
            "sha256": {file.name: sha256(file) for file in sorted(new.iterdir())},
        }
        text = json.dumps(record, indent=2) + "\n"
        (new / _STATE).write_text(text, encoding="utf-8", newline="\n")
    for old in _checkpoints(folder)[:-keep]:
        shutil.rmtree(old)
    return path


def newest_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that is whole; damaged ones are named on stderr and passed over."""
    return next(sound_checkpoints(folder), None)


def sound_checkpoints(folder: Path) -> Iterator[Path]:
    """The checkpoints that are whole, newest first; damaged ones are named on stderr and passed
    over.
    """
    for path in reversed(_checkpoints(folder)):
        try:
            record = _read_record(path)
            for name, digest in record["sha256"].items():
                if sha256(path / name) != digest:
                    raise ModelError(f"{path / name}: its checksum differs")
        except (ModelError, OSError) as error:
            warn(f"{path}: a damaged checkpoint is passed over ({error}).")
            continue
        yield path


def update_of(path: Path) -> int:
    """The update after which a checkpoint was written, by its name."""
    return int(path.name.removeprefix(_PREFIX))


def load_state(path: Path) -> TrainingState:
    """Where training stood at a checkpoint. Raises ModelError when it cannot be read."""
    values = dict(_read_record(path)["state"])
    try:
        values["choices"] = Choices(**values["choices"])
        values["best"] = {metric: Best(**best) for metric, best in values["best"].items()}
        values["stopping"] = None if values["stopping"] is None else Best(**values["stopping"])
        state = TrainingState(**values)
        _check_position(state)
        return state
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{path / _STATE}: is damaged ({error!r}).") from error


def load_tensors(path: Path, model: nn.Module, optimizer: Optimizer) -> None:
    """Fill model and optimizer from a checkpoint. Raises ModelError when they do not fit."""
    load_parameters(path, model)
    groups = optimizer.state_dict()["param_groups"]
    shapes = [parameter.shape for group in optimizer.param_groups for parameter in group["params"]]
    saved: dict[int, dict[str, Tensor]] = {}
    for name, tensor in read_tensors(path / _OPTIMIZER).items():
        number, _, key = name.partition(".")
        known = number.isascii() and number.isdecimal() and int(number) < len(shapes)
        if not known or tensor.shape not in (shapes[int(number)], ()):
            raise ModelError(
                f"{path / _OPTIMIZER}: {name} {list(tensor.shape)} is of another model's training."
            )
        saved.setdefault(int(number), {})[key] = tensor
    optimizer.load_state_dict({"state": saved, "param_groups": groups})


def load_average(path: Path, average: MovingAverage) -> None:
    """Fill a moving average from a checkpoint; where that has none, it stays as it is. Raises
    ModelError when it does not fit.
    """
    if _AVERAGE in _read_record(path)["sha256"]:
        average.load(read_tensors(path / _AVERAGE), path / _AVERAGE)


def load_parameters(path: Path, model: nn.Module) -> None:
    """Fill a model from a checkpoint. Raises ModelError when it does not fit."""
    load_model_tensors(model, read_tensors(path / _MODEL), path / _MODEL)


def _check_position(state: TrainingState) -> None:
    """Raises ValueError where the counts are none: they decide which batch comes next."""
    for name in ("update", "epoch", "batch", "target_tokens", "batch_tokens", "validated"):
        value = getattr(state, name)
        if type(value) is not int or value < 0:
            raise ValueError(f"{name} is {value!r:.40}")
    if not isinstance(state.seconds, float | int) or state.corpora.keys() != {"train", "dev"}:
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


def _read_record(path: Path) -> dict[str, Any]:
    file = path / _STATE
    try:
        record = read_json(file)
        version = record["format"]
        digests = record["sha256"]
        whole = isinstance(record["state"], dict) and set(digests) - {_AVERAGE} == {
            _MODEL,
            _OPTIMIZER,
        }
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({error.strerror}).") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{file}: is damaged ({error!r}).") from error
    if version != FORMAT or not whole:
        raise ModelError(f"{file}: is of format {version}; this program reads format {FORMAT}.")
    assert isinstance(record, dict)
    return record

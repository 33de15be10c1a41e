"""Averaging: a model whose parameters are the mean of those of several models."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from nmt.bundles.bundle import Bundle, load_bundle, save_bundle
from nmt.bundles.bundle_files import BUNDLE_RECORD, find_bundle, fingerprint, is_checkpoint
from nmt.config.differences import config_differences
from nmt.config.registry import DEV_METRICS
from nmt.console import format_count, say
from nmt.errors import ModelError, UsageError
from nmt.evaluation.metrics import MetricValue, deciding_value
from nmt.runtime.folder_or_archive import is_archive
from nmt.runtime.log_records import read_records
from nmt.runtime.run_directory import RunDirectory
from nmt.runtime.tensor_files import load_model_tensors, model_tensors
from nmt.training.checkpoints import (
    checkpoint_update,
    has_average,
    intact_checkpoints,
    load_validated_parameters,
)

_TRAINING_ONLY = ("dropout", "initialization", "initial_range", "forget_bias")
"""The endings of the keys of model settings that do not affect the computation of a trained model.
"""


@dataclass(frozen=True)
class CheckpointChoice:
    """The checkpoints to take from each run.

    Attributes:
        count: The number of checkpoints.
        best: Whether the best on dev are taken, else the newest.
    """

    count: int
    best: bool


def average(paths: Sequence[Path], choice: CheckpointChoice | None, out: Path) -> None:
    """Write a bundle whose parameters are the mean of those of several models, summed in float64.

    All else is that of the first model. A checkpoint with a moving average counts with that
    average, which dev is scored with.

    Args:
        paths: Bundles, checkpoints, or runs.
        choice: The checkpoints to take from each run; None: the best model of a run.
        out: The new bundle.

    Raises:
        ModelError: The models differ in architecture or tokenizer.
        UsageError: There is nothing to average, or `out` exists already.
    """
    if out.exists():
        raise UsageError(
            f"{out}: already exists. Choose another path, or move the existing one away."
        )
    first: Bundle | None = None
    total: dict[str, Tensor] = {}
    names: list[str] = []
    for path in paths:
        bundle = load_bundle(find_bundle(path), torch.device("cpu"))
        first = first or bundle
        _check_compatible(first, bundle)
        for name in _load_each_model(bundle, path, choice):
            say(f"taken: {name}")
            names.append(name)
            for parameter, values in model_tensors(bundle.model).items():
                total[parameter] = total.get(parameter, 0.0) + values.double()
    if first is None or (len(names) < 2 and choice is None and not is_checkpoint(paths[0])):
        raise UsageError(
            f"{len(names)} model to average. Give several, or select checkpoints of a run with "
            "--last or --best."
        )
    means = {name: values / len(names) for name, values in total.items()}
    load_model_tensors(first.model, means, out)
    save_bundle(first, out, {"average_of": names})
    say(f"the mean of {format_count(len(names), 'model', 'models')}: {out}")


def _load_each_model(bundle: Bundle, path: Path, choice: CheckpointChoice | None) -> Iterator[str]:
    """Yield the name of each model of `path`, while `bundle` has its parameters."""
    assert bundle.path is not None
    name = bundle.config.name
    if is_checkpoint(path):
        yield _checkpoint_name(name, path)
        return
    if choice is None:
        yield f"{name} ({fingerprint(bundle.path)[:12]})"
        return
    for checkpoint in _choose_checkpoints(RunDirectory(path), choice, bundle):
        load_validated_parameters(checkpoint, bundle.model)
        yield _checkpoint_name(name, checkpoint)


def _checkpoint_name(name: str | None, checkpoint: Path) -> str:
    """Return the name of a checkpoint of the run `name`, with the kind of its parameters."""
    return f"{name} {checkpoint.name}" + " (moving average)" * has_average(checkpoint)


def _choose_checkpoints(run: RunDirectory, choice: CheckpointChoice, bundle: Bundle) -> list[Path]:
    if is_archive(run.path) or (run.path / BUNDLE_RECORD).is_file():
        raise UsageError(
            f"{run.path}: is a bundle, but --last and --best need a run with checkpoints."
        )
    # The first checkpoint of a run may precede its first update: random numbers.
    intact = [path for path in intact_checkpoints(run.checkpoints) if checkpoint_update(path) > 0]
    kind = ""
    if choice.best:
        metric = bundle.config.training.metric
        values = _validations(run, metric)
        intact = [path for path in intact if checkpoint_update(path) in values]
        intact = list(_best_first(intact, values))
        kind = "validated "
    if len(intact) < choice.count:
        raise UsageError(
            f"{run.path}: has {len(intact)} {kind}checkpoints, not {choice.count}. Set "
            "`training.checkpoint.keep_last` to the number to average, before training."
        )
    return intact[: choice.count]


def _best_first(paths: Sequence[Path], values: Mapping[int, MetricValue]) -> Iterator[Path]:
    """Yield checkpoints from the best validation to the worst; of equal ones the newer first."""
    remaining = list(paths)
    while remaining:
        best, *others = remaining
        for path in others:
            if values[checkpoint_update(path)].is_better_than(values[checkpoint_update(best)]):
                best = path
        remaining.remove(best)
        yield best


def _validations(run: RunDirectory, metric: str) -> dict[int, MetricValue]:
    """Return the value that counts for the metric at each update, as far as the log has it.

    Where a crash has damaged a line, the validation is repeated further down.
    """
    by_update: dict[int, MetricValue] = {}
    for record in read_records(run.log_records):
        if record["kind"] == "validation":
            values = {name: float(record[name]) for name in DEV_METRICS.names() if name in record}
            value = deciding_value(metric, values, record.get("noise", {}))
            if value is not None:
                by_update[int(record["update"])] = value
    return by_update


def _check_compatible(first: Bundle, other: Bundle) -> None:
    first_fingerprint, other_fingerprint = (
        first.tokenizers.fingerprint,
        other.tokenizers.fingerprint,
    )
    if first_fingerprint != other_fingerprint:
        raise ModelError(
            f"{other.path}: its tokenizer ({other_fingerprint}) differs from that of {first.path} "
            f"({first_fingerprint}), so the models cannot be averaged."
        )
    differences = [
        f"{difference.key} is {difference.new} instead of {difference.old}"
        for difference in config_differences(first.config, other.config)
        if difference.key.startswith("model.") and not difference.key.endswith(_TRAINING_ONLY)
    ]
    if differences:
        raise ModelError(
            f"{other.path}: its architecture differs from that of {first.path}: "
            f"{'; '.join(differences)}."
        )

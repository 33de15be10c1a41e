"""Keys of earlier releases that were renamed or removed."""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Any

from nmt.config.presets import PRESET_DEFAULTS, key_paths, merge_settings
from nmt.config.yaml_positions import Document, KeyPath, Problem


@dataclass(frozen=True)
class RemovedKey:
    """A removed key.

    Attributes:
        neutral: The values with which the key had no effect.
        advice: The fix where it had another value.
    """

    neutral: Container[object]
    advice: str


class _Everything(Container[object]):
    """A container that holds every value."""

    def __contains__(self, value: object) -> bool:
        return True


EVERY_VALUE = _Everything()
"""For keys whose value is ignored without a message."""


RENAMED_KEYS: dict[str, str] = {
    "training.batch_tokens": "training.batch_size",
    "training.checkpoint.best_metric": "training.metric",
    "training.early_stopping.metric": "training.metric",
    "training.early_stopping.patience": "training.patience",
    "training.faults.then": "training.on_divergence",
}
"""Present keys by their earlier names. Of several that became one key, the first given counts."""

_VALUE_IS_FIXED = "its value is now fixed. Remove the key"

REMOVED_KEYS: dict[str, RemovedKey] = {
    "search.epsilon": RemovedKey((0, 0.0), "set search.top_p. Remove the key"),
    "tokenizer.max_sentences": RemovedKey(EVERY_VALUE, _VALUE_IS_FIXED),
    "training.optimizer.beta1": RemovedKey((0.9,), _VALUE_IS_FIXED),
    "training.r_drop": RemovedKey(
        (0, 0.0), "it doubled the time without improvement. Remove the key"
    ),
    "training.checkpoint.keep_best_of": RemovedKey(((), []), "set training.metric. Remove the key"),
    "training.early_stopping.min_improvement": RemovedKey((0, 0.0), _VALUE_IS_FIXED),
    "training.faults.max_skipped": RemovedKey((3,), _VALUE_IS_FIXED),
    "training.faults.max_rollbacks": RemovedKey((3,), _VALUE_IS_FIXED),
    "training.faults.rate_factor": RemovedKey((0.5,), _VALUE_IS_FIXED),
    "training.schedule.metric": RemovedKey(EVERY_VALUE, "training.metric counts"),
    "training.validation.at_start": RemovedKey(EVERY_VALUE, _VALUE_IS_FIXED),
    "training.validation.batch_sentences": RemovedKey(EVERY_VALUE, _VALUE_IS_FIXED),
}
"""Removed keys."""

_SCHEDULE_METRIC = "training.schedule.metric"

_REMOVED_SECTIONS = ("training.early_stopping", "training.faults")
"""Sections whose keys were all renamed or removed."""

EARLIER_PRESETS: dict[str, dict[str, Any]] = {
    "default": merge_settings(
        PRESET_DEFAULTS,
        {
            "tokenizer": {"kind": "unigram", "vocab_size": 8000, "hard_vocab_limit": True},
            "model": {
                "embedding_dropout": 0.3,
                "tying": "all",
                "decoder": {"dropout": 0.3},
                "output": {"dropout": 0.3},
            },
        },
    ),
}
"""Removed presets: the values of a configuration that named one, where it gave no others."""


def translate_earlier_keys(document: Document) -> Iterator[str]:
    """Rename the keys of earlier releases in a document, and remove those without an effect.

    A removed key that had an effect becomes a problem of the document. So does a key that is given
    under both names, unless one of them stands on the command line, which counts.

    Yields:
        A sentence for each renamed key.
    """
    for name, removed in REMOVED_KEYS.items():
        path = tuple(name.split("."))
        if not _has_value(document.value, path):
            continue
        value = _pop_value(document.value, path)
        if name == _SCHEDULE_METRIC and _differs_from_metric(document, value):
            yield f"{name} is ignored: {removed.advice}"
        if value not in removed.neutral:
            message = f"no longer exists: {removed.advice}"
            document.problems.append(Problem(document.position_of(path), name, message))
    renamed: dict[KeyPath, tuple[str, Any]] = {}
    for name, new_name in RENAMED_KEYS.items():
        path, new_path = tuple(name.split(".")), tuple(new_name.split("."))
        if not _has_value(document.value, path):
            continue
        value = _pop_value(document.value, path)
        if new_path in renamed:
            first_name, first_value = renamed[new_path]
            if first_value != value:
                yield f"{name} has no effect together with {first_name}"
            continue
        overrides = document.position_of(path).on_command_line
        if _has_value(document.value, new_path) and not overrides:
            if _get_value(document.value, new_path) == value or _is_override(document, new_path):
                continue
            message = f"is now {new_name}, which is given too: remove one of them"
            document.problems.append(Problem(document.position_of(path), name, message))
            continue
        renamed[new_path] = (name, value)
        _put_value(document, path, new_path, value)
        yield f"{name} is now {new_name}"
    for name in _REMOVED_SECTIONS:
        path = tuple(name.split("."))
        if _has_value(document.value, path) and _get_value(document.value, path) in (None, {}):
            _pop_value(document.value, path)
    yield from _translate_initial_range(document)


def _differs_from_metric(document: Document, value: object) -> bool:
    """Return whether a plateau schedule was to follow another metric than `training.metric`."""
    if _get_value(document.value, ("training", "schedule", "kind")) != "plateau":
        return False
    metric = _get_value(document.value, ("training", "metric"))
    return value not in (None, "bleu" if metric is _MISSING else metric)


def _translate_initial_range(document: Document) -> Iterator[str]:
    """Remove `model.initial_range: 0`, the default before there was `model.initialization`.

    Yields:
        A sentence where a range has no effect, because nothing sets the initialization.
    """
    model = document.value.get("model")
    if not isinstance(model, dict) or "initial_range" not in model:
        return
    if "initialization" in model or document.value.get("preset") is not None:
        return
    value = model["initial_range"]
    if value == 0 and not isinstance(value, bool):
        _pop_value(document.value, ("model", "initial_range"))
    elif isinstance(value, float | int) and value > 0:
        yield (
            "model.initial_range has no effect without model.initialization: set it to uniform or "
            "normal"
        )


def apply_earlier_preset(document: Document) -> Iterator[str]:
    """Replace a preset that no longer exists by its values.

    Yields:
        A sentence about the preset, where there is one.
    """
    preset = document.value.get("preset")
    if not isinstance(preset, str) or preset not in EARLIER_PRESETS:
        return
    preset_values = EARLIER_PRESETS[preset]
    for path in key_paths(preset_values):
        document.positions.setdefault(path, document.position_of(("preset",)))
    document.value = {**merge_settings(preset_values, document.value), "preset": None}
    yield f"preset: {preset} no longer exists; its values are used (`nmt config show` prints them)"


_MISSING = object()


def _is_override(document: Document, path: KeyPath) -> bool:
    """Return whether the value of a key comes from the command line."""
    return path in document.positions and document.positions[path].on_command_line


def _has_value(values: Any, path: KeyPath) -> bool:
    """Return whether a key is given."""
    return _get_value(values, path) is not _MISSING


def _get_value(values: Any, path: KeyPath) -> Any:
    """Return the value of a key, `_MISSING` where it is not given."""
    for name in path:
        if not isinstance(values, dict) or name not in values:
            return _MISSING
        values = values[name]
    return values


def _pop_value(values: dict[Any, Any], path: KeyPath) -> Any:
    """Remove a key that is given, and sections that are empty without it. Return its value."""
    name, *below = path
    if not below:
        return values.pop(name)
    value = _pop_value(values[name], tuple(below))
    if not values[name]:
        del values[name]
    return value


def _put_value(document: Document, path: KeyPath, new_path: KeyPath, value: Any) -> None:
    """Put the value of a key under its present name, with its position in the file."""
    section = document.value
    for depth, name in enumerate(new_path[:-1], start=1):
        if not isinstance(section.get(name), dict):
            section[name] = {}
            document.positions.setdefault(new_path[:depth], document.position_of(path))
        section = section[name]
    section[new_path[-1]] = value
    for known_path, position in list(document.positions.items()):
        if known_path[: len(path)] == path:
            document.positions[new_path + known_path[len(path) :]] = position

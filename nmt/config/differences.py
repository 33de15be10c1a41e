"""Differences between two configurations, and between a configuration and the defaults."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nmt.config.key_index import keys_of
from nmt.config.settings import Config
from nmt.config.settings.base import Settings


@dataclass(frozen=True)
class SettingDifference:
    """A key with different values in two configurations.

    Attributes:
        key: The dotted key.
        old: The value in the first configuration; None where it is not set.
        new: The value in the second configuration; None where it is not set.
    """

    key: str
    old: Any
    new: Any


def config_differences(old: Config, new: Config) -> list[SettingDifference]:
    """Return the keys whose values differ, in the order of the settings, with plain values.

    Args:
        old: The first configuration.
        new: The second configuration.
    """
    return list(_differences(old.model_dump(mode="json"), new.model_dump(mode="json"), ""))


def changed_from_defaults(config: Config) -> list[SettingDifference]:
    """Return the keys that differ from their defaults, in the order of the settings.

    In each difference `old` is the default, None for a required key, and `new` the value.
    """
    return list(_changed_keys(config, type(config), ()))


def _differences(old: Any, new: Any, key: str) -> Iterator[SettingDifference]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in {**old, **new}:
            below = f"{key}.{name}" if key else name
            yield from _differences(old.get(name), new.get(name), below)
    elif old != new:
        yield SettingDifference(key, old, new)


def _changed_keys(
    values: Settings, section: type[Settings], path: tuple[str, ...]
) -> Iterator[SettingDifference]:
    for key in keys_of(section, path):
        value = getattr(values, key.path[-1])
        if isinstance(value, tuple) and len(value) == 1 and isinstance(value[0], Settings):
            (value,) = value
        if isinstance(value, Settings):
            yield from _changed_keys(value, type(value), key.path)
        elif value != key.default:
            yield SettingDifference(key.name, _plain_data(key.default), _plain_data(value))


def _plain_data(value: Any) -> Any:
    """Return a value as YAML holds it: paths as texts, several values as a list."""
    if isinstance(value, list | tuple):
        return [_plain_data(each) for each in value]
    if isinstance(value, Settings):
        return value.model_dump(mode="json")
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)

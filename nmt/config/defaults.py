"""The settings of a configuration that differ from their defaults."""

from collections.abc import Iterator
from typing import Any

from nmt.config.dump import Difference
from nmt.config.schema import keys_of
from nmt.config.settings import Config
from nmt.config.settings.base import Settings


def changed_from_defaults(config: Config) -> list[Difference]:
    """Return the keys that differ from their defaults, in the order of the settings.

    In each difference `old` is the default, None for a required key, and `new` the value.
    """
    return list(_changed(config, type(config), ()))


def _changed(
    values: Settings, section: type[Settings], path: tuple[str, ...]
) -> Iterator[Difference]:
    for key in keys_of(section, path):
        value = getattr(values, key.path[-1])
        if isinstance(value, Settings):
            yield from _changed(value, type(value), key.path)
        elif value != key.default:
            yield Difference(key.name, _plain(key.default), _plain(value))


def _plain(value: Any) -> Any:
    """Return a value as YAML holds it: paths as texts, several values as a list."""
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)

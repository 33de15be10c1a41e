"""Settings written as YAML, and their differences from other settings and the defaults."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from nmt.config.key_index import keys_of
from nmt.config.settings import Config
from nmt.config.settings.base import Settings
from nmt.config.yaml_positions import plain_value


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


def dump_config(config: Config) -> str:
    """Return a configuration as YAML, with every default and with paths as texts.

    `load_config` reads it as an equal configuration.
    """
    return _dump(config.model_dump(mode="json"), flow=False)


def format_value(value: Any) -> str:
    """Return a value as one line of YAML."""
    return _dump(value, flow=True).removesuffix("\n").removesuffix("\n...")


def config_differences(old: Config, new: Config) -> list[SettingDifference]:
    """Return the keys whose values differ, in the order of the settings, with plain values.

    Args:
        old: The first configuration.
        new: The second configuration.
    """
    return list(_differences(old.model_dump(mode="json"), new.model_dump(mode="json"), ""))


def _differences(old: Any, new: Any, key: str) -> Iterator[SettingDifference]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in {**old, **new}:
            below = f"{key}.{name}" if key else name
            yield from _differences(old.get(name), new.get(name), below)
    elif old != new:
        yield SettingDifference(key, old, new)


class _Dumper(yaml.SafeDumper):
    """A YAML dumper whose texts read as texts in both YAML 1.1 and 1.2."""

    def ignore_aliases(self, data: Any) -> bool:
        """Return true, so that repeated values are written out."""
        return True


_LINE_BREAKS = "\n\r\x85\u2028\u2029"
"""Characters that YAML folds in a text unless they are escaped."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if isinstance(plain_value(text), str) else "'"
    if any(character in text for character in _LINE_BREAKS):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def _dump(value: Any, flow: bool) -> str:
    return str(
        yaml.dump(
            value,
            Dumper=_Dumper,
            default_flow_style=flow,
            sort_keys=False,
            allow_unicode=True,
            width=float("inf"),
        )
    )


def changed_from_defaults(config: Config) -> list[SettingDifference]:
    """Return the keys that differ from their defaults, in the order of the settings.

    In each difference `old` is the default, None for a required key, and `new` the value.
    """
    return list(_changed_keys(config, type(config), ()))


def _changed_keys(
    values: Settings, section: type[Settings], path: tuple[str, ...]
) -> Iterator[SettingDifference]:
    for key in keys_of(section, path):
        value = getattr(values, key.path[-1])
        if isinstance(value, Settings):
            yield from _changed_keys(value, type(value), key.path)
        elif value != key.default:
            yield SettingDifference(key.name, _plain_data(key.default), _plain_data(value))


def _plain_data(value: Any) -> Any:
    """Return a value as YAML holds it: paths as texts, several values as a list."""
    if isinstance(value, list | tuple):
        return [_plain_data(each) for each in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)

"""Configurations as YAML, and the differences between two of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from nmt.config.settings import Config
from nmt.config.yaml_source import plain_value


@dataclass(frozen=True)
class Difference:
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


def value_text(value: Any) -> str:
    """Return a value as one line of YAML."""
    return _dump(value, flow=True).removesuffix("\n").removesuffix("\n...")


def config_differences(old: Config, new: Config) -> list[Difference]:
    """Return the keys whose values differ, in the order of the settings, with plain values.

    Args:
        old: The first configuration.
        new: The second configuration.
    """
    return list(_differences(old.model_dump(mode="json"), new.model_dump(mode="json"), ""))


def _differences(old: Any, new: Any, key: str) -> Iterator[Difference]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in {**old, **new}:
            below = f"{key}.{name}" if key else name
            yield from _differences(old.get(name), new.get(name), below)
    elif old != new:
        yield Difference(key, old, new)


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

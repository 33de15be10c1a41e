"""Settings written out as YAML, and the differences between two of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from nmt.config.settings import Config
from nmt.config.yaml_source import plain_value


@dataclass(frozen=True)
class Difference:
    """A key whose value is not the same in two configurations; None where it is not set."""

    key: str
    old: Any
    new: Any


def dump_config(config: Config) -> str:
    """The configuration as YAML, with every default written out and paths as text.

    Loaded again with `load_config` it gives an equal configuration.
    """
    return _dump(config.model_dump(mode="json"), flow=False)


def value_text(value: Any) -> str:
    """A value as it would stand in a configuration, on one line."""
    return _dump(value, flow=True).removesuffix("\n").removesuffix("\n...")


def config_differences(old: Config, new: Config) -> list[Difference]:
    """The keys whose values differ, in the order of the settings, with plain values."""
    return list(_differences(old.model_dump(mode="json"), new.model_dump(mode="json"), ""))


def _differences(old: Any, new: Any, key: str) -> Iterator[Difference]:
    if isinstance(old, dict) and isinstance(new, dict):
        for name in {**old, **new}:
            below = f"{key}.{name}" if key else name
            yield from _differences(old.get(name), new.get(name), below)
    elif old != new:
        yield Difference(key, old, new)


class _Dumper(yaml.SafeDumper):
    """Writes texts so that neither YAML 1.1 nor 1.2 takes them for something else."""

    def ignore_aliases(self, data: Any) -> bool:
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

"""Settings written as YAML."""

from typing import Any

import yaml

from nmt.config.settings import Config
from nmt.config.yaml_positions import plain_value


def dump_config(config: Config) -> str:
    """Return a configuration as YAML, with every default and with paths as texts.

    `load_config` reads it as an equal configuration.
    """
    return _dump(config.model_dump(mode="json"), flow=False)


def format_value(value: Any) -> str:
    """Return a value as one line of YAML."""
    return _dump(value, flow=True).removesuffix("\n").removesuffix("\n...")


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

"""The commands of `nmt config`: show, explain and compare configurations."""

from pathlib import Path
from typing import Annotated

import typer

from nmt.cli.help_format import Command, CommandGroup
from nmt.cli.options import ConfigPath, Debug, JsonOutput, Quiet, Set
from nmt.console import say

config = typer.Typer(
    cls=CommandGroup,
    help="Show, explain and compare configurations.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_ConfigOrFolder = Annotated[
    Path, typer.Argument(help="Path of a configuration, or of a folder with a config.yaml.")
]


@config.command(cls=Command)
def show(
    config: ConfigPath,
    settings: Set = None,
    as_json: JsonOutput = False,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Print a checked configuration with all defaults.

    Paths are absolute.
    """
    from nmt.config.load import load_config
    from nmt.config.serialize import dump_config

    loaded = load_config(config, settings or (), say=say)
    print(loaded.model_dump_json(indent=2) if as_json else dump_config(loaded).rstrip("\n"))


@config.command(cls=Command)
def explain(
    key: Annotated[
        str,
        typer.Argument(
            help="Name of a key, such as training.optimizer. [default: the commonly used keys]"
        ),
    ] = "",
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Explain a key: its type, default, range or choices."""
    from nmt.config.reference import explain as explanation

    print(explanation(key), end="")


@config.command(cls=Command)
def default(debug: Debug = False, quiet: Quiet = False) -> None:
    """Print a configuration with every key and its default.

    Each key has a comment.
    """
    from nmt.config.reference import yaml_reference

    print(yaml_reference(), end="")


@config.command(cls=Command)
def schema(debug: Debug = False, quiet: Quiet = False) -> None:
    """Print the JSON Schema, with which editors check configurations."""
    import json

    from nmt.config.reference import json_schema

    print(json.dumps(json_schema(), indent=2, ensure_ascii=False))


@config.command(cls=Command)
def diff(
    old: _ConfigOrFolder,
    new: _ConfigOrFolder,
    as_json: JsonOutput = False,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Print the keys that differ, each as `key: old -> new`."""
    from nmt.config.differences import config_differences
    from nmt.config.load import load_config
    from nmt.config.serialize import format_value

    first, second = (
        load_config(path / "config.yaml" if path.is_dir() else path) for path in (old, new)
    )
    differences = config_differences(first, second)
    if as_json:
        import json
        from dataclasses import asdict

        print(json.dumps([asdict(item) for item in differences], ensure_ascii=False))
        return
    for item in differences:
        print(f"{item.key}: {format_value(item.old)} -> {format_value(item.new)}")

"""The commands of `nmt config`: show, explain and compare configurations."""

from pathlib import Path
from typing import Annotated

import typer

from nmt.cli.options import ConfigPath, Debug, JsonOutput, Quiet, Set
from nmt.console import say

config = typer.Typer(
    help="Show, explain and compare configurations.", no_args_is_help=True, rich_markup_mode=None
)

_ConfigOrFolder = Annotated[
    Path, typer.Argument(help="A configuration, or a folder with a config.yaml.")
]


@config.command()
def show(
    config: ConfigPath,
    settings: Set = None,
    as_json: JsonOutput = False,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Check a configuration and print it with all defaults and absolute paths."""
    from nmt.config.load import load_config
    from nmt.config.serialize import dump_config

    loaded = load_config(config, settings or (), say=say)
    print(loaded.model_dump_json(indent=2) if as_json else dump_config(loaded).rstrip("\n"))


@config.command()
def explain(
    key: Annotated[str, typer.Argument(help="Such as training.optimizer; none: the top.")] = "",
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Tell what a key is for: its type, default, range or choices."""
    from nmt.config.reference import explain as explanation

    print(explanation(key), end="")


@config.command()
def default(debug: Debug = False, quiet: Quiet = False) -> None:
    """Print a configuration with every key, its default and a comment."""
    from nmt.config.reference import yaml_reference

    print(yaml_reference(), end="")


@config.command()
def schema(debug: Debug = False, quiet: Quiet = False) -> None:
    """Print the JSON Schema, with which editors complete and check a configuration."""
    import json

    from nmt.config.reference import json_schema

    print(json.dumps(json_schema(), indent=2, ensure_ascii=False))


@config.command()
def diff(
    old: _ConfigOrFolder,
    new: _ConfigOrFolder,
    as_json: JsonOutput = False,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Print the keys that differ, each as `key: old -> new`."""
    from nmt.config.load import load_config
    from nmt.config.serialize import config_differences, format_value

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

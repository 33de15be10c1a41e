"""The command `nmt tokenizer`."""

from typing import Annotated

import typer

from nmt.cli.options import ConfigPath, Debug, Quiet, Set
from nmt.console import say


def tokenizer(
    config: ConfigPath,
    settings: Set = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Train from scratch, even if a trained run used the existing tokenizer.",
        ),
    ] = False,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Train the tokenizer of a configuration.

    Keeps a tokenizer that is up to date. `nmt train` does this by itself.
    """
    from nmt.config.load import load_config
    from nmt.data.tokenizer_preparation import prepare_tokenizers
    from nmt.runtime.run_directory import RunDirectory

    loaded = load_config(config, settings or (), say=say)
    prepare_tokenizers(loaded, RunDirectory.from_config(loaded), force)

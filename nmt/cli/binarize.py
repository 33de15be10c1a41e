"""The command `nmt binarize`."""

from typing import Annotated

import typer

from nmt.cli.options import ConfigPath, Debug, Quiet, Set
from nmt.console import say


def binarize(
    config: ConfigPath,
    settings: Set = None,
    force: Annotated[bool, typer.Option("--force", help="Write the corpora from scratch.")] = False,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Check the pairs of train and dev and store them as token ids.

    Keeps corpora that are up to date. `nmt train` does this by itself. Reports on stderr how many
    pairs were dropped and why, and stores that in data/manifest.json.
    """
    from nmt.config.load import load_config
    from nmt.data.tokenizer_preparation import prepare_tokenizers
    from nmt.runtime.run_directory import RunDirectory
    from nmt.training.data_preparation import prepare_corpora

    loaded = load_config(config, settings or (), say=say)
    run = RunDirectory.from_config(loaded)
    prepare_corpora(loaded, run, prepare_tokenizers(loaded, run), force)

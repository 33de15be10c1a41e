"""The command `nmt binarize`."""

from typing import Annotated

import typer

from nmt.cli.options import ConfigPath, Debug, Quiet, Set
from nmt.console import say


def binarize(
    config: ConfigPath,
    settings: Set = None,
    force: Annotated[bool, typer.Option("--force", help="Make the corpora anew.")] = False,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Check the pairs of train and dev and write them as token ids, unless they are up to date.

    What is dropped, and why, is told on stderr and kept in data/manifest.json.
    """
    from nmt.config.load import load_config
    from nmt.data.tokenizer_preparation import prepare_tokenizers
    from nmt.runtime.run_directory import RunDirectory
    from nmt.training.data_preparation import prepare_corpora

    loaded = load_config(config, settings or (), say=say)
    run = RunDirectory.from_config(loaded)
    prepare_corpora(loaded, run, prepare_tokenizers(loaded, run), force)

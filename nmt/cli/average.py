"""The command `nmt average`."""

from pathlib import Path
from typing import Annotated

import typer

from nmt.cli.options import Debug, Quiet
from nmt.errors import UsageError


def average(
    models: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Paths of run directories, checkpoints or bundles."),
    ],
    out: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FOLDER", help="Write the new bundle to FOLDER."),
    ],
    last: Annotated[
        int | None,
        typer.Option(
            "--last", min=1, metavar="N", help="Average the N newest checkpoints of each run."
        ),
    ] = None,
    best: Annotated[
        int | None,
        typer.Option(
            "--best",
            min=1,
            metavar="N",
            help="Average the N checkpoints of each run that score best on dev.",
        ),
    ] = None,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Average the parameters of several models or checkpoints.

    The average is often better than each model. Without --last and --best it takes the bundles
    themselves, and the best bundle of a run. A run keeps as many checkpoints as
    `training.checkpoint.keep_last` says. Of a checkpoint with a moving average (`training.ema`) it
    takes that average. All models must have one architecture and one tokenizer. The search
    settings are those of the first.
    """
    from nmt.training.averaging import CheckpointChoice
    from nmt.training.averaging import average as write_average

    if last is not None and best is not None:
        raise UsageError("give either --last or --best.")
    count = last if best is None else best
    choice = None if count is None else CheckpointChoice(count, best is not None)
    write_average(models, choice, out)

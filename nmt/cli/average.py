"""The command `nmt average`."""

from pathlib import Path
from typing import Annotated

import typer

from nmt.cli.options import Debug, Quiet
from nmt.errors import UsageError


def average(
    models: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Runs, checkpoints or bundles.")
    ],
    out: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="The new bundle.")],
    last: Annotated[
        int | None,
        typer.Option("--last", min=1, metavar="N", help="Of each run its N newest checkpoints."),
    ] = None,
    best: Annotated[
        int | None,
        typer.Option(
            "--best", min=1, metavar="N", help="Of each run the N checkpoints that dev likes best."
        ),
    ] = None,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Make a model whose parameters are the mean of those of several: often better than each.

    Without --last and --best the bundles themselves are averaged, of a run its best. A run keeps as
    many checkpoints as `training.checkpoint.keep_last` says. Of a checkpoint with a moving average
    (`training.ema`), that average is taken, which dev is scored with. All models must have one
    architecture and one tokenizer; the search settings are those of the first.
    """
    from nmt.training.averaging import CheckpointChoice
    from nmt.training.averaging import average as write_average

    if last is not None and best is not None:
        raise UsageError("give either --last or --best.")
    count = last if best is None else best
    choice = None if count is None else CheckpointChoice(count, best is not None)
    write_average(models, choice, out)

"""The command `nmt info`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from nmt.cli.options import Debug, JsonOutput, Quiet, named_path


def info(
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="PATH",
            parser=named_path,
            help="A run folder, a bundle or a model file. Default: $NMT_MODEL, else the newest "
            "finished run below ./runs.",
        ),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare every file with its checksum.")
    ] = False,
    as_json: JsonOutput = False,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Tell what a model is: languages, size, parameters, training, scores, search, checksums.

    Nothing is loaded but what describes it.
    """
    from nmt.bundles.description import describe

    description = describe(path, verify)
    if as_json:
        print(json.dumps(description.record(), ensure_ascii=False, indent=2))
    else:
        print("\n".join(description.lines()))

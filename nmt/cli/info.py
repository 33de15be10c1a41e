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
            help="Path of a run directory, bundle or single-file model. [default: $NMT_MODEL, else "
            "the newest finished run in ./runs]",
        ),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare every file with its checksum.")
    ] = False,
    as_json: JsonOutput = False,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Describe a model: languages, size, training, scores.

    Also shows parameters, search settings and checksums. Loads only the description of the model.
    """
    from nmt.bundles.model_info import describe

    description = describe(path, verify)
    if as_json:
        print(json.dumps(description.record(), ensure_ascii=False, indent=2))
    else:
        print("\n".join(description.lines()))

"""The command `nmt export`."""

from pathlib import Path
from typing import Annotated

import typer

from nmt.cli.options import Debug, Quiet, named_path
from nmt.console import say, show_activity
from nmt.errors import UsageError


def export(
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="PATH",
            parser=named_path,
            help="Path of a run directory, bundle or checkpoint. [default: $NMT_MODEL, else the "
            "newest finished run in ./runs]",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write the model to one FILE, such as model.nmt."
        ),
    ] = None,
    onnx: Annotated[
        Path | None,
        typer.Option(
            "--onnx",
            metavar="FOLDER",
            help="Write ONNX programs to FOLDER, for use without nmt and torch.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Write a model as one file, or as ONNX programs.

    --output writes one file with checksums, which every command accepts as --model. The same model
    gives the same bytes.

    --onnx writes encoder and decoder step as ONNX programs, with the vocabulary and a description
    of how to run them. It then runs them and compares the results with the model.
    """
    if (out is None) == (onnx is None):
        raise UsageError("give either --output FILE or --onnx FOLDER.")
    from nmt.bundles.bundle_files import find_bundle

    bundle = find_bundle(path)
    if out is not None:
        from nmt.bundles.bundle_files import write_model_file

        names = write_model_file(bundle, out, force)
        say(f"{out}: {', '.join(names)}")
    if onnx is not None:
        from nmt.bundles.onnx_export import write_onnx

        with show_activity("export"):
            lines = write_onnx(bundle, onnx, force)
        for line in lines:
            say(line)

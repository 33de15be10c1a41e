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
            help="A run, a bundle or a checkpoint. Default: $NMT_MODEL, else the newest finished "
            "run below ./runs.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The model as one file, such as model.nmt."
        ),
    ] = None,
    onnx: Annotated[
        Path | None,
        typer.Option(
            "--onnx",
            metavar="FOLDER",
            help="The model as ONNX programs, for use without nmt and torch.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there already.")] = False,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Write a model in another form.

    With --output: as one file with checksums, which every command takes for --model. The same model
    gives the same bytes.

    With --onnx: encoder and decoder step as ONNX programs, with the vocabulary and a description of
    how to drive them. What was written is run and compared with the model before the command ends.
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

"""The command line: a list of all commands, and the function that runs one."""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer
from typer.main import get_command

from nmt.cli import options
from nmt.cli.align import align
from nmt.cli.attention import attention
from nmt.cli.average import average
from nmt.cli.binarize import binarize
from nmt.cli.compare import compare
from nmt.cli.config import config
from nmt.cli.doctor import doctor
from nmt.cli.export import export
from nmt.cli.failure import report as report_error
from nmt.cli.info import info
from nmt.cli.init import init
from nmt.cli.options import Debug, Quiet
from nmt.cli.report import report
from nmt.cli.score import score
from nmt.cli.serve import serve
from nmt.cli.shortlist import shortlist
from nmt.cli.tokenizer import tokenizer
from nmt.cli.train import train
from nmt.cli.translate import translate
from nmt.cli.tune import tune
from nmt.cli.watch import watch
from nmt.runtime.process import SignalReceived, raise_signals
from nmt.version import __version__

# A command is a short function in the module of its name. It imports heavy packages when it runs,
# so that `nmt --help` does not load torch.
_COMMANDS: tuple[Callable[..., None], ...] = (
    init,
    tokenizer,
    binarize,
    train,
    doctor,
    watch,
    report,
    compare,
    shortlist,
    translate,
    score,
    tune,
    attention,
    align,
    serve,
    average,
    info,
    export,
)


def run(arguments: Sequence[str]) -> int:
    """Run a command line; errors are reported on stderr, not raised.

    Returns:
        The exit code.
    """
    options.reset()
    try:
        # SIGTERM raises as Ctrl-C does, except in processes that a launcher has to end at any time.
        with raise_signals([] if "RANK" in os.environ else [signal.SIGTERM]):
            return _invoke(arguments)
    except (Exception, KeyboardInterrupt, SignalReceived) as error:
        return report_error(error)


def _invoke(arguments: Sequence[str]) -> int:
    command = get_command(app)
    try:
        with command.make_context("nmt", list(arguments)) as context:
            command.invoke(context)
    except typer.Exit as exit_request:
        return exit_request.exit_code
    finally:
        sys.stdout.flush()
    return 0


def _show_version(value: bool) -> None:
    if value:
        print(f"nmt {__version__}")
        raise typer.Exit


def _nmt(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Recurrent neural machine translation: train, translate, score."""


app = typer.Typer(
    name="nmt",
    callback=_nmt,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _command in _COMMANDS:
    app.command()(_command)
app.add_typer(config, name="config")

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
from nmt.cli.help import show_help
from nmt.cli.help_format import Command, CommandGroup
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
_COMMANDS: dict[str, tuple[Callable[..., None], ...]] = {
    "Set up": (init, doctor, tokenizer, binarize),
    "Train": (train, watch, average),
    "Translate": (translate, serve, tune, shortlist),
    "Evaluate": (score, compare),
    "Inspect": (attention, align, report, info),
    "Share": (export,),
}
"""All commands but those with a name or subcommands of their own, by the groups of `nmt --help`."""


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
    """Recurrent neural machine translation: train, translate, score.

    Start with `nmt help tutorial`; `nmt help` lists what there is to read.
    """


app = typer.Typer(
    name="nmt",
    cls=CommandGroup,
    callback=_nmt,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _group, _commands in _COMMANDS.items():
    for _command in _commands:
        app.command(cls=Command, rich_help_panel=_group)(_command)
app.command(
    "help",
    cls=Command,
    rich_help_panel="Set up",
    context_settings={"ignore_unknown_options": True},  # nmt help --avoid
)(show_help)
app.add_typer(config, name="config", rich_help_panel="Set up")

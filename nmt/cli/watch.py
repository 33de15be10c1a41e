"""The command `nmt watch`."""

import os
import signal
import sys
from typing import Annotated

import typer

from nmt.cli.help_format import RARE
from nmt.cli.options import Debug, Quiet, RunPath
from nmt.errors import StoppedBySignal


def watch(
    run: RunPath = None,
    once: Annotated[bool, typer.Option("--once", help="Show the current state and exit.")] = False,
    ascii_only: Annotated[
        bool, typer.Option("--ascii", help="Draw with ASCII characters only.", rich_help_panel=RARE)
    ] = False,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Follow a training run in the terminal.

    Shows progress, scores, curves, samples, problems and the time left. Ends with the training,
    or at Ctrl-C, which does not disturb the training. Without a terminal it prints a line for each
    new record.
    """
    from nmt.reports.run_state import newest_run
    from nmt.reports.watch import Screen, follow_lines, follow_live, show_once

    terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    run = newest_run() if run is None else run
    ascii_only = ascii_only or os.environ.get("TERM") in ("dumb", "linux")
    try:
        if once:
            width = os.get_terminal_size().columns if terminal else 100
            show_once(run, Screen(width, 60, ascii_only))
        elif terminal:
            follow_live(run, ascii_only)
        else:
            follow_lines(run, Screen(100, 60, ascii_only))
    except KeyboardInterrupt:
        raise StoppedBySignal("", signal.SIGINT) from None

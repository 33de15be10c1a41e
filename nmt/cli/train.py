"""The command `nmt train`."""

from typing import Annotated

import typer

from nmt.cli.help_format import RARE
from nmt.cli.options import ConfigPath, Debug, Device, PrecisionOption, Quiet, Set, Threads
from nmt.console import say
from nmt.errors import UsageError


def train(
    config: ConfigPath,
    settings: Set = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Resume although settings differ, where that is possible."),
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Move an earlier run aside and train from scratch.")
    ] = False,
    verify_resume: Annotated[
        bool,
        typer.Option(
            "--verify-resume",
            help="Only check, beside the run, that a killed training resumes exactly.",
            rich_help_panel=RARE,
        ),
    ] = False,
    device: Device = None,
    precision: PrecisionOption = None,
    threads: Threads = None,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Train a model, or resume an interrupted training run.

    First makes the tokenizer and the corpora if they are missing or out of date. The same command
    resumes where an interrupted run stopped.
    """
    if verify_resume and (resume or restart):
        raise UsageError("--verify-resume does not change the run. Remove --resume and --restart.")
    import gc

    from nmt.config.load import load_config
    from nmt.training.run import train as run_training

    # Loaded modules stay in memory, so the garbage collector can skip them.
    gc.collect()
    gc.freeze()
    runtime = {"device": device, "precision": precision, "threads": threads}
    overrides = [f"runtime.{key}={value}" for key, value in runtime.items() if value is not None]
    loaded = load_config(config, [*(settings or []), *overrides], say=say)
    if verify_resume:
        from nmt.training.verify_resume import verify_resume as verify

        print(verify(loaded))
        return
    run_training(loaded, resume, restart)

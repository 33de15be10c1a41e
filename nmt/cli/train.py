"""The command `nmt train`."""

from typing import Annotated

import typer

from nmt.cli.options import ConfigPath, Debug, Device, PrecisionOption, Quiet, Set, Threads
from nmt.console import say
from nmt.errors import UsageError


def train(
    config: ConfigPath,
    settings: Set = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on although settings differ, where they may.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Move an earlier run aside and begin again.")
    ] = False,
    verify_resume: Annotated[
        bool,
        typer.Option(
            "--verify-resume",
            help="Only prove, beside the run, that a killed training goes on exactly.",
        ),
    ] = False,
    device: Device = None,
    precision: PrecisionOption = None,
    threads: Threads = None,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Train a translator; makes tokenizer and corpora first where they are missing or out of date.

    The same command again goes on where an interrupted run stopped.
    """
    if verify_resume and (resume or restart):
        raise UsageError("--verify-resume leaves the run alone: leave --resume and --restart out.")
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

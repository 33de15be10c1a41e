"""`nmt train`."""

from typing import Annotated

import typer

from nmt.cli.options import ConfigPath, Debug, Device, PrecisionOption, Quiet, Set, Threads


def train(
    config: ConfigPath,
    settings: Set = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on although settings differ, where they may.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Move an earlier run aside and begin again.")
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
    import gc

    from nmt.config.load import load_config
    from nmt.training.run import train as run_training

    # What is loaded by now stays: the garbage collector need not look through it time and again.
    gc.collect()
    gc.freeze()
    runtime = {"device": device, "precision": precision, "threads": threads}
    given = [f"runtime.{key}={value}" for key, value in runtime.items() if value is not None]
    run_training(load_config(config, [*(settings or []), *given]), resume, restart)

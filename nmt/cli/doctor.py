"""The command `nmt doctor`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nmt.cli.options import (
    Debug,
    Device,
    JsonOutput,
    PrecisionOption,
    Quiet,
    Set,
    Threads,
    is_debug,
)
from nmt.errors import StoppedBySignal, UsageError
from nmt.runtime.process import SignalReceived, raise_signals

if TYPE_CHECKING:
    from nmt.doctor.examination import Finding


def doctor(
    config: Annotated[
        Path | None, typer.Argument(metavar="[CONFIG]", help="Path of the YAML configuration.")
    ] = None,
    settings: Set = None,
    as_json: JsonOutput = False,
    device: Device = None,
    precision: PrecisionOption = None,
    threads: Threads = None,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Check in about a minute whether training will work.

    Tests the machine, the texts, the largest batch, the search and a checkpoint, then removes its
    files. Prints a line for each check, the speed, and the time, memory and disk that training
    takes. Without CONFIG it checks the machine only.

    The exit code is 0, or that of the first check that fails.
    """
    from nmt.doctor.all_checks import NAME_WIDTH, preflight

    if settings and config is None:
        raise UsageError("--set requires a configuration. Add CONFIG.")
    runtime = {"device": device, "precision": precision, "threads": threads}
    runtime_settings = {key: value for key, value in runtime.items() if value is not None}

    def show(finding: "Finding") -> None:
        if not as_json:
            print(finding.line(NAME_WIDTH), flush=True)

    try:
        with raise_signals():
            report = preflight(config, settings or [], runtime_settings, show, is_debug())
    except SignalReceived as signal:
        message = f"stopped by {signal.name}; no files were left."
        raise StoppedBySignal(message, signal.number) from None
    if as_json:
        print(json.dumps(report.to_dict(), ensure_ascii=False, indent=2))
    else:
        print(f"verdict: {report.verdict}")
    if report.exit_code:
        raise typer.Exit(report.exit_code)

"""The command `nmt report`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from nmt.cli.options import Debug, JsonOutput, Quiet, RunPath, check_output_files, named_path
from nmt.console import say

_PAGE = "report.html"


def report(
    run: RunPath = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            parser=named_path,
            help="Write the HTML report to FILE. [default: RUN/report.html]",
        ),
    ] = None,
    as_json: JsonOutput = False,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Write an HTML report on a run.

    Shows curves, samples, data, problems, machine and settings in one file that needs no other.
    Works during training, and before it once the corpora are binarized. With --json it prints the
    same figures, and writes the report only with --output.
    """
    from nmt.pages.page import replace_non_finite
    from nmt.reports.run_report import gather_report, report_page
    from nmt.reports.run_state import newest_run, open_run
    from nmt.runtime.atomic_files import write_text

    run = newest_run() if run is None else run
    state = open_run(run)
    file = output
    if file is None and not as_json:
        file = state.run.path / _PAGE
    check_output_files([file], [run], [state.run.path])
    run_report = gather_report(state)
    if file is not None:  # first, because a closed pipe ends the output below
        write_text(file, report_page(run_report))
        say(f"page: {file}")
    if as_json:
        print(
            json.dumps(
                replace_non_finite(run_report.record()),
                ensure_ascii=False,
                indent=2,
                allow_nan=False,
            )
        )

"""The command `nmt compare`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nmt.cli.options import (
    Debug,
    Device,
    JsonOutput,
    Quiet,
    SearchPrecision,
    Threads,
    check_written,
    named_path,
    same_path,
)
from nmt.console import progress, say, warn
from nmt.errors import NmtError, UsageError

if TYPE_CHECKING:
    from nmt.reports.comparison import RunComparison, RunScores
    from nmt.reports.run_state import RunState

_AT_ONCE = 512
"""Lines translated between two updates of the progress bar."""


def compare(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN RUN...", help="Folders of runs, two or more.")
    ],
    source: Annotated[
        Path | None,
        typer.Option(
            "--source", "-s", metavar="FILE", help="Translate this text instead of the runs' dev."
        ),
    ] = None,
    references: Annotated[
        list[Path] | None,
        typer.Option("--ref", "-r", metavar="FILE", help="Its references; may be given again."),
    ] = None,
    hypotheses: Annotated[
        list[Path] | None,
        typer.Option(
            "--hyp",
            metavar="FILE",
            help="A run's translation of the text, given once for each run; none is then made.",
        ),
    ] = None,
    no_translate: Annotated[
        bool, typer.Option("--no-translate", help="Settings and curves only.")
    ] = False,
    swings: Annotated[
        int,
        typer.Option(
            "--swings", min=0, metavar="N", help="Sentences shown whose scores differ most."
        ),
    ] = 5,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", metavar="FILE", parser=named_path, help="Write all of it as a page."
        ),
    ] = None,
    as_json: JsonOutput = False,
    device: Device = None,
    precision: SearchPrecision = None,
    threads: Threads = None,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Compare runs: settings, curves, and how well their best models translate dev.

    The first run is the baseline: scores of the others have a p, how likely chance alone gives such
    a difference (paired bootstrap). Then scores by length and by how frequent words are, and the
    sentences with the largest differences.
    """
    from nmt.pages.page import replace_non_finite
    from nmt.reports.comparison import compare_runs, comparison_page
    from nmt.reports.run_state import open_run
    from nmt.runtime.atomic_files import write_text

    _check(runs, source, references, hypotheses, no_translate)
    check_written([html], [source, *(references or ()), *(hypotheses or ())], runs)
    states = [open_run(run) for run in runs]

    def judge(names: Sequence[str]) -> "RunScores | str":
        if no_translate:
            return "Translations are not compared (--no-translate)."
        return _judge(states, names, (source, references, hypotheses), (device, precision, threads))

    found = compare_runs(states, judge)
    if html is not None:  # first, because a closed pipe ends the output below
        write_text(html, comparison_page(found))
        say(f"page: {html}")
    if as_json:
        record = replace_non_finite(found.record(swings))
        print(json.dumps(record, ensure_ascii=False, indent=2, allow_nan=False))
    else:
        _print(found, swings)


def _check(
    runs: list[Path],
    source: Path | None,
    references: list[Path] | None,
    hypotheses: list[Path] | None,
    no_translate: bool,
) -> None:
    if len(runs) < 2:
        raise UsageError("compare needs two runs or more: nmt compare runs/one runs/other")
    for place, run in enumerate(runs):
        if any(same_path(run, other) for other in runs[:place]):
            warn(f"{run}: was given twice, and does not differ from itself")
    if (source is None) != (not references):
        missing = "--ref" if source is not None else "--source"
        raise UsageError(f"--source and --ref go together: add {missing}.")
    if hypotheses and len(hypotheses) != len(runs):
        raise UsageError(
            f"--hyp was given {len(hypotheses)} times for {len(runs)} runs: give it once for each, "
            "in their order."
        )
    if no_translate and (source is not None or hypotheses):
        raise UsageError("--no-translate compares no translations: leave out --source and --hyp.")


def _judge(
    states: "Sequence[RunState]",
    names: Sequence[str],
    given: tuple[Path | None, list[Path] | None, list[Path] | None],
    machine: tuple[str | None, str | None, int | None],
) -> "RunScores | str":
    """Return the translation quality of the runs, or the reason why it is not known.

    Texts that options name must exist; the runs' dev need not.

    Args:
        states: The state of each run.
        names: The name of each run.
        given: The source, references and translations of the options.
        machine: The device, precision and threads.
    """
    from nmt.reports.run_scoring import dev_of, given_text, score_models, score_runs
    from nmt.text.lines import read_all_input_lines

    source, references, hypotheses = given

    def translate(state: "RunState", name: str, lines: Sequence[str]) -> list[str]:
        return _translate(state.run.path, name, lines, machine)

    if source is not None:
        text = given_text(source, references or [])
    else:
        try:
            text = dev_of(states)
        except NmtError as error:
            if hypotheses:
                raise
            return f"Translations are not compared. {error.message}"
    if hypotheses:
        return score_runs(states, names, text, [read_all_input_lines(path) for path in hypotheses])
    try:
        return score_models(states, names, text, translate)
    except NmtError as error:
        if source is not None:
            raise
        return f"Translations are not compared. {error.message}"


def _translate(
    run: Path,
    name: str,
    lines: Sequence[str],
    machine: tuple[str | None, str | None, int | None],
) -> list[str]:
    from nmt.cli.translate import open_translator

    device, precision, threads = machine
    translator = open_translator([run], device, precision, threads)
    found: list[str] = []
    with progress(f"translate with {name}", len(lines), "lines", by_time=True) as bar:
        for begin in range(0, len(lines), _AT_ONCE):
            part = lines[begin : begin + _AT_ONCE]
            found += [each.text for each in translator.translate(part, attention=False)]
            bar.advance(len(part))
    return found


def _print(found: "RunComparison", swings: int) -> None:
    from nmt.evaluation.score_report import print_buckets, print_scores, report_equal_systems
    from nmt.reports.comparison import print_deltas, print_runs

    print_runs(found)
    if found.judged is None:
        say(found.why_not)
        return
    print(f"\ntranslations of {found.judged.what}")
    print_scores(found.judged.report)
    report_equal_systems(found.judged.report)
    print_buckets(found.judged.report)
    print_deltas(found, swings)

"""The command `nmt compare`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nmt.cli.options import (
    Debug,
    Device,
    JsonOutput,
    Quiet,
    SearchPrecision,
    Tag,
    Threads,
    To,
    check_output_files,
    named_path,
    reject_contradictions,
    same_path,
)
from nmt.console import progress, say, warn
from nmt.errors import NmtError, UsageError

if TYPE_CHECKING:
    from nmt.reports.comparison import RunComparison, RunScores
    from nmt.reports.run_state import RunState
    from nmt.tokenizers.source_tags import TagSelection

_LINES_PER_STEP = 512
"""Lines translated between two updates of the progress bar."""


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN RUN...", help="Paths of run directories, two or more."),
    ],
    source: Annotated[
        Path | None,
        typer.Option(
            "--source",
            "-s",
            metavar="FILE",
            help="Translate the text in FILE instead of the dev set of the runs.",
        ),
    ] = None,
    references: Annotated[
        list[Path] | None,
        typer.Option(
            "--ref",
            "-r",
            metavar="FILE",
            help="Compare with the references in FILE. Repeat for more.",
        ),
    ] = None,
    hypotheses: Annotated[
        list[Path] | None,
        typer.Option(
            "--hyp",
            metavar="FILE",
            help="Read a translation of the text from FILE instead of making it. Give one for "
            "each run.",
        ),
    ] = None,
    to: To = None,
    tag: Tag = None,
    no_translate: Annotated[
        bool, typer.Option("--no-translate", help="Compare settings and curves only.")
    ] = False,
    swings: Annotated[
        int,
        typer.Option(
            "--swings", min=0, metavar="N", help="Show the N sentences whose scores differ most."
        ),
    ] = 5,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", metavar="FILE", parser=named_path, help="Write an HTML report to FILE."
        ),
    ] = None,
    as_json: JsonOutput = False,
    device: Device = None,
    precision: SearchPrecision = None,
    threads: Threads = None,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Compare runs: settings, curves and translations of dev.

    The first run is the baseline. Scores of the others have a p, the probability of such a
    difference by chance (paired bootstrap). Also prints scores by length and by word frequency,
    and the sentences with the largest differences.
    """
    from nmt.pages.page import replace_non_finite
    from nmt.reports.comparison import compare_runs, comparison_page
    from nmt.reports.run_state import open_run
    from nmt.runtime.atomic_files import write_text

    _check_options(runs, source, references, hypotheses, no_translate)
    reject_contradictions(
        (
            source is None and (to is not None or tag is not None),
            "--to and --tag require --source. The lines of dev have their own languages and tags.",
        )
    )
    check_output_files([html], [source, *(references or ()), *(hypotheses or ())], runs)
    states = [open_run(run) for run in runs]

    def score(names: Sequence[str]) -> "RunScores | str":
        if no_translate:
            return "Translations were not compared (--no-translate)."
        return _score_or_reason(
            states,
            names,
            (source, references, hypotheses),
            {"device": device, "precision": precision, "threads": threads, "to": to, "tag": tag},
        )

    comparison = compare_runs(states, score)
    if html is not None:  # first, because a closed pipe ends the output below
        write_text(html, comparison_page(comparison))
        say(f"page: {html}")
    if as_json:
        record = replace_non_finite(comparison.record(swings))
        print(json.dumps(record, ensure_ascii=False, indent=2, allow_nan=False))
    else:
        _print(comparison, swings)


def _check_options(
    runs: list[Path],
    source: Path | None,
    references: list[Path] | None,
    hypotheses: list[Path] | None,
    no_translate: bool,
) -> None:
    if len(runs) < 2:
        raise UsageError(
            "compare needs at least two runs, such as `nmt compare runs/one runs/other`."
        )
    for index, run in enumerate(runs):
        if any(same_path(run, other) for other in runs[:index]):
            warn(f"{run}: was given twice; give two different runs")
    if (source is None) != (not references):
        missing = "--ref" if source is not None else "--source"
        raise UsageError(f"--source and --ref require each other. Add {missing}.")
    if hypotheses and len(hypotheses) != len(runs):
        raise UsageError(
            f"--hyp was given {len(hypotheses)} times for {len(runs)} runs. Give it once for each "
            "run, in the same order."
        )
    if no_translate and (source is not None or hypotheses):
        raise UsageError(
            "--no-translate makes no translations, so --source and --hyp have no effect. "
            "Remove them."
        )


def _score_or_reason(
    states: "Sequence[RunState]",
    names: Sequence[str],
    texts_of_options: tuple[Path | None, list[Path] | None, list[Path] | None],
    model_options: dict[str, Any],
) -> "RunScores | str":
    """Return the translation quality of the runs, or the reason why it is not known.

    Texts that options name must exist; the runs' dev need not.

    Args:
        states: The state of each run.
        names: The name of each run.
        texts_of_options: The source, references and translations of the options.
        model_options: The options of `open_translator`: device, precision, threads, language, tag.
    """
    from nmt.reports.run_scoring import read_shared_dev, read_text_files, score_models, score_runs
    from nmt.text.lines import read_all_input_lines

    source, references, hypotheses = texts_of_options

    def translate(state: "RunState", name: str, lines: Sequence[str]) -> list[str]:
        tags = state.dev_tags() if source is None else None
        return _translate(state.run.path, name, lines, tags, model_options)

    if source is not None:
        text = read_text_files(source, references or [], model_options["to"])
    else:
        try:
            text = read_shared_dev(states)
        except NmtError as error:
            if hypotheses:
                raise
            return f"Translations were not compared. {error.message}"
    if hypotheses:
        return score_runs(states, names, text, [read_all_input_lines(path) for path in hypotheses])
    try:
        return score_models(states, names, text, translate)
    except NmtError as error:
        if source is not None:
            raise
        return f"Translations were not compared. {error.message}"


def _translate(
    run: Path,
    name: str,
    lines: Sequence[str],
    tags: "Sequence[TagSelection] | None",
    model_options: dict[str, Any],
) -> list[str]:
    from nmt.cli.translate import OPTION, open_translator
    from nmt.tokenizers.source_tags import NO_SELECTION

    translator = open_translator([run], **model_options)
    for selection in dict.fromkeys([NO_SELECTION] if tags is None else tags):
        translator.tagging.check(selection, OPTION)
    translations: list[str] = []
    with progress(f"translating with {name}", len(lines), "lines", by_time=True) as bar:
        for begin in range(0, len(lines), _LINES_PER_STEP):
            batch = lines[begin : begin + _LINES_PER_STEP]
            tags_of_batch = None if tags is None else tags[begin : begin + _LINES_PER_STEP]
            found = translator.translate(batch, attention=False, tags=tags_of_batch)
            translations += [translation.text for translation in found]
            bar.advance(len(batch))
    return translations


def _print(comparison: "RunComparison", swings: int) -> None:
    from nmt.evaluation.score_report import print_buckets, print_scores, report_equal_systems
    from nmt.reports.comparison import print_deltas, print_runs

    print_runs(comparison)
    if comparison.scores is None:
        say(comparison.scores_problem)
        return
    print(f"\ntranslations of {comparison.scores.text_name}")
    print_scores(comparison.scores.report)
    report_equal_systems(comparison.scores.report)
    print_buckets(comparison.scores.report)
    print_deltas(comparison, swings)

"""`nmt score`."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from nmt.cli.options import Debug, JsonOutput, Quiet
from nmt.errors import UsageError
from nmt.evaluation.scores import METRICS, Score
from nmt.runtime.console import say, warn


def _check_metrics(names: list[str] | None) -> list[str] | None:
    for name in names or ():
        if name not in METRICS:
            raise typer.BadParameter(f"{name!r} is no metric; choose {', '.join(METRICS)}.")
    return names


def score(
    hypotheses: Annotated[
        Path | None,
        typer.Argument(metavar="HYP", help="Translations, one a line; default or -: stdin."),
    ] = None,
    references: Annotated[
        list[Path] | None,
        typer.Option("--ref", "-r", metavar="FILE", help="References; may be given again."),
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            metavar="bleu|chrf|ter",
            callback=_check_metrics,
            help="Only this metric; may be given again. [all three]",
        ),
    ] = None,
    lowercase: Annotated[
        bool, typer.Option("--lowercase", help="Compare BLEU and chrF without case.")
    ] = False,
    tokenize: Annotated[
        str | None,
        typer.Option(
            "--tokenize", metavar="NAME", help="sacreBLEU's tokenizer for BLEU: 13a, zh, char, ..."
        ),
    ] = None,
    as_json: JsonOutput = False,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Score translations against references: BLEU, chrF and TER by sacreBLEU.

    Give plain, detokenised text. Each file may be packed (.gz); all must have as many lines.
    """
    from nmt.evaluation.checks import suspicions
    from nmt.evaluation.lines import read_all_lines
    from nmt.evaluation.scores import score as score_corpus

    if not references:
        raise UsageError("score needs a reference: nmt score HYP --ref REF")
    if hypotheses == Path("-"):
        hypotheses = None
    if hypotheses is None and sys.stdin.isatty():
        say("reading translations from the keyboard, one a line; end with Ctrl-D")
    hypothesis_lines = read_all_lines(hypotheses)
    reference_lines = [read_all_lines(path) for path in references]
    scores = score_corpus(
        hypothesis_lines,
        reference_lines,
        [name for name in METRICS if name in (metrics or METRICS)],
        lowercase=lowercase,
        tokenize=tokenize,
    )
    for warning in suspicions(hypothesis_lines, reference_lines, lowercase):
        warn(warning)
    print(_as_json(scores, len(hypothesis_lines)) if as_json else "\n".join(map(str, scores)))


def _as_json(scores: list[Score], lines: int) -> str:
    record = {"lines": lines, "scores": [asdict(score) for score in scores]}
    return json.dumps(record, ensure_ascii=False, indent=2)

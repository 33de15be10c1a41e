"""`nmt score`."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nmt.cli.model_scoring import ModelScoring, corpus_record, corpus_text
from nmt.cli.options import (
    Combination,
    Debug,
    Device,
    JsonOutput,
    ModelWeights,
    Quiet,
    SearchPrecision,
    Threads,
)
from nmt.cli.translate import open_translator
from nmt.errors import UsageError
from nmt.evaluation.scores import METRICS, Score
from nmt.runtime.console import say, warn

if TYPE_CHECKING:
    from nmt.search.model_scores import CorpusScore


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
    model: Annotated[
        list[Path] | None,
        typer.Option("--model", "-m", metavar="PATH", help="A run folder or a bundle to score by."),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--source", "-s", metavar="FILE", help="What was translated, for --model."),
    ] = None,
    sentences: Annotated[
        bool,
        typer.Option(
            "--sentences",
            help="A line for each pair: score, log-probability, subwords, perplexity, with tabs "
            "between.",
        ),
    ] = False,
    tokens: Annotated[
        bool,
        typer.Option(
            "--tokens", help="With --sentences: the subwords too, and the log-probability of each."
        ),
    ] = False,
    n_best: Annotated[
        bool,
        typer.Option(
            "--n-best",
            help="HYP is an n-best list, `index ||| text ||| ...`: print it with a feature "
            "`model=`, the log-probability. Index 0 is the first line of --source.",
        ),
    ] = False,
    weight: ModelWeights = None,
    combine: Combination = None,
    as_json: JsonOutput = False,
    device: Device = None,
    precision: SearchPrecision = None,
    threads: Threads = None,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Score translations against references, or by the probability that a model gives them.

    With --ref: BLEU, chrF and TER by sacreBLEU. Give plain, detokenised text. Each file may be
    packed (.gz); all must have as many lines.

    With --model and --source: log-probability and perplexity of the translations, whoever made
    them. The text is divided into subwords anew, and a line is scored whole, however long. Both
    together print both.
    """
    from nmt.evaluation.lines import read_all_lines

    _check_sides(
        references,
        {"--metric": metrics, "--lowercase": lowercase, "--tokenize": tokenize},
        model,
        {
            "--source": source,
            "--sentences": sentences,
            "--tokens": tokens,
            "--n-best": n_best,
            "--weight": weight,
            "--combine": combine,
            "--device": device,
            "--precision": precision,
            "--threads": threads,
        },
    )
    _check_forms(references, sentences, tokens, n_best, as_json)
    if hypotheses == Path("-"):
        hypotheses = None
    if hypotheses is None and sys.stdin.isatty():
        say("reading translations from the keyboard, one a line; end with Ctrl-D")
    texts, scores, total = None, [], None
    if references:
        texts = read_all_lines(hypotheses)
        scores = _by_references(texts, references, metrics, lowercase, tokenize)
    if model and source is not None:
        translator = open_translator(model, device, precision, threads, weight, combine)
        scoring = ModelScoring(translator, source, hypotheses)
        if n_best:
            scoring.print_n_best()
            return
        if sentences:
            scoring.print_sentences(tokens, as_json)
            return
        total = scoring.corpus(texts)
    print(_as_json(texts, scores, total) if as_json else _as_text(scores, total))


def _check_sides(
    references: list[Path] | None,
    of_references: dict[str, Any],
    model: list[Path] | None,
    of_model: dict[str, Any],
) -> None:
    """Refuse options, given by name with their values, of a side that is not asked for."""
    if not references and not model:
        raise UsageError(
            "score needs references or a model: nmt score HYP --ref REF, or nmt score HYP "
            "--model RUN --source SRC"
        )
    sides = (("--ref", references, of_references), ("--model", model, of_model))
    for side, asked_for, options in sides:
        given = [
            name for name, value in options.items() if value is not None and value is not False
        ]
        if given and not asked_for:
            raise UsageError(f"{given[0]} goes with {side}, which is not given.")
    if model and of_model["--source"] is None:
        raise UsageError("--model needs what was translated: add --source SRC.")


def _check_forms(
    references: list[Path] | None, sentences: bool, tokens: bool, n_best: bool, as_json: bool
) -> None:
    """Refuse forms of output that do not go together."""
    if references and (sentences or n_best):
        name = "--sentences" if sentences else "--n-best"
        raise UsageError(f"{name} prints line by line, --ref the whole: take two commands.")
    if n_best and (sentences or as_json):
        raise UsageError("--n-best has a form of its own: leave --sentences and --json out.")
    if tokens and not sentences:
        raise UsageError("--tokens goes with --sentences, which is not given.")


def _by_references(
    hypotheses: list[str],
    references: list[Path],
    metrics: list[str] | None,
    lowercase: bool,
    tokenize: str | None,
) -> list[Score]:
    from nmt.evaluation.checks import suspicions
    from nmt.evaluation.lines import read_all_lines
    from nmt.evaluation.scores import score as score_corpus

    reference_lines = [read_all_lines(path) for path in references]
    scores = score_corpus(
        hypotheses,
        reference_lines,
        [name for name in METRICS if name in (metrics or METRICS)],
        lowercase=lowercase,
        tokenize=tokenize,
    )
    for warning in suspicions(hypotheses, reference_lines, lowercase):
        warn(warning)
    return scores


def _as_text(scores: list[Score], total: "CorpusScore | None") -> str:
    lines = [str(score) for score in scores]
    return "\n".join(lines if total is None else [*lines, *corpus_text(total)])


def _as_json(texts: list[str] | None, scores: list[Score], total: "CorpusScore | None") -> str:
    record: dict[str, Any] = {}
    if texts is not None:
        record |= {"lines": len(texts), "scores": [asdict(score) for score in scores]}
    if total is not None:
        record |= {"lines": total.lines, "model": corpus_record(total)}
    return json.dumps(record, ensure_ascii=False, indent=2)

"""The command `nmt score`."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt.cli.model_scores import (
    ModelScoring,
    ModelTotals,
    model_record,
    print_model_scores,
)
from nmt.cli.options import (
    Combination,
    Debug,
    Device,
    JsonOutput,
    ModelWeights,
    Quiet,
    SearchPrecision,
    Tag,
    Threads,
    To,
    check_output_files,
)
from nmt.cli.reference_scores import ReferenceScoring
from nmt.cli.score_options import (
    Baseline,
    Buckets,
    Confidence,
    GroupBy,
    Html,
    Hypotheses,
    Language,
    Lowercase,
    Metrics,
    Models,
    Names,
    NBest,
    References,
    Segments,
    Sentences,
    Source,
    Test,
    Tokenize,
    Tokens,
    Train,
    Trials,
)
from nmt.cli.translate import open_tagged_translator
from nmt.config.registry import SCORE_METRICS
from nmt.console import say, show_activity, warn
from nmt.errors import UsageError
from nmt.text.languages import find_language

if TYPE_CHECKING:
    from nmt.evaluation.line_labels import LineLabels

_STDIN = Path("-")


def score(
    hypotheses: Hypotheses = None,
    references: References = None,
    metrics: Metrics = None,
    lowercase: Lowercase = False,
    tokenize: Tokenize = None,
    language: Language = None,
    baseline: Baseline = None,
    names: Names = None,
    confidence: Confidence = False,
    test: Test = None,
    trials: Trials = None,
    segments: Segments = False,
    buckets: Buckets = False,
    group_by: GroupBy = None,
    train: Train = None,
    html: Html = None,
    model: Models = None,
    source: Source = None,
    sentences: Sentences = False,
    tokens: Tokens = False,
    n_best: NBest = False,
    weight: ModelWeights = None,
    combine: Combination = None,
    to: To = None,
    tag: Tag = None,
    as_json: JsonOutput = False,
    device: Device = None,
    precision: SearchPrecision = None,
    threads: Threads = None,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Score translations against references, or by a model.

    With --ref it computes BLEU, chrF and TER by sacreBLEU. Give plain, detokenized text. Each file
    may be compressed, and all must have as many lines. Several translations are compared with the
    baseline: 95% intervals, and p, the probability of such a difference by chance.

    With --model and --source it computes log-probability and perplexity of any given
    translations. The model's tokenizer divides the text, and a line is scored as a whole, however
    long. Both may be given together.
    """
    texts_to_score = hypotheses or [_STDIN]
    _check_option_groups(
        references,
        {
            "--metric": metrics,
            "--lowercase": lowercase,
            "--tokenize": tokenize,
            "--language": language,
            "--baseline": baseline,
            "--name": names,
            "--confidence": confidence,
            "--test": test,
            "--trials": trials,
            "--segments": segments,
            "--buckets": buckets,
            "--train": train,
            "--html": html,
        },
        model,
        {
            "--sentences": sentences,
            "--tokens": tokens,
            "--n-best": n_best,
            "--weight": weight,
            "--combine": combine,
            "--to": to,
            "--tag": tag,
            "--device": device,
            "--precision": precision,
            "--threads": threads,
        },
        source,
    )
    _check_formats(references, sentences, tokens, n_best, as_json)
    if group_by is not None and (sentences or n_best):
        name = "--sentences" if sentences else "--n-best"
        raise UsageError(f"{name} prints a result per line. Remove --group-by.")
    _check_text_counts(texts_to_score, model, baseline, segments, buckets, train, html)
    texts = [path for path in texts_to_score if path != _STDIN]
    inputs = [*texts, *(references or ()), source, baseline, group_by, *(train or ())]
    check_output_files([html], inputs)
    if _STDIN in texts_to_score and sys.stdin.isatty():
        say("reading translations from the terminal, one per line; press Ctrl-D to end")
    labels = None if group_by is None else _read_labels(group_by)
    by_references, by_model, totals, model_language = None, None, None, None
    if model and source is not None:
        translator = open_tagged_translator(
            model, device, precision, threads, weight, combine, to=to, tag=tag
        )
        model_language = translator.target_language
        by_model = ModelScoring(
            translator, source, None if texts_to_score == [_STDIN] else texts_to_score[0]
        )
        if n_best:
            by_model.print_n_best()
            return
        if sentences:
            by_model.print_sentences(tokens, as_json)
            return
    if references:
        tokenize_all, tokenizers = _tokenizers(
            labels, tokenize, language, model_language, train, metrics
        )
        by_references = ReferenceScoring(
            texts_to_score,
            references,
            _metrics(metrics),
            lowercase=lowercase,
            tokenize=tokenize_all,
            source=source,
            baseline=baseline,
            names=names,
            confidence=confidence or test is not None or trials is not None,
            method=test or "bootstrap",
            trials=trials,
            buckets=buckets,
            train=train,
            labels=labels,
            tokenizers=tokenizers,
        )
        with show_activity("score"):
            by_references.warn_of_problems()
            if not segments:
                by_references.warn_of_noise()
            if html is not None:
                by_references.write_page(html)
            if segments:
                by_references.print_segments(as_json)
                return
    if by_model is not None:
        known = None if by_references is None else by_references.systems[0].hypotheses
        totals = by_model.corpus(known, labels)
    with show_activity("score"):
        if as_json:
            print(_as_json(by_references, totals))
        else:
            _print_text(by_references, totals)


def _metrics(requested: list[str] | None) -> list[str]:
    """Return the metrics to compute, in the order of the registry."""
    from nmt.evaluation.scores import METRICS

    return [name for name in SCORE_METRICS.names() if name in (requested or METRICS)]


def _read_labels(file: Path) -> "LineLabels":
    from nmt.evaluation.line_labels import read_labels

    return read_labels(file)


def _tokenizers(
    labels: "LineLabels | None",
    tokenize: str | None,
    language: str | None,
    model_language: str | None,
    train: list[Path] | None,
    metrics: list[str] | None,
) -> tuple[str | None, dict[str, str | None]]:
    """Return the tokenizer of BLEU for all lines, and the one for each label.

    The option --tokenize holds for all. Where no language is given and all groups have the same
    tokenizer, all lines have it too.

    Args:
        labels: The labels of the lines; None for no groups.
        tokenize: The option --tokenize.
        language: See `_tokenizer`.
        model_language: See `_tokenizer`.
        train: See `_tokenizer`.
        metrics: See `_tokenizer`.
    """
    from nmt.evaluation.line_labels import group_tokenizers

    if tokenize is not None:
        return tokenize, dict.fromkeys(() if labels is None else labels.labels, tokenize)
    general = _tokenizer(language, model_language, train, metrics)
    if labels is None:
        return general, {}
    report = warn if "bleu" in _metrics(metrics) else None
    tokenizers = group_tokenizers(labels.labels, general, report)
    distinct = set(tokenizers.values())
    if language is None and len(distinct) == 1:
        (general,) = distinct
    return general, tokenizers


def _tokenizer(
    language: str | None,
    model_language: str | None,
    train: list[Path] | None,
    metrics: list[str] | None,
) -> str | None:
    """Return the tokenizer of BLEU for the target language of the option, the model or the run.

    Args:
        language: The option --language.
        model_language: The target language of --model.
        train: Texts, or folders of runs.
        metrics: The metrics that were given.
    """
    from nmt.evaluation.scores import bleu_tokenizer

    report = warn if "bleu" in _metrics(metrics) else None
    if language is not None and find_language(language) is None:
        warn(f"--language {language!r}: unknown language; BLEU uses the tokenizer 13a.")
    return bleu_tokenizer(language or model_language or _language_of_runs(train), report)


def _language_of_runs(paths: list[Path] | None) -> str | None:
    """Return the target language of the first run among paths; None where there is no run."""
    from nmt.config.load import load_config
    from nmt.runtime.run_directory import RunDirectory

    runs = [RunDirectory(path).config_file for path in paths or () if path.is_dir()]
    known = [file for file in runs if file.is_file()]
    languages = load_config(known[0]).data.target_languages if known else ()
    return languages[0] if len(languages) == 1 else None


def _check_option_groups(
    references: list[Path] | None,
    reference_options: dict[str, Any],
    model: list[Path] | None,
    model_options: dict[str, Any],
    source: Path | None,
) -> None:
    """Raise UsageError for options, given by name, of a kind of scoring that is not requested."""
    if not references and not model:
        raise UsageError(
            "references or a model are missing. Run `nmt score HYP --ref REF`, or `nmt score HYP "
            "--model RUN --source SRC`."
        )
    sides = (("--ref", references, reference_options), ("--model", model, model_options))
    for side, requested, options in sides:
        given_names = [
            name for name, value in options.items() if value is not None and value is not False
        ]
        if given_names and not requested:
            raise UsageError(f"{given_names[0]} requires {side}.")
    if model and source is None:
        raise UsageError("--model requires the source text. Add --source SRC.")


def _check_formats(
    references: list[Path] | None, sentences: bool, tokens: bool, n_best: bool, as_json: bool
) -> None:
    """Raise UsageError for output formats that exclude each other."""
    if references and (sentences or n_best):
        name = "--sentences" if sentences else "--n-best"
        raise UsageError(
            f"{name} prints a result per line and --ref one for all lines. Run two commands."
        )
    if n_best and (sentences or as_json):
        raise UsageError("--n-best has its own output format. Remove --sentences and --json.")
    if tokens and not sentences:
        raise UsageError("--tokens requires --sentences.")


def _check_text_counts(
    hypotheses: list[Path],
    model: list[Path] | None,
    baseline: Path | None,
    segments: bool,
    buckets: bool,
    train: list[Path] | None,
    html: Path | None,
) -> None:
    """Raise UsageError for too many texts, and for options that need another one."""
    several = len(hypotheses) + (baseline is not None)
    if model and several > 1:
        raise UsageError(
            f"--model scores one text, but {several} are given. Run one command for each."
        )
    if model and segments:
        raise UsageError(
            "--segments prints a result per line and --model one for all lines. Run two commands."
        )
    if segments and buckets:
        raise UsageError(
            "--segments prints a result per line and --buckets one for all lines. Run two commands."
        )
    if train and not (buckets or html):
        raise UsageError("--train requires --buckets or --html.")


def _print_text(scoring: ReferenceScoring | None, totals: ModelTotals | None) -> None:
    if scoring is not None:
        scoring.print_text()
    if totals is not None:
        print_model_scores(totals)


def _as_json(scoring: ReferenceScoring | None, totals: ModelTotals | None) -> str:
    record: dict[str, Any] = {} if scoring is None else scoring.record()
    if totals is not None:
        record |= {"lines": totals.whole.lines, "model": model_record(totals)}
    return json.dumps(record, ensure_ascii=False, indent=2)

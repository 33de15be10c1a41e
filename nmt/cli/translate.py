"""The command `nmt translate`."""

import sys
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt.cli import translate_options as opts
from nmt.cli.options import (
    Combination,
    Debug,
    Device,
    ModelPaths,
    ModelWeights,
    Quiet,
    SearchPrecision,
    Tag,
    Threads,
    To,
    reject_contradictions,
    same_path,
    would_overwrite,
)
from nmt.cli.translate_output import JsonOutput, MosesOutput, OutputForm, TextOutput, TsvOutput
from nmt.console import say, set_quiet
from nmt.errors import UsageError

if TYPE_CHECKING:
    from nmt.config.settings import SearchSettings
    from nmt.translation.line_stream import Write
    from nmt.translation.translator import Translator

OPTION = "--{}"
"""The form of the names of options in messages about languages and tags."""

_WINDOW_BATCHES = 16
_WINDOW_BATCHES_WITH_FLAGS = 4


def translate(
    model: ModelPaths = None,
    weight: ModelWeights = None,
    combine: Combination = None,
    to: To = None,
    tag: Tag = None,
    input_file: opts.InputFile = None,
    output_file: opts.OutputFile = None,
    input_format: opts.InputFormat = "text",
    column: opts.Column = None,
    as_json: opts.AsJson = False,
    attention: opts.Attention = False,
    alignment: opts.Alignment = False,
    report_file: opts.Report = None,
    flag: opts.Flag = False,
    flag_above: opts.FlagAbove = None,
    strict: opts.Strict = False,
    beam: opts.Beam = None,
    n_best: opts.NBest = None,
    length_penalty: opts.LengthPenalty = None,
    alpha: opts.Alpha = None,
    coverage_penalty: opts.CoveragePenalty = None,
    max_length: opts.MaxLength = None,
    min_length: opts.MinLength = None,
    no_repeat_ngram: opts.NoRepeatNgram = None,
    groups: opts.Groups = None,
    diversity: opts.Diversity = None,
    sample: opts.Sample = None,
    temperature: opts.Temperature = None,
    top_k: opts.TopK = None,
    top_p: opts.TopP = None,
    seed: opts.Seed = None,
    draw_by: opts.DrawBy = None,
    mbr: opts.Mbr = None,
    replace_unknown: opts.ReplaceUnknown = None,
    prefix: opts.Prefix = None,
    terms: opts.Terms = None,
    avoid: opts.Avoid = None,
    shortlist: opts.Shortlist = None,
    batch: opts.Batch = None,
    resumable: opts.Resumable = False,
    device: Device = None,
    precision: SearchPrecision = None,
    threads: Threads = None,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Translate text, one line out for each line in.

    A blank line stays blank. Slow input is translated line by line, fast input many lines at a
    time. Options default to the settings of the model (`nmt config explain search`).
    """
    from nmt.config.search_overrides import override
    from nmt.runtime.distributed import World
    from nmt.search.constraints import Constraints
    from nmt.translation.line_stream import LineWarnings, Write, answer, reader, windows, writer
    from nmt.translation.line_translator import LineTranslator, WarningCollector
    from nmt.translation.quality_estimation import QualityEstimator, parse_thresholds
    from nmt.translation.requests import INPUT_FORMS
    from nmt.translation.sharding import ShardJob, require_files, translate_in_shards
    from nmt.translation.stream_progress import StreamProgress, is_typed, stream_progress

    world = World.from_environment()
    if world.rank > 0:
        set_quiet(True)
    sharded = resumable or world.launched
    files = require_files(input_file, output_file, world) if sharded else None
    needs_weights = attention or alignment  # for each line source times target tokens
    writes_json = as_json or input_format == "json"
    reject_contradictions(
        (column is not None and input_format != "tsv", "--column requires --input-format tsv."),
        (as_json and input_format == "tsv", "--input-format tsv writes a table. Remove --json."),
        (attention and not writes_json, "--attention requires --json."),
        (same_path(output_file, report_file), "--output and --report are the same file."),
        (would_overwrite(output_file, input_file), "--input and --output are the same file."),
        (would_overwrite(report_file, input_file), "--input and --report are the same file."),
        (
            bool(flag_above) and not flag and report_file is None,
            "--flag-above requires --flag or --report.",
        ),
        (
            sharded and report_file is not None,
            "--report does not work with --resumable or torchrun. Remove it.",
        ),
    )
    thresholds = parse_thresholds(flag_above or ())
    if sample and beam is None and groups is None and mbr in (None, "none"):
        beam = n_best or 1  # every sample is written, not only the likeliest
    overrides = opts.given_settings(
        beam_size=beam,
        n_best=n_best,
        length_penalty=length_penalty,
        alpha=alpha,
        coverage_penalty=coverage_penalty,
        max_length=max_length,
        min_length=min_length,
        no_repeat_ngram=no_repeat_ngram,
        groups=groups,
        diversity=diversity,
        sampling=sample,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        seed=seed,
        mbr=mbr,
        replace_unknown=replace_unknown,
        shortlist=shortlist,
        batch_sentences=batch,
    )
    # All shards must be computed alike, so timing may not choose the precision.
    # A JSON line may name its own language and tag.
    open_model = open_translator if input_format == "json" else open_tagged_translator
    translator = open_model(
        model, device, precision, threads, weight, combine, files is None, to, tag
    )
    settings = override(translator.settings, overrides)
    places_terms = not settings.sampling and settings.groups == 1
    reject_contradictions(
        (
            settings.n_best > 1 and input_format == "tsv",
            "a table has one translation per row. Set --n-best 1.",
        ),
        (
            flag and settings.n_best > 1 and not writes_json,
            "--flag with --n-best requires --json.",
        ),
        (draw_by == "line" and not settings.sampling, "--draw-by requires --sample."),
        (
            bool(terms) and not places_terms,
            "--term requires beam search. Remove --sample and --groups.",
        ),
    )
    form = _output_form(input_format, writes_json, settings.n_best)
    name = str(input_file or "stdin")
    share = f" (of the lines of process {world.rank})" if world.size > 1 else ""
    bad_lines = LineWarnings(name, f"were not valid UTF-8{share}")
    estimator = None
    if flag or report_file is not None:
        estimator = QualityEstimator.of(translator.bundles[0], thresholds)
    constraints = Constraints(prefix or "", tuple(terms or ()), tuple(avoid or ()))
    if problem := translator.find_problem(constraints):
        raise UsageError(f"{problem}. Remove this constraint.")
    lines = LineTranslator(
        translator,
        INPUT_FORMS[input_format](constraints, column or 1, translator.tagging.inventory.choices),
        form(attention, alignment, settings.n_best > 1, estimator if flag else None).lines,
        WarningCollector(name, strict, share, translator.source_scripts),
        attention=needs_weights or estimator is not None,
        reported=report_file is not None,
        estimator=estimator,
        places_terms=places_terms,
        draws_by_line=draw_by == "line",
        overrides=overrides,
    )

    def answer_windows(
        line_windows: Iterable[list[bytes]],
        write: Write,
        lines_before: int = 0,
        write_report: Write | None = None,
        on_decoded: Callable[[int], None] | None = None,
    ) -> int:
        return answer(
            line_windows,
            replace(lines, on_decoded=on_decoded).answers,
            write,
            name,
            strict,
            write_report,
            lines_before,
            bad_lines,
        )

    say(opts.describe_search(settings))
    start = time.monotonic()
    totals = lines.totals
    expected = opts.expected_formats(input_format)
    window = settings.batch_sentences * _window_batches(needs_weights, estimator is not None)
    if files is not None:
        made_by = {
            **translator.made_by,
            **_result_settings(settings),
            "--input-format": input_format,
            "--column": column,
            "--json": as_json,
            "--attention": attention,
            "--alignment": alignment,
            "--prefix": prefix,
            "--term": terms,
            "--avoid": avoid,
            **({"--draw-by": draw_by} if draw_by == "line" else {}),
            **({} if estimator is None else {"--flag": asdict(estimator.thresholds)}),
        }
        one_line_each = writes_json or settings.n_best == 1
        job = ShardJob(*files, made_by, window, one_line_each, expected=expected)
        totals = translate_in_shards(job, answer_windows, world, lines.totals)
    else:
        written = [output_file, *([] if report_file is None else [report_file])]
        with (
            reader(input_file, expected) as read,
            writer(output_file) as write,
            _report_writer(report_file) as write_report,
            stream_progress("translate", input_file, written) as bar,
        ):
            prompt_for_lines(input_file)
            stream_bar = StreamProgress(bar)
            answer_windows(
                stream_bar.counted(windows(read, window)),
                write,
                write_report=write_report,
                on_decoded=stream_bar.on_decoded,
            )
    bad_lines.summarise()
    lines.remarks.summarise()
    if not is_typed(input_file):
        say(totals.summary(time.monotonic() - start))


def open_translator(
    model: list[Path] | None,
    device: str | None,
    precision: str | None,
    threads: int | None,
    weights: list[float] | None = None,
    combination: str | None = None,
    measured: bool = True,
    to: str | None = None,
    tag: str | None = None,
) -> "Translator":
    """Load the translator that the options of a command name.

    Args:
        model: The models; None for the default one.
        device: The device; None for auto.
        precision: The precision; None for auto.
        threads: The number of CPU threads; None for one a core.
        weights: The weight of each model in an ensemble; None for equal weights.
        combination: The way to combine an ensemble; None for log_linear.
        measured: Whether timing may choose how to compute, see `Translator.load`.
        to: The target language; None for the only one, or for one that each text names.
        tag: The tag of the texts; None for none.

    Returns:
        The translator. The exceptions are those of `Translator.load`.
    """
    from nmt.translation.translator import Translator

    if model is not None and len(model) > 1:
        shares = "equal weights" if weights is None else "weights " + " ".join(map(str, weights))
        names = ", ".join(map(str, model))
        say(f"ensemble: {names} ({combination or 'log_linear'}, {shares})")
    translator = Translator.load(
        model,
        device=device or "auto",
        precision=precision or "auto",
        threads=threads or 0,
        weights=weights,
        combination=combination or "log_linear",
        measured=measured,
    )
    return translator.with_tags(to, tag, OPTION)


def open_tagged_translator(*arguments: Any, **options: Any) -> "Translator":
    """Load a translator whose language and tag are complete, so that it can translate any text.

    Args:
        *arguments: See `open_translator`.
        **options: See `open_translator`.

    Returns:
        The translator.

    Raises:
        UsageError: The model needs a language or a tag. See also `Translator.load`.
    """
    translator = open_translator(*arguments, **options)
    translator.tagging.check(option=OPTION)
    return translator


def prompt_for_lines(input_file: Path | None) -> None:
    """Tell a user at a terminal to type a line."""
    if input_file is None and sys.stdin.isatty():
        say("Type a line to translate it. Press Ctrl-D to end.")


def _window_batches(with_weights: bool, with_flags: bool) -> int:
    """Return the number of batches to read before the first is answered.

    With several, lines of similar length are batched together. Attention weights stay in memory
    until then.
    """
    if with_weights:
        return 1
    return _WINDOW_BATCHES_WITH_FLAGS if with_flags else _WINDOW_BATCHES


def _result_settings(settings: "SearchSettings") -> dict[str, Any]:
    """Return the search settings that translations depend on, without the batch size."""
    values = settings.model_dump(exclude={"batch_sentences"})
    return {f"search.{key}": value for key, value in values.items()}


def _output_form(input_format: str, as_json: bool, n_best: int) -> type[OutputForm]:
    if as_json:
        return JsonOutput
    if input_format == "tsv":
        return TsvOutput
    return TextOutput if n_best == 1 else MosesOutput


def _report_writer(path: Path | None) -> "AbstractContextManager[Write | None]":
    from nmt.translation.line_stream import writer

    return nullcontext() if path is None else writer(path)

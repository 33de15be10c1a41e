"""The command `nmt tune`."""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nmt.cli.options import (
    Debug,
    Device,
    JsonOutput,
    ModelPaths,
    Quiet,
    SearchPrecision,
    Tag,
    Threads,
    To,
    check_metric_of,
    named_path,
)
from nmt.cli.translate import OPTION, open_translator
from nmt.cli.translate_options import describe_search
from nmt.config.registry import TUNING_METRICS
from nmt.console import say, warn
from nmt.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nmt.tokenizers.source_tags import TagSelection
    from nmt.translation.translator import Translator
    from nmt.translation.tuning import Tuning

_MIN_SENTENCES = 50
"""The number of sentences below which a comparison of settings is unreliable."""


def tune(
    source: Annotated[
        Path | None,
        typer.Option(
            "--source",
            "-s",
            metavar="FILE",
            parser=named_path,
            help="Translate the text in FILE. [default: dev of the run]",
        ),
    ] = None,
    references: Annotated[
        list[Path] | None,
        typer.Option(
            "--ref",
            "-r",
            metavar="FILE",
            parser=named_path,
            help="Compare with the references in FILE. Repeat for more. [default: dev of the run]",
        ),
    ] = None,
    model: ModelPaths = None,
    to: To = None,
    tag: Tag = None,
    beam: Annotated[
        str, typer.Option("--beam", "-b", metavar="LIST", help="Try these beam sizes.")
    ] = "1,5,10",
    length_penalty: Annotated[
        str, typer.Option("--length-penalty", metavar="LIST", help="Try these length penalties.")
    ] = "gnmt,average",
    alpha: Annotated[
        str,
        typer.Option("--alpha", metavar="LIST", help="Try these strengths of the length penalty."),
    ] = "0,0.2,...,1.4",
    coverage_penalty: Annotated[
        str | None,
        typer.Option(
            "--coverage-penalty",
            metavar="LIST",
            help="Try these strengths of the coverage penalty. [default: that of the model]",
        ),
    ] = None,
    metric: Annotated[
        str,
        typer.Option(
            "--metric",
            metavar="|".join(TUNING_METRICS.names()),
            callback=check_metric_of(TUNING_METRICS),
            help="Maximise this metric.",
        ),
    ] = "bleu",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the table without changing the model.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Take the best settings even if their lead may be chance."),
    ] = False,
    as_json: JsonOutput = False,
    device: Device = None,
    precision: SearchPrecision = None,
    threads: Threads = None,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Find the best search settings and make them the defaults.

    Without --source and --ref it translates dev as the run keeps it, also a dev that
    data.validation_split set aside, each line with its own language and tag. --to and --tag choose
    lines of dev. Give a LIST as 1,5,10 or 0,0.2,...,1.4. Each combination
    translates as `nmt translate` would, and is compared with the current defaults. These change
    only for a higher score whose lead is significant (p < 0.05), or with --force. Everything else
    in the model stays.
    """
    from nmt.bundles.bundle import change_search
    from nmt.bundles.bundle_files import find_bundle
    from nmt.evaluation.input_checks import reference_warnings
    from nmt.evaluation.scores import common_bleu_tokenizer
    from nmt.text.lines import read_parallel
    from nmt.tokenizers.source_tags import NO_SELECTION
    from nmt.translation.tuning import grid, locked_bundle, print_table, values
    from nmt.translation.tuning import tune as tune_settings

    axes = {
        "beam_size": values(beam),
        "length_penalty": values(length_penalty),
        "alpha": values(alpha),
    }
    if coverage_penalty is not None:
        axes["coverage_penalty"] = values(coverage_penalty)
    chosen_model = _single_model(model)
    if (source is None) != (not references):
        given, missing = ("--ref", "--source") if source is None else ("--source", "--ref")
        raise UsageError(f"{given} is given without {missing}: give both, or neither for dev.")
    found = nullcontext(find_bundle(chosen_model)) if dry_run else locked_bundle(chosen_model)
    with found as bundle:
        tags = None
        if source is None or not references:
            source, references, tags = _dev_of_run(bundle)
        lines = read_parallel([source, *references])
        translator = open_translator([bundle], device, precision, threads, to=to, tag=tag)
        if tags is not None:
            lines, tags = _selected_lines(lines, tags, translator)
        sources, *reference_lines = lines
        for selection in dict.fromkeys([NO_SELECTION] if tags is None else tags):
            translator.tagging.check(selection, OPTION)
        points = grid(translator.settings, axes)
        say(f"{len(points)} searches of {len(sources)} lines, encoded once")
        _warn_of_few(source, sources)
        languages = translator.tagging.languages(sources, tags)
        tokenize = common_bleu_tokenizer(languages, None) if metric == "bleu" else None
        for warning in reference_warnings(reference_lines, [metric], tokenize):
            warn(warning)
        tuning = tune_settings(translator, sources, reference_lines, points, metric, tags)
        names = {"source": source.name, "references": [path.name for path in references]}
        is_better = tuning.has_higher_score and (force or not tuning.within_noise)
        written = is_better and not dry_run
        if written:
            change_search(bundle, tuning.winner.settings, {**names, **tuning.record()})
    if as_json:
        record = {**names, **tuning.record(), "written": written}
        print(json.dumps(record, ensure_ascii=False, indent=2))
    else:
        print_table(tuning)
    say(_conclusion_text(tuning))
    say(f"{bundle}: defaults set to the best settings" if written else f"{bundle}: not changed")


def _selected_lines(
    lines: "Sequence[list[str]]", tags: "list[TagSelection]", translator: "Translator"
) -> "tuple[list[list[str]], list[TagSelection]]":
    """Return the lines of dev in the language and with the tag that a translator has by default.

    Args:
        lines: The lines of each text.
        tags: The target language and the tag of each line.
        translator: The translator.

    Raises:
        UsageError: No line does.
    """
    default = translator.tagging.default
    chosen = [
        i
        for i, (to, tag) in enumerate(tags)
        if default.to in (None, to or default.to) and default.tag in (None, tag)
    ]
    if not chosen:
        options = [f"--{name} {value}" for name, value in default._asdict().items() if value]
        raise UsageError(
            f"dev of the run has no line for {' '.join(options)}. Give a text and its translation "
            "by --source and --ref."
        )
    return [[text[i] for i in chosen] for text in lines], [tags[i] for i in chosen]


def _dev_of_run(bundle: Path) -> "tuple[Path, list[Path], list[TagSelection] | None]":
    """Return the files in which the run of a model keeps source and target of dev.

    The target language and the tag of each line follow, None where dev has none.

    Raises:
        UsageError: The model is not in the folder of its run, or the run keeps no dev.
        DataError: The data were changed since the run was trained.
    """
    from nmt.data.binarize import held_out_path
    from nmt.reports.run_state import open_run
    from nmt.runtime.run_directory import RunDirectory

    model = bundle.resolve()
    run = RunDirectory(model.parent)
    if model.parent.name == run.checkpoints.name:
        run = RunDirectory(model.parent.parent)
    if model not in (run.best, run.checkpoints / model.name) or not run.config_file.is_file():
        raise UsageError(
            f"{bundle}: is a model without its run, which keeps dev. Give a text and its "
            "translation by --source and --ref."
        )
    state = open_run(run.path)
    source, target = (held_out_path(state.run.data, "dev", side) for side in ("source", "target"))
    if not source.is_file() or not target.is_file():
        raise UsageError(
            f"{state.run.data}: has no dev of the run any more. Give a text and its translation by "
            "--source and --ref."
        )
    state.check_data()
    say(f"dev of the run: {source} and {target.name}")
    return source, [target], state.dev_tags()


def _warn_of_few(source: Path, sources: list[str]) -> None:
    sentences = sum(1 for line in sources if line.strip())
    if 0 < sentences < _MIN_SENTENCES:
        warn(
            f"{source}: only {sentences} sentences: the settings found may not suit other text. "
            f"Use {_MIN_SENTENCES} or more."
        )


def _single_model(model: list[Path] | None) -> Path | None:
    """Return the single model whose defaults are to change."""
    if model is not None and len(model) > 1:
        raise UsageError(
            f"--model was given {len(model)} times, but tune changes the defaults of one model. "
            "Give one."
        )
    return model[0] if model else None


def _conclusion_text(tuning: "Tuning") -> str:
    winner, present = tuning.winner, tuning.present
    if not tuning.has_higher_score:
        return _tie_text(tuning)
    text = (
        f"best {describe_search(winner.settings)}: {tuning.metric} {winner.standing.score:.2f}, "
        f"{present.standing.score:.2f} with the current defaults (p = {winner.standing.p:.3f})"
    )
    if tuning.noise:
        text += f"\nThis {tuning.metric} is unreliable ({tuning.noise}). Use --metric chrf."
    elif tuning.within_noise:
        text += (
            "\nThe difference is not significant: the current defaults may be better on other text."
        )
    return text


def _tie_text(tuning: "Tuning") -> str:
    """Return the conclusion when no settings beat the present defaults."""
    if tuning.winner.standing.score > 0.0:
        return "no other settings score higher than the current defaults"
    advice = "Use a text that the model can translate"
    if tuning.noise:
        advice += ", or one of whole sentences, or --metric chrf"
    return f"all settings score {tuning.metric} 0.00, so they cannot be compared. {advice}."

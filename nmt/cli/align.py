"""The command `nmt align`."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from nmt.cli.align_output import AlignedText, AlignmentJson, LinkText, TsvAlignments, print_error
from nmt.cli.help_format import RARE
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
    check_output_files,
    named_path,
)
from nmt.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nmt.cli.align_output import AlignmentForm
    from nmt.cli.link_origins import AlignedLine

_METHODS = Literal["intersection", "union", "grow-diag", "grow-diag-final", "grow-diag-final-and"]


def align(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="ALIGNMENTS",
            parser=named_path,
            help="Read alignments instead of texts: one file, or two for --symmetrise.",
        ),
    ] = None,
    model: ModelPaths = None,
    weight: ModelWeights = None,
    combine: Combination = None,
    to: To = None,
    tag: Tag = None,
    reverse_model: Annotated[
        Path | None,
        typer.Option(
            "--reverse-model",
            metavar="PATH",
            parser=named_path,
            help="Path of a model of the other direction, for --symmetrise.",
        ),
    ] = None,
    aligner: Annotated[
        Literal["ibm1", "hmm"] | None,
        typer.Option(
            "--aligner",
            help="Use a statistical aligner, which learns from the texts and needs no model.",
        ),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--source",
            "-s",
            metavar="FILE",
            parser=named_path,
            help="Read the source text from FILE. [default without --target: stdin]",
        ),
    ] = None,
    target: Annotated[
        Path | None,
        typer.Option(
            "--target",
            "-t",
            metavar="FILE",
            parser=named_path,
            help="Read the translations from FILE. [default: those of the model, written before "
            "the links]",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            parser=named_path,
            help="Write the links to FILE. [default: stdout]",
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            metavar="P",
            min=0.0,
            max=1.0,
            help="Write every link of at least this weight, instead of the best one of each "
            "target word.",
        ),
    ] = None,
    soft: Annotated[
        bool,
        typer.Option(
            "--soft",
            help="Add the weight to each link, such as 0-0:0.9731, for all weights above 0.",
        ),
    ] = False,
    method: Annotated[
        _METHODS | None,
        typer.Option("--symmetrise", help="Combine the alignments of both directions."),
    ] = None,
    reverse: Annotated[bool, typer.Option("--reverse", help="Write target-source links.")] = False,
    subwords: Annotated[
        bool, typer.Option("--subwords", help="Link subwords of the model instead of words.")
    ] = False,
    tsv: Annotated[
        bool, typer.Option("--tsv", help="Write source, target and links, separated by tabs.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write one JSON object for each line, with all weights.")
    ] = False,
    gold: Annotated[
        Path | None,
        typer.Option(
            "--gold",
            metavar="FILE",
            parser=named_path,
            help="Print precision, recall and alignment error rate against the links in FILE. "
            "`i-j` is sure; `i?j` and `ipj` are possible.",
        ),
    ] = None,
    one_indexed: Annotated[
        bool,
        typer.Option(
            "--one-indexed", help="Count the words of --gold from 1.", rich_help_panel=RARE
        ),
    ] = False,
    device: Device = None,
    precision: SearchPrecision = None,
    threads: Threads = None,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Align the words of sentences and their translations.

    Writes lines such as `0-0 2-1`, source first. Words are what spaces separate, counted from 0.
    The links come from the attention of a model (--model), from a statistical aligner (--aligner),
    or from files of alignments. A blank line stays blank.
    """
    from nmt.cli import link_origins
    from nmt.translation.line_stream import writer

    model_options: dict[str, Any] = {
        "--model": model,
        "--weight": weight,
        "--combine": combine,
        "--to": to,
        "--tag": tag,
        "--reverse-model": reverse_model,
        "--device": device,
        "--precision": precision,
        "--threads": threads,
    }
    text_options: dict[str, Any] = {
        "--aligner": aligner,
        "--source": source,
        "--target": target,
        "--threshold": threshold,
        "--soft": soft,
        "--subwords": subwords,
        "--tsv": tsv,
        "--json": as_json and gold is None,
    }
    _check_options(files or [], aligner, model_options, text_options, method, gold)
    _check_forms(soft, method, tsv, as_json, gold, one_indexed)
    if gold is not None and output is not None:
        raise UsageError("--gold prints one result for all lines on stdout. Remove --output.")
    check_output_files([output], [source, target, *(files or ()), gold])
    weights = soft or as_json or threshold is not None
    options = link_origins.LinkOptions(threshold, method, subwords, weights)
    aligned: Iterator[AlignedLine]
    if files:
        aligned = link_origins.read_alignments(files, options)
    elif aligner is not None:
        assert source is not None and target is not None
        aligned = link_origins.align_by_aligner(aligner, source, target, options)
    else:
        forward_model = (model, device, precision, threads, weight, combine, True, to, tag)
        backward_model = ([reverse_model], device, precision, threads) if reverse_model else None
        aligned = link_origins.align_by_model(
            forward_model, backward_model, source, target, options
        )
    if reverse:
        aligned = map(link_origins.reverse_line, aligned)
    if gold is not None:
        print_error(aligned, gold, one_indexed, as_json)
        return
    output_form = _output_form(
        target is None and not files, threshold if soft else None, soft, tsv, as_json
    )
    with nullcontext() if output is None else writer(output) as write:
        for line in aligned:
            text = output_form.line(line)
            if write is None:
                print(text)
            else:
                write(text + "\n")


def _check_options(
    files: list[Path],
    aligner: str | None,
    model_options: dict[str, Any],
    text_options: dict[str, Any],
    method: str | None,
    gold: Path | None,
) -> None:
    """Raise UsageError for options, given by name, that exclude each other."""
    for name, value in {**model_options, **text_options}.items():
        if files and value not in (None, False):
            raise UsageError(f"{name} aligns texts, but alignment files are given: {files[0]}.")
    for name, value in model_options.items():
        if aligner and value is not None:
            raise UsageError(f"--aligner needs no model. Remove {name}.")
    if len(files) > 2 or (len(files) == 2) != (method is not None and bool(files)):
        raise UsageError(
            "give one alignment file, or two with --symmetrise, such as grow-diag-final-and."
        )
    source, target = text_options["--source"], text_options["--target"]
    if (aligner or target) and (source is None or target is None):
        raise UsageError("give both texts: --source FILE --target FILE.")
    if aligner and text_options["--subwords"]:
        raise UsageError(
            "--subwords needs a model; --aligner splits texts at spaces. Remove one of them."
        )
    if not files and not aligner and (method is None) != (model_options["--reverse-model"] is None):
        raise UsageError(
            "--symmetrise needs the other direction. Add --reverse-model PATH or --aligner, or "
            "give two alignment files."
            if method
            else "--reverse-model requires --symmetrise, such as grow-diag-final-and."
        )
    if not files and target is None and (method or gold):
        name = "--symmetrise" if method else "--gold"
        raise UsageError(f"{name} requires translations. Add --target FILE.")


def _check_forms(
    soft: bool,
    method: str | None,
    tsv: bool,
    as_json: bool,
    gold: Path | None,
    one_indexed: bool,
) -> None:
    """Raise UsageError for output formats that exclude each other."""
    if tsv and as_json:
        raise UsageError("--tsv and --json are two output formats. Remove one of them.")
    if soft and (method or as_json or gold):
        other = "--symmetrise" if method else "--gold" if gold else "--json"
        raise UsageError(
            "--json always has all weights. Remove --soft."
            if other == "--json"
            else f"--soft writes weights and {other} has none. Remove one of them."
        )
    if tsv and gold:
        raise UsageError("--gold prints one result for all lines. Remove --tsv.")
    if one_indexed and gold is None:
        raise UsageError("--one-indexed requires --gold.")


def _output_form(
    with_text: bool, threshold: float | None, soft: bool, tsv: bool, as_json: bool
) -> "AlignmentForm":
    links = LinkText(soft, threshold)
    if as_json:
        return AlignmentJson(with_text)
    if tsv:
        return TsvAlignments(links)
    return AlignedText(links) if with_text else links

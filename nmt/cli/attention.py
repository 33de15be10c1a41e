"""The command `nmt attention`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nmt.cli.attention_output import Outputs, text_drawing, write_images, write_page
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
    reject_contradictions,
)
from nmt.cli.translate import open_tagged_translator, prompt_for_lines
from nmt.cli.translate_options import describe_search, given_settings
from nmt.console import progress, say, warn
from nmt.errors import DataError

if TYPE_CHECKING:
    from nmt.cli.attention_output import TextDrawing
    from nmt.inspection.attention_data import InspectedLine, Inspector, Sentence
    from nmt.translation.translator import Translator

_WINDOW = 64
_MAX_N_BEST = 5
_WITHOUT_PICTURE = "were translated in segments, without a picture"


def _file(*names: str, text: str) -> Any:
    return typer.Option(*names, metavar="FILE", parser=named_path, help=text)


def attention(
    model: ModelPaths = None,
    weight: ModelWeights = None,
    combine: Combination = None,
    to: To = None,
    tag: Tag = None,
    compare: Annotated[
        list[Path] | None,
        typer.Option(
            "--compare",
            metavar="PATH",
            parser=named_path,
            help="Show another model beside the first in the HTML report. Repeat for more.",
        ),
    ] = None,
    input_file: Annotated[
        Path | None, _file("--input", "-i", text="Read the text from FILE. [default: stdin]")
    ] = None,
    target_file: Annotated[
        Path | None,
        _file(
            "--target", text="Show attention for the translations in FILE instead of the model's."
        ),
    ] = None,
    reference_file: Annotated[
        Path | None, _file("--ref", text="Show the references in FILE in the HTML report.")
    ] = None,
    output_file: Annotated[
        Path | None,
        _file(
            "--output",
            "-o",
            text="Write FILE in the form of its suffix: .html, .png, .svg, .pdf or .txt.",
        ),
    ] = None,
    html: Annotated[
        Path | None, _file("--html", text="Write an HTML report of all sentences.")
    ] = None,
    png: Annotated[
        Path | None, _file("--png", text="Write an image, or numbered images for several lines.")
    ] = None,
    svg: Annotated[Path | None, _file("--svg", text="Write images as SVG.")] = None,
    beam: Annotated[
        int | None,
        typer.Option(
            "--beam", "-b", min=1, metavar="N", help="Set the beam size; 1 is greedy search."
        ),
    ] = None,
    n_best: Annotated[
        int | None,
        typer.Option(
            "--n-best",
            min=1,
            metavar="N",
            help="Show N translations of each line in the HTML report. [default: the beam size, "
            "at most 5]",
        ),
    ] = None,
    subwords: Annotated[
        bool, typer.Option("--subwords", help="Show subwords instead of words.")
    ] = False,
    numbers: Annotated[
        bool, typer.Option("--numbers", help="Show hundredths instead of shades.")
    ] = False,
    ascii_only: Annotated[
        bool, typer.Option("--ascii", help="Draw with ASCII characters only.", rich_help_panel=RARE)
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write one JSON object for each line, with all weights.")
    ] = False,
    device: Device = None,
    precision: SearchPrecision = None,
    threads: Threads = None,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Show which source words each translated word attends to.

    Columns are source words, rows are translated words, and `</s>` is the end of the source.
    Writes text to stdout, or an HTML report (--html), or images (--png, --svg).
    Images need matplotlib.
    """
    from nmt.inspection.attention_data import Inspector

    outputs = Outputs.from_options(output_file, html, png, svg)
    reject_contradictions(
        (
            outputs.in_files and as_json,
            "--json cannot be combined with an HTML report or an image. Remove it.",
        ),
        (
            outputs.in_files and outputs.text is not None,
            "text and images are two output formats. Choose one.",
        ),
        (bool(compare) and not outputs.pages, "--compare requires --html FILE."),
        (
            reference_file is not None and not outputs.pages,
            "--ref requires --html FILE.",
        ),
        (n_best is not None and not outputs.pages, "--n-best requires --html FILE."),
        (
            target_file is not None and (beam is not None or n_best is not None),
            "--target gives the translations. Remove --beam and --n-best.",
        ),
    )
    written = [*outputs.pages, *outputs.images, outputs.text]
    check_output_files(written, [input_file, target_file, reference_file])
    tags = {"to": to, "tag": tag}
    machine = (device, precision, threads)
    first = open_tagged_translator(model, *machine, weight, combine, **tags)
    others = [open_tagged_translator([compared], *machine, **tags) for compared in compare or []]
    search_options = given_settings(beam_size=beam, n_best=n_best)
    overrides = search_options | {
        "n_best": _n_best_count(first, search_options) if outputs.pages else 1
    }
    inspector = Inspector([first, *others], full=bool(outputs.pages), overrides=overrides)
    drawing = text_drawing(numbers, ascii_only, subwords, as_json, outputs.text)
    if not outputs.in_files and target_file is None:
        _draw_stream(inspector, input_file, outputs.text, drawing)
        return
    lines = _all_lines(input_file, target_file, reference_file)
    sentences = _inspect(inspector, lines, str(input_file or "stdin"))
    if not outputs.in_files:
        _draw_all(sentences, outputs.text, drawing)
        return
    inspected = list(sentences)
    if not inspected:
        warn(f"{input_file or 'stdin'}: has no lines; nothing to show")
    about = _subtitle(inspector, target_file)
    names = [compared.name for compared in inspector.translators]
    for path in outputs.pages:
        write_page(path, inspected, names, about, subwords, numbers)
    for path in outputs.images:
        write_images(path, inspected, subwords, numbers)


def _draw_stream(
    inspector: "Inspector", input_file: Path | None, output: Path | None, drawing: "TextDrawing"
) -> None:
    """Translate lines and draw their attention in windows, because the input may be endless."""
    from nmt.inspection.attention_data import InspectedLine
    from nmt.translation.line_stream import (
        Answer,
        Line,
        LineWarnings,
        answer,
        reader,
        windows,
        writer,
    )
    from nmt.translation.line_translator import warn_of_segments

    name = str(input_file or "stdin")
    long_lines = LineWarnings(name, _WITHOUT_PICTURE)

    def draw_window(lines: list[Line]) -> list[Answer]:
        sentences = inspector.sentences([InspectedLine(line.number, line.text) for line in lines])
        for sentence in sentences:
            warn_of_segments(long_lines, sentence.number, sentence.outputs[0].best)
        return [Answer(drawing.lines(sentence)) for sentence in sentences]

    with reader(input_file) as read, writer(output) as write:
        prompt_for_lines(input_file)
        answer(windows(read, _WINDOW), draw_window, write, name)
    long_lines.summarise()
    _print_legend(drawing)


def _draw_all(sentences: Iterator["Sentence"], output: Path | None, drawing: "TextDrawing") -> None:
    from nmt.translation.line_stream import writer

    with writer(output) as write:
        for sentence in sentences:
            write("".join(f"{line}\n" for line in drawing.lines(sentence)))
    _print_legend(drawing)


def _print_legend(drawing: "TextDrawing") -> None:
    from nmt.inspection.attention_text import legend

    if not drawing.as_json:
        say(legend(drawing.style))


def _all_lines(
    input_file: Path | None, target_file: Path | None, reference_file: Path | None
) -> "list[InspectedLine]":
    """Return every line with its target and reference.

    Raises:
        DataError: A file differs from the input in its number of lines.
    """
    from nmt.inspection.attention_data import InspectedLine
    from nmt.text.lines import read_all_input_lines

    prompt_for_lines(input_file)
    texts = read_all_input_lines(input_file)
    targets_and_references: list[list[str | None]] = []
    for path in (target_file, reference_file):
        lines: list[str | None] = (
            [None] * len(texts) if path is None else [*read_all_input_lines(path)]
        )
        if len(lines) != len(texts):
            raise DataError(
                f"line counts differ: {input_file or 'stdin'}: {len(texts)}, {path}: "
                f"{len(lines)}. Line i of one file must correspond to line i of the other."
            )
        targets_and_references.append(lines)
    return [
        InspectedLine(number, *each)
        for number, each in enumerate(zip(texts, *targets_and_references, strict=True), start=1)
    ]


def _inspect(
    inspector: "Inspector", lines: "list[InspectedLine]", name: str
) -> Iterator["Sentence"]:
    """Yield the sentences of all lines, window by window."""
    from nmt.translation.line_stream import LineWarnings
    from nmt.translation.line_translator import warn_of_segments

    long_lines = LineWarnings(name, _WITHOUT_PICTURE)
    with progress("attention", len(lines), "lines") as bar:
        for begin in range(0, len(lines), _WINDOW):
            window = lines[begin : begin + _WINDOW]
            for sentence in inspector.sentences(window):
                warn_of_segments(long_lines, sentence.number, sentence.outputs[0].best)
                yield sentence
            bar.advance(len(window))
    long_lines.summarise()


def _n_best_count(translator: "Translator", search_options: dict[str, Any]) -> int:
    """Return the number of translations in a report for each line: the beam size, up to a limit."""
    from nmt.config.search_overrides import override

    if "n_best" in search_options:
        return int(search_options["n_best"])
    return min(override(translator.settings, search_options).beam_size, _MAX_N_BEST)


def _subtitle(inspector: "Inspector", target_file: Path | None) -> str:
    """Return a line on the models and the search behind the sentences of a report."""
    from nmt.config.search_overrides import override

    first = inspector.translators[0]
    search_text = describe_search(override(first.settings, dict(inspector.overrides)))
    parts = [
        first.name,
        search_text if target_file is None else f"translations of {target_file.name}",
    ]
    return " \u00b7 ".join(parts if len(inspector.translators) == 1 else parts[1:])

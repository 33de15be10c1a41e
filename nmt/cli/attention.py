"""`nmt attention`."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nmt.cli.options import (
    Combination,
    Debug,
    Device,
    ModelPaths,
    ModelWeights,
    Quiet,
    SearchPrecision,
    Threads,
)
from nmt.cli.translate import invite, open_translator
from nmt.errors import UsageError
from nmt.runtime.console import say

if TYPE_CHECKING:
    from nmt.inspection.attention_text import Style
    from nmt.search.hypothesis import Weights
    from nmt.search.translation import Translation

_WINDOW = 64


def attention(
    model: ModelPaths = None,
    weight: ModelWeights = None,
    combine: Combination = None,
    input_file: Annotated[
        Path | None,
        typer.Option("--input", "-i", metavar="FILE", help="Text, one a line; default: stdin."),
    ] = None,
    beam: Annotated[
        int | None,
        typer.Option("--beam", "-b", min=1, metavar="N", help="Width of the search; 1: greedy."),
    ] = None,
    subwords: Annotated[
        bool, typer.Option("--subwords", help="Show subwords rather than words.")
    ] = False,
    numbers: Annotated[
        bool, typer.Option("--numbers", help="Hundredths rather than shades.")
    ] = False,
    ascii_only: Annotated[
        bool, typer.Option("--ascii", help="Draw with ASCII characters only.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object for each line, with all weights.")
    ] = False,
    device: Device = None,
    precision: SearchPrecision = None,
    threads: Threads = None,
    debug: Debug = False,
    quiet: Quiet = False,
) -> None:
    """Translate lines of text and draw what each word of the translation looked at.

    Source words stand across, words of the translation down; `</s>` is the end of the source.
    """
    from nmt.inspection import attention_text
    from nmt.search.line_translator import warn_of_pieces
    from nmt.search.ports import reader, writer
    from nmt.search.stream import Answer, Line, LineWarnings, answer, windows

    translator = open_translator(model, device, precision, threads, weight, combine)
    overrides: dict[str, Any] = {"n_best": 1} if beam is None else {"n_best": 1, "beam_size": beam}
    if numbers:
        style = attention_text.ASCII_NUMBERS if ascii_only else attention_text.NUMBERS
    else:
        style = attention_text.ASCII if ascii_only else attention_text.BLOCKS

    name = str(input_file or "stdin")
    long_lines = LineWarnings(name, "were translated in pieces, without a picture")

    def draw(line: Line, translation: "Translation") -> Answer:
        warn_of_pieces(long_lines, line.number, translation)
        if as_json:
            return Answer([_as_json(translation, subwords)])
        return Answer(_drawn(line.text, translation, style, subwords))

    def draw_window(lines: list[Line]) -> list[Answer]:
        translations = translator.translate([line.text for line in lines], **overrides)
        return [draw(*each) for each in zip(lines, translations, strict=True)]

    with reader(input_file) as read, writer(None) as write:
        invite(input_file)
        answer(windows(read, _WINDOW), draw_window, write, name)
    long_lines.summarise()
    if not as_json:
        say(attention_text.legend(style))


def _drawn(text: str, translation: "Translation", style: "Style", subwords: bool) -> list[str]:
    """Text, translation and picture, as lines; of a blank text a blank line; of one in pieces no
    picture, which would be as large as the square of its length.
    """
    from nmt.inspection.attention_text import render_attention
    from nmt.inspection.display import printable

    if not translation.source_tokens:
        return [""]
    words = [printable(text.strip()), printable(translation.text), ""]
    if translation.pieces > 1:
        return words
    target, source, weights = _matrix(translation, subwords)
    terminal = sys.stdout.isatty()
    picture = render_attention(
        target,
        source,
        weights,
        style,
        color=terminal and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb",
        width=shutil.get_terminal_size().columns if terminal else None,
    )
    return [*words, *picture.split("\n")]


def _matrix(translation: "Translation", subwords: bool) -> "tuple[list[str], list[str], Weights]":
    """What to show: subwords as they are, or words without the end mark of the translation."""
    from nmt.inspection.words import merge_words
    from nmt.search.hypothesis import END_MARK

    if translation.attention is None:
        raise UsageError("this model has no attention: there is nothing to draw.")
    if subwords:
        return translation.tokens, translation.source_tokens, translation.attention
    length = len(translation.tokens)
    if translation.tokens[-1] == END_MARK and length > 1:
        length -= 1
    return merge_words(
        translation.tokens[:length], translation.source_tokens, translation.attention[:length]
    )


def _as_json(translation: "Translation", subwords: bool) -> str:
    if not translation.source_tokens or translation.pieces > 1:
        shown: dict[str, Any] = {"source": [], "target": [], "attention": []}
    else:
        target, source, weights = _matrix(translation, subwords)
        shown = {
            "source": source,
            "target": target,
            "attention": [[round(float(weight), 6) for weight in row] for row in weights],
        }
    record = {"translation": translation.text, **shown}
    return json.dumps(record, ensure_ascii=False)

"""The output of `nmt attention`: text pictures, JSON lines, an HTML report, image files."""

import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt.console import format_count, say, warn
from nmt.errors import UsageError
from nmt.text.byte_signatures import COMPRESSIONS

if TYPE_CHECKING:
    from nmt.inspection.attention_data import Sentence
    from nmt.inspection.attention_text import Style
    from nmt.search.hypothesis import Weights
    from nmt.translation.translation import Translation

_PAGES = (".html", ".htm")
_IMAGES = (".png", ".svg", ".pdf")
_TEXTS = ("", ".txt", ".json", ".jsonl", *(compression.suffix for compression in COMPRESSIONS))


@dataclass(frozen=True)
class Outputs:
    """The output files of the command.

    Attributes:
        pages: HTML reports.
        images: Images.
        text: The file for text; None for stdout.
    """

    pages: tuple[Path, ...]
    images: tuple[Path, ...]
    text: Path | None

    @property
    def in_files(self) -> bool:
        """Whether there is an HTML report or an image, which need all lines at once."""
        return bool(self.pages or self.images)

    @classmethod
    def from_options(
        cls, output: Path | None, html: Path | None, png: Path | None, svg: Path | None
    ) -> "Outputs":
        """Return the outputs that the options name.

        Args:
            output: A file whose suffix gives the format.
            html: An HTML report.
            png: A PNG image.
            svg: An SVG image.

        Raises:
            UsageError: A suffix is not known, or two outputs have the same path.
        """
        pages, images = [html], [png, svg]
        text = None
        suffix = "" if output is None else output.suffix.lower()
        if suffix in _PAGES:
            pages.append(output)
        elif suffix in _IMAGES:
            images.append(output)
        elif suffix in _TEXTS:
            text = output
        else:
            raise UsageError(
                f"{output}: unknown image format {suffix}; choose one of "
                f"{', '.join([*_PAGES, *_IMAGES, *_TEXTS[1:3]])}."
            )
        for path, suffixes in ((png, (".png",)), (svg, (".svg",))):
            if path is not None and path.suffix.lower() not in suffixes:
                raise UsageError(f"{path}: the name must end in {suffixes[0]}.")
        named = [path for path in (*pages, *images, text) if path is not None]
        if len(set(named)) < len(named):
            raise UsageError("two outputs have the same path.")
        return cls(_without_none(pages), _without_none(images), text)


@dataclass(frozen=True)
class TextDrawing:
    """The text form of attention: pictures of a few lines, or one JSON object a line.

    Attributes:
        style: The characters to draw with.
        subwords: Whether to show subwords rather than words.
        as_json: Whether to write JSON.
        terminal: Whether the output is a terminal.
    """

    style: "Style"
    subwords: bool
    as_json: bool
    terminal: bool

    def lines(self, sentence: "Sentence") -> list[str]:
        """Return the lines for a sentence."""
        translation = sentence.outputs[0].best
        if self.as_json:
            return [_as_json(translation, self.subwords)]
        return self._picture(sentence.text, translation)

    def _picture(self, text: str, translation: "Translation") -> list[str]:
        """Return text, translation and picture of a sentence; a blank line for a blank text.

        A text in segments has no picture, because its size would be the square of the length.
        """
        from nmt.inspection.attention_text import render_attention
        from nmt.runtime.tables import printable

        if not translation.source_tokens:
            return [""]
        words = [printable(text.strip()), printable(translation.text), ""]
        if translation.pieces > 1:
            return words
        picture = render_attention(
            *matrix_of(translation, self.subwords),
            self.style,
            color=self.terminal
            and "NO_COLOR" not in os.environ
            and os.environ.get("TERM") != "dumb",
            width=shutil.get_terminal_size().columns if self.terminal else None,
        )
        return [*words, *picture.split("\n")]


def text_drawing(
    numbers: bool, ascii_only: bool, subwords: bool, as_json: bool, output: Path | None
) -> TextDrawing:
    """Return the text form that the options name, in colour on a terminal.

    Args:
        numbers: Whether to show hundredths rather than shades.
        ascii_only: Whether to draw in ASCII characters alone.
        subwords: Whether to show subwords rather than words.
        as_json: Whether to write JSON.
        output: The output file; None for stdout.
    """
    from nmt.inspection import attention_text

    styles = {
        (False, False): attention_text.BLOCKS,
        (False, True): attention_text.ASCII,
        (True, False): attention_text.NUMBERS,
        (True, True): attention_text.ASCII_NUMBERS,
    }
    terminal = output is None and sys.stdout.isatty()
    return TextDrawing(styles[numbers, ascii_only], subwords, as_json, terminal)


def write_page(
    path: Path,
    sentences: Sequence["Sentence"],
    models: Sequence[str],
    about: str,
    subwords: bool,
    numbers: bool,
) -> None:
    """Write an HTML report with all sentences.

    Args:
        path: The file.
        sentences: The sentences.
        models: The name of each model.
        about: A line below the title.
        subwords: Whether the report shows subwords first.
        numbers: Whether the heat maps show hundredths first.
    """
    from nmt.inspection.attention_page import attention_page
    from nmt.translation.line_stream import writer

    page = attention_page(sentences, models, about=about, subwords=subwords, numbers=numbers)
    with writer(path) as write:
        write(page)
    size = len(page.encode()) / 1e6
    say(f"{path}: {format_count(len(sentences), 'sentence', 'sentences')}, {size:.1f} MB")


def write_images(
    path: Path, sentences: Sequence["Sentence"], subwords: bool, numbers: bool
) -> None:
    """Write an image file for each sentence that has attention.

    Args:
        path: The file. The names for several sentences have the line number before the suffix.
        sentences: The sentences.
        subwords: Whether to show subwords rather than words.
        numbers: Whether to show hundredths in the squares.
    """
    from nmt.inspection.attention_image import attention_image
    from nmt.runtime.atomic_files import atomic_file

    written: list[Path] = []
    for sentence in sentences:
        translation = sentence.outputs[0].best
        if translation.attention is None:
            continue
        name = _numbered(path, sentence.number, len(sentences))
        target, source, weights = matrix_of(translation, subwords)
        image = attention_image(target, source, weights, path.suffix[1:].lower(), numbers=numbers)
        for warning in image.warnings:
            warn(f"{name}: {warning}")
        with atomic_file(name) as file:
            file.write(image.content)
        written.append(name)
    if not written:
        warn(f"{path}: nothing to draw; no file was written")
    elif len(sentences) == 1:
        say(str(path))
    else:
        count = format_count(len(written), "picture", "pictures")
        say(f"{count}: {written[0]} to {written[-1].name}")


def matrix_of(translation: "Translation", subwords: bool) -> "tuple[list[str], list[str], Weights]":
    """Return target tokens, source tokens and the attention between them.

    Args:
        translation: The translation.
        subwords: Whether to return subwords, rather than words without the end mark of the
            translation.
    """
    from nmt.inspection.attention_data import merge_words

    assert translation.attention is not None
    if subwords:
        return translation.tokens, translation.source_tokens, translation.attention
    return merge_words(translation)


def _as_json(translation: "Translation", subwords: bool) -> str:
    shown: dict[str, Any] = {"source": [], "target": [], "attention": []}
    if translation.attention is not None:
        target, source, weights = matrix_of(translation, subwords)
        shown = {
            "source": source,
            "target": target,
            "attention": [[round(float(weight), 6) for weight in row] for row in weights],
        }
    record = {"translation": translation.text, "score": translation.score, **shown}
    return json.dumps(record, ensure_ascii=False)


def _without_none(paths: Sequence[Path | None]) -> tuple[Path, ...]:
    return tuple(path for path in paths if path is not None)


def _numbered(path: Path, number: int, total: int) -> Path:
    if total == 1:
        return path
    return path.with_name(f"{path.stem}-{number:0{max(4, len(str(total)))}d}{path.suffix}")

"""What `nmt attention` writes: pictures made of text and JSON lines, a page, image files."""

import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt.errors import UsageError
from nmt.runtime.console import counted, say, warn
from nmt.text.byte_formats import COMPRESSIONS

if TYPE_CHECKING:
    from nmt.inspection.attention_text import Style
    from nmt.inspection.readings import Sentence
    from nmt.search.hypothesis import Weights
    from nmt.search.translation import Translation

_PAGES = (".html", ".htm")
_IMAGES = (".png", ".svg", ".pdf")
_TEXTS = ("", ".txt", ".json", ".jsonl", *(each.suffix for each in COMPRESSIONS))


@dataclass(frozen=True)
class Outputs:
    """Where pictures go: pages and images are files, text goes to `text`, None: stdout."""

    pages: tuple[Path, ...]
    images: tuple[Path, ...]
    text: Path | None

    @property
    def in_files(self) -> bool:
        """Whether there is a page or an image to write, for which all lines are needed."""
        return bool(self.pages or self.images)

    @classmethod
    def of(
        cls, output: Path | None, html: Path | None, png: Path | None, svg: Path | None
    ) -> "Outputs":
        """Those of the options; the suffix of `output` says what it is.

        Raises UsageError for a suffix that no output has, and for two outputs of one name.
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
                f"{output}: attention is not drawn as {suffix}; "
                f"choose one of {', '.join([*_PAGES, *_IMAGES, *_TEXTS[1:3]])}."
            )
        for path, suffixes in ((png, (".png",)), (svg, (".svg",))):
            if path is not None and path.suffix.lower() not in suffixes:
                raise UsageError(f"{path}: name it *{suffixes[0]}, as that is what is written.")
        named = [path for path in (*pages, *images, text) if path is not None]
        if len(set(named)) < len(named):
            raise UsageError("two outputs have the same name.")
        return cls(_given(pages), _given(images), text)


@dataclass(frozen=True)
class TextDrawing:
    """Pictures made of text, a few lines for each sentence; with JSON one line, an object."""

    style: "Style"
    subwords: bool
    as_json: bool
    terminal: bool

    def lines(self, sentence: "Sentence") -> list[str]:
        """Of output, for a sentence."""
        translation = sentence.readings[0].best
        if self.as_json:
            return [_as_json(translation, self.subwords)]
        return self._drawn(sentence.text, translation)

    def _drawn(self, text: str, translation: "Translation") -> list[str]:
        """Text, translation and picture; of a blank text a blank line; of one in pieces no picture,
        which would be as large as the square of its length.
        """
        from nmt.inspection.attention_text import render_attention
        from nmt.inspection.display import printable

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
    """What the options ask for; colour is for terminals."""
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
    """One HTML file with all sentences."""
    from nmt.inspection.attention_page import attention_page
    from nmt.search.ports import writer

    page = attention_page(sentences, models, about=about, subwords=subwords, numbers=numbers)
    with writer(path) as write:
        write(page)
    size = len(page.encode()) / 1e6
    say(f"{path}: {counted(len(sentences), 'sentence', 'sentences')}, {size:.1f} MB")


def write_images(
    path: Path, sentences: Sequence["Sentence"], subwords: bool, numbers: bool
) -> None:
    """One image file for each sentence that can be drawn: of one under the name that is given, of
    several with the number of the line before the suffix.
    """
    from nmt.inspection.attention_image import attention_image
    from nmt.runtime.files import atomic_file

    written: list[Path] = []
    for sentence in sentences:
        translation = sentence.readings[0].best
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
        warn(f"{path}: there is nothing to draw, and no file was written")
    elif len(sentences) == 1:
        say(str(path))
    else:
        say(f"{counted(len(written), 'picture', 'pictures')}: {written[0]} to {written[-1].name}")


def matrix_of(translation: "Translation", subwords: bool) -> "tuple[list[str], list[str], Weights]":
    """What to show: subwords as they are, or words without the end mark of the translation."""
    from nmt.inspection.attention_record import merge_words

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


def _given(paths: Sequence[Path | None]) -> tuple[Path, ...]:
    return tuple(path for path in paths if path is not None)


def _numbered(path: Path, number: int, of: int) -> Path:
    if of == 1:
        return path
    return path.with_name(f"{path.stem}-{number:0{max(4, len(str(of)))}d}{path.suffix}")

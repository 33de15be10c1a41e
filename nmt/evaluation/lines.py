"""Reading the lines to score: from a file, a compressed file, a named pipe or stdin."""

import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

from nmt.config.settings import CorpusSettings
from nmt.data.text import check_format, decode_line, plain_read_errors, status
from nmt.errors import DataError
from nmt.runtime.streams import open_stdin
from nmt.text.compression import open_content, open_file
from nmt.text.file_format import BOM


def read_all_lines(path: Path | None) -> list[str]:
    """Return all lines of a text: see `each_line`.

    Raises:
        DataError: See `each_line`.
    """
    return list(each_line(path))


def each_line(path: Path | None) -> Iterator[str]:
    r"""Yield the lines of a UTF-8 text, without line ends.

    Compressed texts are unpacked. A text that seems to be of another format causes a warning. An
    empty text has no lines. A blank line is a line, and so is a byte-order mark alone, as `nmt
    translate` counts. A byte-order mark and one `\r` at the end of a line are removed.

    Args:
        path: The file; None: stdin.

    Raises:
        DataError: The text cannot be read or is not UTF-8.
    """
    name = "stdin" if path is None else str(path)
    with plain_read_errors(name), _opened(path) as file:
        content = open_content(file, name)
        check_format(content)
        for number, line in enumerate(content.stream, start=1):
            yield _decoded(line.removeprefix(BOM) if number == 1 else line, name, number)


def each_pair(source: Path, targets: Iterable[str], name: str) -> Iterator[tuple[str, str]]:
    """Yield the lines of a source text, each with the target of the same number.

    Args:
        source: The file of the source text.
        targets: The targets.
        name: The name of the targets, for the error.

    Raises:
        DataError: The line counts differ, which shows at the end of the shorter one.
    """
    sources, rest = each_line(source), iter(targets)
    for before, (line, target) in enumerate(zip_longest(sources, rest)):
        if line is None or target is None:
            counts = [
                before + (last is not None) + sum(1 for _ in lines)
                for last, lines in ((line, sources), (target, rest))
            ]
            raise DataError(
                f"line counts differ: {source}: {counts[0]}, {name}: {counts[1]}. Line i of the "
                "one must belong to line i of the other; look for lines that were lost or added."
            )
        yield line, target


def read_parallel(paths: Sequence[Path]) -> list[list[str]]:
    """Return the lines of several parallel texts, such as a source and its references.

    Raises:
        DataError: The line counts differ, there are no lines, or as `each_line` does.
    """
    texts = [read_all_lines(path) for path in paths]
    if len(set(map(len, texts))) > 1:
        each = ", ".join(f"{path}: {len(text)}" for path, text in zip(paths, texts, strict=True))
        raise DataError(
            f"line counts differ: {each}. Line i of each must belong to line i of the others; look "
            "for lines that were lost or added."
        )
    if not texts[0]:
        raise DataError(f"{paths[0]}: has no lines. Give a text with some sentences.")
    return texts


def read_corpus(corpus: CorpusSettings) -> tuple[list[str], list[str]]:
    """Return all source lines and all target lines of a corpus of a configuration.

    Raises:
        DataError: See `read_parallel`.
    """
    texts = [read_parallel(files) for files in zip(corpus.source, corpus.target, strict=True)]
    sources, targets = ([line for text in texts for line in text[side]] for side in range(2))
    return sources, targets


def _opened(path: Path | None) -> io.BufferedReader:
    if path is None:
        return open_stdin()
    status(path)
    return open_file(path)


def _decoded(raw: bytes, name: str, number: int) -> str:
    try:
        return decode_line(raw)
    except UnicodeDecodeError as error:
        column = len(raw[: error.start].decode("utf-8")) + 1
        raise DataError(
            f"{name}: line {number}: not valid UTF-8 (byte 0x{raw[error.start]:02X} at column "
            f"{column}). Convert the text to UTF-8."
        ) from error

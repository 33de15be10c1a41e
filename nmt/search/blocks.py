"""Blocks of whole lines of a long text, small enough to hold and to translate again."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from nmt.data.text import PLAIN_TEXT, ExpectedFormats, check_format, plain_read_errors
from nmt.errors import DataError
from nmt.runtime.console import progress
from nmt.text.compression import Content, open_content, open_file


@dataclass(frozen=True)
class Block:
    """Block of whole lines.

    Attributes:
        start: The first byte, in decompressed text.
        end: The byte after the last, in decompressed text.
        lines_before: The number of lines before the block.
        lines: The number of lines in the block.
    """

    start: int
    end: int
    lines_before: int
    lines: int


@dataclass(frozen=True)
class Survey:
    """Checksum, length and blocks of a text.

    Attributes:
        sha256: The SHA-256 of the decompressed text.
        lines: The number of lines.
        blocks: The blocks, in order.
    """

    sha256: str
    lines: int
    blocks: list[Block]


def survey(path: Path, block_bytes: int, expected: ExpectedFormats = PLAIN_TEXT) -> Survey:
    """Read a text once, and divide it into blocks.

    Args:
        path: The text.
        block_bytes: The minimum size of a block.
        expected: The formats that cause no warning besides plain text.

    Returns:
        The survey of the text.

    Raises:
        DataError: The text cannot be read.
    """
    with _content(path) as content:
        check_format(content, expected)
    digest = hashlib.sha256()
    blocks: list[Block] = []
    start = lines_before = 0
    with opened(path) as text, progress(f"count lines of {path}", None, "lines") as bar:
        runs = cut(text, block_bytes)
        while (run := _next(runs, path)) is not None:
            digest.update(run)
            lines = run.count(b"\n") + (not run.endswith(b"\n"))
            blocks.append(Block(start, start + len(run), lines_before, lines))
            start, lines_before = start + len(run), lines_before + lines
            bar.advance(lines)
    return Survey(digest.hexdigest(), lines_before, blocks)


def cut(text: io.BufferedReader, block_bytes: int) -> Iterator[bytes]:
    """Yield a text in runs of whole lines.

    A run has `block_bytes` bytes and the rest of its last line. The last run may be shorter.

    Args:
        text: The text, decompressed.
        block_bytes: The minimum size of a run.
    """
    while run := text.read(block_bytes):
        yield run if run.endswith(b"\n") else run + text.readline()


@contextmanager
def opened(path: Path) -> Iterator[io.BufferedReader]:
    """Yield the decompressed stream of a text, to read blocks of.

    Raises:
        DataError: The text is missing.
    """
    with _content(path) as content:
        yield content.stream


@contextmanager
def _content(path: Path) -> Iterator[Content]:
    with plain_read_errors(path):
        file = open_file(path)
    with file:
        with plain_read_errors(path):
            content = open_content(file, str(path))
        yield content


def read_block(text: io.BufferedReader, block: Block, name: str) -> list[bytes]:
    """Return the lines of a block, without their ends.

    Compressed text can only be read forwards. A later block costs the decompression of all that
    lies between, an earlier one that of all from the beginning.

    Args:
        text: The stream of the text.
        block: The block.
        name: The name of the text, for messages.

    Raises:
        DataError: The text has changed since its survey.
    """
    with plain_read_errors(name):
        text.seek(block.start)
        run = text.read(block.end - block.start)
    lines = run.removesuffix(b"\n").split(b"\n")
    if len(run) != block.end - block.start or len(lines) != block.lines:
        raise DataError(
            f"{name}: has changed while it was translated. Leave it alone until the end."
        )
    return lines


def in_windows(lines: list[bytes], size: int) -> Iterator[list[bytes]]:
    """Yield the same lines, up to `size` at a time.

    Args:
        lines: The lines.
        size: The maximum number of lines in a window.
    """
    remaining = iter(lines)
    while window := list(islice(remaining, size)):
        yield window


def _next(runs: Iterator[bytes], path: Path) -> bytes | None:
    with plain_read_errors(path):
        return next(runs, None)

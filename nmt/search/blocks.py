"""A long text in blocks of whole lines, small enough to hold and to be translated again."""

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
    """Where a block begins and ends, in bytes of unpacked text; how many lines it has, and how many
    come before it.
    """

    start: int
    end: int
    lines_before: int
    lines: int


@dataclass(frozen=True)
class Survey:
    """What one look through a text found: its SHA-256, its lines, and its blocks, in order."""

    sha256: str
    lines: int
    blocks: list[Block]


def survey(path: Path, block_bytes: int, expected: ExpectedFormats = PLAIN_TEXT) -> Survey:
    """Read a text once, from beginning to end.

    Args:
        path: The text.
        block_bytes: The size of a block, at least.
        expected: What may be read beside plain text without a warning.

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
    """The text in runs of whole lines: each of `block_bytes` bytes and the rest of its last line,
    the last one of what is left.
    """
    while run := text.read(block_bytes):
        yield run if run.endswith(b"\n") else run + text.readline()


@contextmanager
def opened(path: Path) -> Iterator[io.BufferedReader]:
    """Open a text to read blocks of; a compressed one is unpacked. Raises DataError when it is
    missing.
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
    """The lines of a block, without their ends.

    Packed text can only be read on: a block further on costs unpacking all that lies between, an
    earlier one all from the beginning.

    Raises DataError when the text is not the one that was surveyed.
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
    """The same lines, up to `size` at a time."""
    remaining = iter(lines)
    while window := list(islice(remaining, size)):
        yield window


def _next(runs: Iterator[bytes], path: Path) -> bytes | None:
    with plain_read_errors(path):
        return next(runs, None)

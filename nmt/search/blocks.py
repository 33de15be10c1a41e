"""A long text in blocks of whole lines, small enough to hold and to be translated again."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from nmt.data.text import Bytes, plain_read_errors, unpacked
from nmt.errors import DataError
from nmt.runtime.console import progress


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


def survey(path: Path, block_bytes: int) -> Survey:
    """Read a text once, from beginning to end. Raises DataError when it cannot be read."""
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


def cut(text: Bytes, block_bytes: int) -> Iterator[bytes]:
    """The text in runs of whole lines: each of `block_bytes` bytes and the rest of its last line,
    the last one of what is left.
    """
    while run := text.read(block_bytes):
        yield run if run.endswith(b"\n") else run + text.readline()


@contextmanager
def opened(path: Path) -> Iterator[Bytes]:
    """A text to read blocks of; gzip is unpacked. Raises DataError when it is missing."""
    with plain_read_errors(path):
        file = path.open("rb")
    with file:
        with plain_read_errors(path):
            text = unpacked(file, str(path))
        yield text


def read_block(text: Bytes, block: Block, name: str) -> list[bytes]:
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

"""Where the lines of `nmt translate` come from and go to: stdin, stdout, files, packed files."""

import gzip
import io
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from nmt.errors import DataError, ResourceError
from nmt.runtime.files import atomic_file
from nmt.search.stream import Read

Write = Callable[[str], None]
"""Passes text on at once."""


@contextmanager
def reader(path: Path | None) -> Iterator[Read]:
    """Blocks of bytes of a file (`.gz` is unpacked), a named pipe or stdin (None).

    Raises DataError, also from the reads, when the file is missing or damaged.
    """
    if path is None:
        yield _stdin()
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from error
    with file:
        yield _unpacking(file, path) if path.suffix == ".gz" else file.read1


@contextmanager
def writer(path: Path | None) -> Iterator[Write]:
    """Takes text to stdout (None), flushed each time, or to a file that appears when the block ends
    well; `.gz` is packed.

    Raises ResourceError when the file cannot be written.
    """
    if path is None:
        yield _to_stdout
    elif path.exists() and not path.is_file():
        with _existing(path) as file:
            yield lambda text: _write(file, text)
    else:
        with atomic_file(path) as plain:
            if path.suffix != ".gz":
                yield lambda text: _write(plain, text)
                return
            with gzip.GzipFile(filename="", mode="wb", fileobj=plain, mtime=0) as packed:
                yield lambda text: _write(packed, text)


def _stdin() -> Read:
    """Straight from the descriptor: a thread still waiting in Python's own buffer would hold its
    lock when the program ends.
    """
    try:
        descriptor = sys.stdin.fileno()
    except io.UnsupportedOperation:
        return io.BytesIO(sys.stdin.buffer.read()).read
    return lambda size: os.read(descriptor, size)


def _unpacking(file: IO[bytes], path: Path) -> Read:
    unpacked = gzip.GzipFile(fileobj=file)

    def read(size: int) -> bytes:
        try:
            return unpacked.read1(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(
                f"{path}: damaged gzip file ({error}). Copy or pack it anew."
            ) from error

    return read


def _to_stdout(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _existing(path: Path) -> IO[bytes]:
    """A named pipe or a device, which must not be replaced by a file."""
    try:
        return path.open("wb", buffering=0)
    except OSError as error:
        raise ResourceError(f"{path}: cannot be written: {error.strerror or error}.") from error


def _write(file: IO[bytes] | gzip.GzipFile, text: str) -> None:
    file.write(text.encode("utf-8"))

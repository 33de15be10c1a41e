"""Inputs and outputs of `nmt translate`: stdin, stdout, plain files and compressed files."""

import io
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO

from nmt.data.text import (
    PLAIN_TEXT,
    ExpectedFormats,
    check_format,
    plain_read_errors,
    status,
)
from nmt.errors import OutputClosed
from nmt.runtime.files import atomic_file, unwritable
from nmt.runtime.streams import open_stdin
from nmt.search.stream import Read
from nmt.text.compression import Sink, open_content, open_file, packing
from nmt.text.formats import compression_of

Write = Callable[[str], None]
"""Function that writes a text at once."""

_DESCRIPTOR = re.compile(r"/dev/(?:std(?P<stream>out|err)|fd/(?P<number>[0-9]{1,9}))")
_STREAMS = {"out": 1, "err": 2}


@contextmanager
def reader(path: Path | None, expected: ExpectedFormats = PLAIN_TEXT) -> Iterator[Read]:
    """Yield a function that reads blocks of bytes; compressed input is decompressed.

    Args:
        path: A file or a named pipe; None: stdin.
        expected: The formats that cause no warning besides plain text.

    Raises:
        DataError: The input is missing, no text or damaged. The reads raise it too.
    """

    def reading(file: io.BufferedReader, name: str) -> Read:
        content: io.BufferedReader | None = None

        def read(size: int) -> bytes:
            nonlocal content
            with plain_read_errors(name):
                if content is None:  # not earlier: it waits for the first bytes of a slow pipe
                    found = open_content(file, name)
                    check_format(found, expected)
                    content = found.stream
                return content.read1(size)

        return read

    if path is None:
        yield reading(open_stdin(), "stdin")
        return
    regular = stat.S_ISREG(status(path).st_mode)
    with plain_read_errors(path):
        file = open_file(path)
    try:
        yield reading(file, str(path))
    finally:
        if regular:  # closing a pipe would wait for a thread that waits for the pipe's writer
            file.close()


@contextmanager
def writer(path: Path | None) -> Iterator[Write]:
    """Yield a function that writes text to stdout or to a file.

    Stdout is flushed after each text. A file appears when the block ends without an error. A file
    name in `.gz`, `.xz`, `.bz2` or `.zst` is compressed.

    A symbolic link stays one, and the file that it names is written. A named pipe, a device or an
    open stream such as /dev/stdout is written directly, each text at once.

    Args:
        path: The output; None: stdout.

    Raises:
        ResourceError: The output cannot be written.
        OutputClosed: The reader of the output has gone.
    """
    if path is None:
        yield _to_stdout
        return
    with _opened(path) as file:
        if compression_of(path.name) is not None:
            with packing(file, str(path)) as packed:
                yield lambda text: _write(packed, text)
        else:
            yield lambda text: _write_through(file, text)


def is_file_to_be(path: Path) -> bool:
    """Return whether output to a path goes to a regular file, not to a pipe or a device.

    Raises:
        ResourceError: The folder of the path cannot be accessed.
    """
    return descriptor_of(path) is None and not _is_special(path)


def _to_stdout(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _opened(path: Path) -> AbstractContextManager[IO[bytes]]:
    if is_file_to_be(path):
        return atomic_file(Path(os.path.realpath(path)))
    descriptor = descriptor_of(path)
    if descriptor is not None:
        return _straight(path, lambda: os.fdopen(os.dup(descriptor), "wb"))
    return _straight(path, lambda: path.open("wb"))


def descriptor_of(path: Path) -> int | None:
    """Return the descriptor of the open stream that a path stands for, None without one.

    An open file must be written through its descriptor, not replaced.
    """
    match = _DESCRIPTOR.fullmatch(str(path))
    if match is None:
        return None
    return int(match["number"]) if match["number"] else _STREAMS[match["stream"]]


def _is_special(path: Path) -> bool:
    """Return whether a path is no regular file, and must not be replaced by one."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise unwritable(path, error) from error


@contextmanager
def _straight(path: Path, open_it: Callable[[], IO[bytes]]) -> Iterator[IO[bytes]]:
    try:
        with open_it() as file:
            yield file
    except BrokenPipeError as error:
        raise OutputClosed(f"{path}: its reader has gone.") from error
    except OSError as error:
        raise unwritable(path, error) from error


def _write(file: Sink, text: str) -> None:
    file.write(text.encode("utf-8"))


def _write_through(file: IO[bytes], text: str) -> None:
    file.write(text.encode("utf-8"))
    file.flush()

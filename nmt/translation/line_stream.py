"""Streams of lines: from stdin and files to stdout and files, one result for each line.

A thread reads ahead. The lines that it has read when the translator is free make the next window. A
slow input gives windows of one line, a fast one gives windows of many. Memory use does not grow
with the length of the input.
"""

import io
import os
import queue
import re
import stat
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from nmt.console import open_stdin, warn
from nmt.errors import DataError, OutputClosed
from nmt.runtime.atomic_files import atomic_file, write_error
from nmt.text.byte_signatures import BOM
from nmt.text.compression import Sink, open_compressed_writer, open_content, open_file
from nmt.text.format_detection import compression_of
from nmt.text.lines import (
    PLAIN_TEXT,
    ExpectedFormats,
    check_format,
    decode_line,
    file_status,
    wrap_read_errors,
)

_BLOCK_BYTES = 1 << 16
_BLOCKS_AHEAD = 16
_WARNINGS = 5
_WINDOW_BYTES = 1 << 22

Read = Callable[[int], bytes]
"""Function that returns up to a number of bytes as soon as there are any, and none at the end."""


def windows(read: Read, size: int) -> Iterator[list[bytes]]:
    """Yield the lines of an input, without their ends, in windows of 1 to `size` lines.

    Only a line feed ends a line. The last line may lack it. Errors of `read` are raised here.

    Args:
        read: Reads the input.
        size: The maximum number of lines in a window. Very long lines make it smaller.
    """
    lines = _ReadAhead(read)
    while window := lines.take(size):
        yield window


@dataclass(frozen=True)
class Line:
    """Line of the input.

    Attributes:
        number: The line number, from 1.
        text: The text, without its line end.
        valid: Whether all bytes were UTF-8. Otherwise U+FFFD replaces the invalid ones.
    """

    number: int
    text: str
    valid: bool = True


@dataclass(frozen=True)
class Answer:
    """Answer to one line.

    Attributes:
        lines: One or more lines of output.
        report: The line of the report, or None without a report.
    """

    lines: list[str]
    report: str | None = None


def answer(
    line_windows: Iterable[list[bytes]],
    translate: Callable[[list[Line]], list[Answer]],
    write: Callable[[str], None],
    name: str,
    strict: bool = False,
    write_report: Callable[[str], None] | None = None,
    lines_before: int = 0,
    bad_lines: "LineWarnings | None" = None,
) -> int:
    """Translate windows of lines and write their answers, each as separate lines.

    Args:
        line_windows: The lines of the input, in windows.
        translate: Returns one answer for each line.
        write: Writes the answers of one window at once.
        name: The name of the input, for messages.
        strict: Whether bytes that are not UTF-8 are an error. Otherwise they are replaced with a
            warning.
        write_report: Writes the reports of one window, one line each.
        lines_before: The number of lines of the input that were read elsewhere.
        bad_lines: Collects the warnings of invalid bytes, which the caller then summarises.

    Returns:
        The number of lines read.

    Raises:
        DataError: Some bytes are not UTF-8, and `strict` is true.
    """
    bad = bad_lines or LineWarnings(name, "were not valid UTF-8")
    decoder = _Decoder(name, strict, bad, lines_before)
    answered = 0
    for window in line_windows:
        lines = [decoder.line(raw) for raw in window]
        answers = translate(lines)
        if len(answers) != len(lines):
            raise AssertionError(f"{len(lines)} lines in, {len(answers)} answers out")
        write("".join(_ended(answer.lines) for answer in answers))
        if write_report is not None:
            write_report("".join(_ended(_report_of(answer)) for answer in answers))
        answered += len(answers)
    if bad_lines is None:
        bad.summarise()
    if answered != decoder.lines - lines_before:
        raise AssertionError(f"{decoder.lines - lines_before} lines in, {answered} answers out")
    return answered


def _ended(lines: list[str]) -> str:
    """Return lines with their ends."""
    if not lines:
        raise AssertionError("a line has no answer")
    if any("\n" in line for line in lines):
        raise AssertionError("an answer has a line break")
    return "".join(f"{line}\n" for line in lines)


def _report_of(answer: Answer) -> list[str]:
    return [] if answer.report is None else [answer.report]


@dataclass
class LineWarnings:
    """Warnings of one kind about lines of an input.

    The first few are logged one by one, and the rest are counted.

    Attributes:
        name: The name of the input.
        summary: The predicate of the summary, which follows the number of lines.
        count: The number of lines so far.
    """

    name: str
    summary: str
    count: int = 0

    def add(self, line: int, what: str) -> None:
        """Warn of a line.

        Args:
            line: The line number, from 1.
            what: The warning.
        """
        self.count += 1
        if self.count <= _WARNINGS:
            warn(f"{self.name}: line {line}: {what}")

    def summarise(self) -> None:
        """Log the number of lines, where not all were logged."""
        if self.count > _WARNINGS:
            warn(f"{self.name}: {self.count} lines {self.summary}")


@dataclass
class _Decoder:
    """Decoder from bytes to numbered lines."""

    name: str
    strict: bool
    bad: LineWarnings
    lines: int = 0

    def line(self, raw: bytes) -> Line:
        """Return the next line, without a byte-order mark and a final carriage return."""
        self.lines += 1
        if self.lines == 1:
            raw = raw.removeprefix(BOM)
        try:
            return Line(self.lines, decode_line(raw))
        except UnicodeDecodeError as error:
            byte = f"byte 0x{raw[error.start]:02X}"
            if self.strict:
                raise DataError(
                    f"{self.name}: line {self.lines}: not valid UTF-8 ({byte}). "
                    "Convert the text to UTF-8."
                ) from error
            self.bad.add(self.lines, f"not valid UTF-8 ({byte}), replaced by U+FFFD")
            return Line(self.lines, decode_line(raw, "replace"), valid=False)


class _ReadAhead:
    """Thread that reads blocks into a bounded queue, and the lines in these blocks."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._blocks: queue.Queue[bytes | Exception] = queue.Queue(_BLOCKS_AHEAD)
        self._ready: list[bytes] = []
        self._unended: list[bytes] = []
        self._at_end = False
        threading.Thread(target=self._fill, name="read ahead", daemon=True).start()

    def take(self, most: int) -> list[bytes]:
        """Return up to `most` lines, none at the end of the input.

        The first line is waited for. Others are taken where they are ready, up to a number of
        bytes.
        """
        while not self._ready and not self._at_end:
            self._receive(self._blocks.get())
        while (
            len(self._ready) < most
            and sum(map(len, self._ready)) < _WINDOW_BYTES
            and not self._at_end
            and not self._blocks.empty()
        ):
            self._receive(self._blocks.get())
        taken, self._ready = self._ready[:most], self._ready[most:]
        return taken

    def _fill(self) -> None:
        try:
            while block := self._read(_BLOCK_BYTES):
                self._blocks.put(block)
            self._blocks.put(b"")
        except Exception as error:
            self._blocks.put(error)

    def _receive(self, block: bytes | Exception) -> None:
        if isinstance(block, Exception):
            raise block
        first, *others = block.split(b"\n")
        self._unended.append(first)
        if others or not block:
            line = b"".join(self._unended)
            self._unended = others[-1:]
            if others or line:
                self._ready.append(line)
            self._ready.extend(others[:-1])
        self._at_end = not block


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
            with wrap_read_errors(name):
                if content is None:  # not earlier: it waits for the first bytes of a slow pipe
                    found = open_content(file, name)
                    check_format(found, expected)
                    content = found.stream
                return content.read1(size)

        return read

    if path is None:
        yield reading(open_stdin(), "stdin")
        return
    regular = stat.S_ISREG(file_status(path).st_mode)
    with wrap_read_errors(path):
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
            with open_compressed_writer(file, str(path)) as packed:
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
        raise write_error(path, error) from error


@contextmanager
def _straight(path: Path, open_it: Callable[[], IO[bytes]]) -> Iterator[IO[bytes]]:
    try:
        with open_it() as file:
            yield file
    except BrokenPipeError as error:
        raise OutputClosed(f"{path}: the reader has closed it.") from error
    except OSError as error:
        raise write_error(path, error) from error


def _write(file: Sink, text: str) -> None:
    file.write(text.encode("utf-8"))


def _write_through(file: IO[bytes], text: str) -> None:
    file.write(text.encode("utf-8"))
    file.flush()

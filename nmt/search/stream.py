"""Stream of lines, answered one by one in order, as soon as the input leaves time.

A thread reads ahead. The lines that it has read when the translator is free make the next window. A
slow input gives windows of one line, a fast one gives windows of many. Memory use does not grow
with the length of the input.
"""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from nmt.data.text import decode_line
from nmt.errors import DataError
from nmt.runtime.console import warn
from nmt.text.file_format import BOM

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

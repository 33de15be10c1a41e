"""Lines in, answers out: one for each line, in order, as soon as the input leaves time for it.

A thread reads ahead. What it has read when the translator is free makes the next window: one line
when lines come slowly, many when they come fast. Memory stays flat however long the input is.
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
"""Gives up to so many bytes as soon as there are any, and none at the end."""


def windows(read: Read, size: int) -> Iterator[list[bytes]]:
    """The lines that `read` gives, without `\\n`, in windows of 1 to `size` lines, fewer where
    they are very long.

    Only `\\n` ends a line; a last line without one counts. Errors of `read` are raised here.
    """
    lines = _ReadAhead(read)
    while window := lines.take(size):
        yield window


@dataclass(frozen=True)
class Line:
    """A line of the input.

    number: from 1; text: without its end; valid: false where bytes were not UTF-8, and U+FFFD
    stands in their place.
    """

    number: int
    text: str
    valid: bool = True


@dataclass(frozen=True)
class Answer:
    """What is written for one line.

    lines: of the output, one or more; report: the line of the report, where one is written.
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
    """Translate windows of lines and write the answers of each, every one as lines of its own.

    translate: gives the answer to each line, always as many as lines; write: takes the answers of
    one window and passes them on at once; name: of the input, for messages; strict: bytes that are
    not UTF-8 are an error rather than replaced with a warning; write_report: takes the reports of
    one window, one line each; lines_before: of the input, read elsewhere; bad_lines: takes the
    warnings of such bytes, for the caller to summarise.

    Gives the number of lines read. Raises DataError for such bytes when strict.
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
    """Lines with their ends."""
    if not lines:
        raise AssertionError("a line has no answer")
    if any("\n" in line for line in lines):
        raise AssertionError("an answer has a line break")
    return "".join(f"{line}\n" for line in lines)


def _report_of(answer: Answer) -> list[str]:
    return [] if answer.report is None else [answer.report]


@dataclass
class LineWarnings:
    """Warnings of one kind about lines of an input: the first few one by one, the rest counted.

    name: of the input; summary: what is said of all the lines together, after their number.
    """

    name: str
    summary: str
    count: int = 0

    def add(self, line: int, what: str) -> None:
        """Warn of line number `line`, counted from 1."""
        self.count += 1
        if self.count <= _WARNINGS:
            warn(f"{self.name}: line {line}: {what}")

    def summarise(self) -> None:
        """Say how many lines there were, where not all were told."""
        if self.count > _WARNINGS:
            warn(f"{self.name}: {self.count} lines {self.summary}")


@dataclass
class _Decoder:
    """From bytes to lines, with their numbers."""

    name: str
    strict: bool
    bad: LineWarnings
    lines: int = 0

    def line(self, raw: bytes) -> Line:
        """The next line, without a byte-order mark and a carriage return at its end."""
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
    """A thread that reads blocks into a bounded queue, and lines made of them."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._blocks: queue.Queue[bytes | Exception] = queue.Queue(_BLOCKS_AHEAD)
        self._ready: list[bytes] = []
        self._unended: list[bytes] = []
        self._at_end = False
        threading.Thread(target=self._fill, name="read ahead", daemon=True).start()

    def take(self, most: int) -> list[bytes]:
        """Up to `most` lines: waits for the first, takes the others that are there as long as they
        are not too many bytes to hold; none at the end.
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

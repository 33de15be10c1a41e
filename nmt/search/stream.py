"""Lines in, answers out: one for each line, in order, as soon as the input leaves time for it.

A thread reads ahead. What it has read when the translator is free makes the next window: one line
when lines come slowly, many when they come fast. Memory stays flat however long the input is.
"""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from nmt.data.text import BOM, decode_line
from nmt.errors import DataError
from nmt.runtime.console import warn

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


def answer(
    line_windows: Iterable[list[bytes]],
    translate: Callable[[list[str]], list[list[str]]],
    write: Callable[[str], None],
    name: str,
    strict: bool = False,
) -> int:
    """Translate windows of lines and write the answers of each, every one as lines of its own.

    translate: gives the output lines of each text, always as many lists as texts; write: takes the
    answers of one window and passes them on at once; name: of the input, for messages; strict:
    bytes that are not UTF-8 are an error rather than replaced with a warning.

    Gives the number of lines read. Raises DataError for such bytes when strict.
    """
    reader = _Decoder(name, strict, LineWarnings(name, "were not valid UTF-8"))
    answered = 0
    for window in line_windows:
        texts = [reader.text(raw) for raw in window]
        answers = translate(texts)
        if len(answers) != len(texts):
            raise AssertionError(f"{len(texts)} lines in, {len(answers)} answers out")
        for lines in answers:
            if any("\n" in line for line in lines):
                raise AssertionError("an answer has a line break")
        write("".join(f"{line}\n" for lines in answers for line in lines))
        answered += len(answers)
    reader.bad.summarise()
    if answered != reader.lines:
        raise AssertionError(f"{reader.lines} lines in, {answered} answers out")
    return answered


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
    """Text of lines, with their numbers for messages."""

    name: str
    strict: bool
    bad: LineWarnings
    lines: int = 0

    def text(self, raw: bytes) -> str:
        """The text of the next line, without a byte-order mark and a carriage return at its end."""
        self.lines += 1
        if self.lines == 1:
            raw = raw.removeprefix(BOM)
        try:
            return decode_line(raw)
        except UnicodeDecodeError as error:
            byte = f"byte 0x{raw[error.start]:02X}"
            if self.strict:
                raise DataError(
                    f"{self.name}: line {self.lines}: not valid UTF-8 ({byte}). "
                    "Convert the text to UTF-8."
                ) from error
            self.bad.add(self.lines, f"not valid UTF-8 ({byte}), replaced by U+FFFD")
            return decode_line(raw, "replace")


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

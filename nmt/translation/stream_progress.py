"""Progress of commands that answer a stream of lines, and the summary of `nmt translate`."""

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from nmt.console import Progress, format_count, format_rate, is_quiet, is_terminal, progress
from nmt.text.compression import open_content
from nmt.text.lines import wrap_read_errors
from nmt.translation.line_stream import descriptor_of

_BLOCK_BYTES = 1 << 20

T = TypeVar("T")


@dataclass
class TranslationTotals:
    """Totals of a translation.

    Attributes:
        lines: The number of input lines.
        target_tokens: The number of target tokens, with their end marks.
    """

    lines: int = 0
    target_tokens: int = 0

    def summary(self, seconds: float) -> str:
        """Return a summary in one line.

        Args:
            seconds: The duration, without loading the model.
        """
        begin = f"translated {format_count(self.lines, 'line', 'lines')}"
        if self.lines == 0:
            return begin
        return (
            f"{begin}: {format_count(self.target_tokens, 'target token', 'target tokens')} in "
            f"{seconds:.1f} s, {format_rate(self.lines / max(seconds, 1e-3))} lines/s"
        )


class StreamProgress:
    """Progress of answered lines, which advances while a window of them is searched.

    Args:
        bar: The progress bar.
    """

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._answered = self._read = 0
        bar.waiting = True

    def counted(self, windows: Iterable[list[T]]) -> Iterator[list[T]]:
        """Yield the same windows, and count each once the next is requested."""
        for window in windows:
            self._read = self._answered + len(window)
            self._bar.waiting = False
            yield window
            self._answered = self._read
            self._bar.advance(self._answered - self._bar.done)
            self._bar.waiting = True

    def on_decoded(self, sentences: int) -> None:
        """Count the sentences of a batch, at most as many as the lines of the window.

        A line in several segments has several sentences.
        """
        self._bar.advance(max(0, min(sentences, self._read - self._bar.done)))


def stream_progress(
    title: str, source: Path | None, written: Iterable[Path | None]
) -> AbstractContextManager[Progress]:
    """Return the progress of a stream of lines: a bar on a terminal, else a line every 30 seconds.

    Nothing is shown with --quiet or to a user who types the lines. Nor is it shown on a terminal to
    which the answers go, because a bar would overwrite them.

    Args:
        title: The name of the work.
        source: The input; None: stdin. Its lines are counted where it is an uncompressed file.
        written: The outputs; None: stdout.
    """
    shown = not is_quiet() and not is_typed(source)
    if not shown or (is_terminal() and any(_is_terminal(path) for path in written)):
        return nullcontext(Progress(title, None, "lines", writes_lines=False))
    return progress(title, _lines_of(source), "lines", by_time=True)


def is_typed(source: Path | None) -> bool:
    """Return whether a user types the input."""
    return source is None and sys.stdin.isatty()


def _lines_of(source: Path | None) -> int | None:
    # On some systems, counting would consume an open stream such as /dev/stdin.
    if source is None or descriptor_of(source) is not None or not source.is_file():
        return None
    lines, last = 0, b"\n"
    with wrap_read_errors(source), source.open("rb") as file:
        if open_content(file, str(source)).compressions:
            return None
        while block := file.read(_BLOCK_BYTES):
            lines, last = lines + block.count(b"\n"), block[-1:]
    return lines + (last != b"\n")


def _is_terminal(path: Path | None) -> bool:
    if path is None:
        return sys.stdout.isatty()
    descriptor = descriptor_of(path)
    if descriptor is not None:
        try:
            return os.isatty(descriptor)
        except OSError:
            return False
    try:
        is_device = stat.S_ISCHR(path.stat().st_mode)
    except OSError:
        return False
    return is_device and os.path.realpath(path) != os.path.realpath(os.devnull)

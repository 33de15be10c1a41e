"""The terminal: the standard streams, and messages and progress on stderr."""

import io
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, BinaryIO, NoReturn, Protocol

from nmt.errors import DataError, ResourceError

_SECONDS_BETWEEN_LINES = 10.0
_MAX_SECONDS_WITHOUT_LINE = 30.0
_SHORTEST_WAIT = 0.05


@dataclass
class _Console:
    quiet: bool = False
    collected: list[str] | None = None


_console = _Console()


def set_quiet(quiet: bool) -> None:
    """Silence `say` and progress, or let them write again.

    Warnings and errors are shown in either case.
    """
    _console.quiet = quiet


@contextmanager
def quietly() -> Iterator[None]:
    """Return a context manager that silences `say` and progress, as --quiet does."""
    before = _console.quiet
    _console.quiet = True
    try:
        yield
    finally:
        _console.quiet = before


def say(text: str) -> None:
    """Write a message to stderr, unless --quiet is given."""
    if not _console.quiet:
        _write(text)


def warn(text: str) -> None:
    """Write a warning to stderr, with --quiet too."""
    if _console.collected is not None:
        _console.collected.append(text)
    else:
        _write(f"warning: {text}")


@contextmanager
def collect_warnings() -> Iterator[list[str]]:
    """Return a context manager that collects warnings in a list and does not write them."""
    before = _console.collected
    _console.collected = []
    try:
        yield _console.collected
    finally:
        _console.collected = before


def is_quiet() -> bool:
    """Return whether only warnings and errors are shown."""
    return _console.quiet


def is_terminal() -> bool:
    """Return whether stderr is a terminal, on which a bar can be drawn."""
    return sys.stderr is not None and sys.stderr.isatty()


class LineLog(Protocol):
    """A destination of lines besides or instead of stderr, such as the log of a training run."""

    @property
    def last_line(self) -> float:
        """The time of the last line, by `time.monotonic`."""

    def info(self, text: str) -> None:
        """Write a line."""


@dataclass
class Progress:
    """The progress of a long piece of work, as `progress` yields it.

    Attributes:
        title: The name of the work.
        total: The number of units; None where it is unknown.
        unit: The name of the units.
        writes_lines: Whether `advance` writes a line every ten seconds.
        done: The number of units that are done.
        note: A text beside the count.
        waiting: Whether the work waits for input. The same count is then not written twice.
    """

    title: str
    total: int | None
    unit: str
    writes_lines: bool
    done: int = 0
    note: str = ""
    waiting: bool = False
    _progress_bar: Any = None
    _start_time: float = field(default_factory=time.monotonic)
    _last_line: float = field(default_factory=time.monotonic)
    _done_at_start: int = field(init=False)
    _done_at_last_line: int = field(init=False)

    def __post_init__(self) -> None:
        self._done_at_start = self._done_at_last_line = self.done

    @property
    def last_line(self) -> float:
        """The time of the last line, by `time.monotonic`."""
        return self._last_line

    def advance(self, amount: int = 1, note: str = "") -> None:
        """Count more units as done.

        Args:
            amount: The number of units. A negative number takes units back that are to be repeated;
                the pace still counts them.
            note: A text beside the count.
        """
        self.done += amount
        self._done_at_start += min(0, amount)
        self.note = note
        if self._progress_bar is not None:
            if note:
                self._progress_bar.set_postfix_str(note, refresh=False)
            self._progress_bar.update(amount)
        elif self.writes_lines and time.monotonic() - self._last_line >= _SECONDS_BETWEEN_LINES:
            self.write_line(say)

    def write_line(self, write: Callable[[str], None]) -> None:
        """Write a line with the count and the pace."""
        self._last_line = time.monotonic()
        if self.waiting and self.done == self._done_at_last_line:
            return
        self._done_at_last_line = self.done
        total = f"/{self.total}" if self.total else ""
        parts = [f"{self.title}: {self.done}{total} {self.unit}", self._pace()]
        write(", ".join([*parts, self.note] if self.note else parts))

    def _pace(self) -> str:
        rate = (self.done - self._done_at_start) / max(time.monotonic() - self._start_time, 1e-9)
        pace = f"{format_rate(rate)} {self.unit}/s"
        if not self.total or rate <= 0.0:
            return pace
        remaining = timedelta(seconds=max(0, round((self.total - self.done) / rate)))
        return f"{pace}, {remaining} left"


@contextmanager
def progress(
    title: str,
    total: int | None,
    unit: str,
    start: int = 0,
    by_time: bool = False,
    log: LineLog | None = None,
) -> Iterator[Progress]:
    """Show the progress of work: a bar on a terminal, else lines.

    Args:
        title: The name of the work.
        total: The number of units; None where it is unknown.
        unit: The name of the units.
        start: The number of units that are done already.
        by_time: Whether a line is written after 30 seconds without one, however slow the units are.
            Otherwise there is one every ten seconds, as units are done.
        log: The destination of the lines by time; None: stderr.

    Yields:
        The progress, which the block advances.
    """
    state = Progress(title, total, unit, writes_lines=not by_time, done=start)
    if is_terminal() and not _console.quiet:
        from tqdm import tqdm

        state._progress_bar = tqdm(
            total=total, desc=title, unit=f" {unit}", initial=start, file=sys.stderr, leave=False
        )
        try:
            yield state
        finally:
            state._progress_bar.close()
    elif by_time and (log is not None or not _console.quiet):
        write = say if log is None else log.info
        with _write_lines_by_time(lambda: state.write_line(write), state if log is None else log):
            yield state
    else:
        yield state


@contextmanager
def show_activity(title: str) -> Iterator[None]:
    """Return a context manager for work that cannot count its progress.

    Within it a line is written every 30 seconds.

    Args:
        title: The name of the work.
    """
    if _console.quiet:
        yield
        return
    state = Progress(title, None, "", writes_lines=False)

    def write_time() -> None:
        state._last_line = time.monotonic()
        elapsed = timedelta(seconds=round(time.monotonic() - state._start_time))
        _write(f"{title}: running for {elapsed}")  # not `say`: steps of the work may be quiet

    with _write_lines_by_time(write_time, state):
        yield


class _HasLastLine(Protocol):
    @property
    def last_line(self) -> float: ...


@contextmanager
def _write_lines_by_time(write: Callable[[], None], log: _HasLastLine) -> Iterator[None]:
    """Call `write` from a thread whenever `log` has had none for 30 seconds."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(max(_SHORTEST_WAIT, _seconds_until_due(log))):
            if _seconds_until_due(log) <= 0.0:
                try:
                    write()
                except OSError:  # stderr takes no lines; the main thread will find out
                    return

    thread = threading.Thread(target=watch, name="lines by time", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _seconds_until_due(log: _HasLastLine) -> float:
    return log.last_line + _MAX_SECONDS_WITHOUT_LINE - time.monotonic()


def format_rate(rate: float) -> str:
    """Return a rate with two digits or more, such as 1234, 12, 0.4 or 0.023."""
    return f"{rate:.0f}" if rate >= 10.0 or rate <= 0.0 else f"{rate:.2g}"


def _write(text: str) -> None:
    if is_terminal():
        from tqdm import tqdm

        tqdm.write(text, file=sys.stderr)
        return
    if sys.stderr is None:  # a host process whose stderr is closed
        return
    try:
        # In one piece: the thread that writes lines by time may write at the same moment.
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()
    except BrokenPipeError:
        # The lines are lost, as with a closed stderr (`2>&-`). The work continues.
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115


def format_count(count: int, singular: str, plural: str) -> str:
    """Return a count with its noun, such as `1 thread` or `1,200 threads`.

    Args:
        count: The count.
        singular: The noun in the singular.
        plural: The noun in the plural.
    """
    return f"{count:,} {singular if count == 1 else plural}"


def prepare_streams() -> None:
    r"""Set UTF-8 on the standard streams, and bare `\n` line ends on stdin and stdout.

    A closed stream (`nmt ... <&-`) is replaced. Reading from a closed stdin then raises DataError,
    and writing to a closed stdout raises ResourceError. Output to a closed stderr is dropped. A
    stream that a host program has replaced is not changed.
    """
    _fill_closed_descriptors()
    if sys.stdin is None:
        sys.stdin = _ClosedInput()
    elif isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", newline="\n")
    if sys.stdout is None:
        sys.stdout = _ClosedOutput()
    elif isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    elif isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")


def open_stdin() -> io.BufferedReader:
    """Return stdin as bytes, with a buffer that is separate from Python's.

    A thread that waits in Python's buffer would hold its lock when the program ends.

    Raises:
        DataError: stdin is closed.
    """
    try:
        return io.BufferedReader(io.FileIO(sys.stdin.fileno(), closefd=False))
    except io.UnsupportedOperation:
        return io.BufferedReader(io.BytesIO(sys.stdin.buffer.read()))


class _ClosedInput(io.TextIOBase):
    """The replacement of a closed stdin."""

    def read(self, size: int | None = -1, /) -> str:
        self._refuse()

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]  # typeshed's mixture
        self._refuse()

    @property
    def buffer(self) -> BinaryIO:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise DataError("stdin is closed. Give a file or pipe text in.")


class _ClosedOutput(io.TextIOBase):
    """The replacement of a closed stdout: the loss of a result must be an error."""

    def write(self, text: str, /) -> int:
        self._refuse()

    def writelines(self, lines: Iterable[str], /) -> None:  # type: ignore[override]
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise ResourceError(
            "stdout is closed, so the result cannot be written. Redirect it to a file."
        )


def _fill_closed_descriptors() -> None:
    """Open the null device for each standard stream that is closed.

    Otherwise a file opened later could get its number, and the output of a library would be written
    into that file.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDONLY if descriptor < 2 else os.O_WRONLY)


def format_size(count: float) -> str:
    """Return a number of bytes for people, such as 812 kB or 1.4 GB."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return (
                f"{count:.0f} {unit}" if count >= 10 or unit == "bytes" else f"{count:.1f} {unit}"
            )
        count /= 1000
    return f"{count:.1f} TB"


def format_duration(seconds: float) -> str:
    """Return a duration for people, such as 40 seconds, 12 minutes or 7.5 hours."""
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    if seconds < 5400:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"

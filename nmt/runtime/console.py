"""What people read while a command works, on stderr: a bar on a terminal, lines in a log."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

_SECONDS_BETWEEN_LINES = 10.0


@dataclass
class _Console:
    quiet: bool = False


_console = _Console()


def set_quiet(quiet: bool) -> None:
    """With quiet, `say` and progress are silent; warnings and errors still show."""
    _console.quiet = quiet


@contextmanager
def quietly() -> Iterator[None]:
    """Within, it is as if --quiet had been given."""
    before = _console.quiet
    _console.quiet = True
    try:
        yield
    finally:
        _console.quiet = before


def say(text: str) -> None:
    """Tell the user something on stderr, unless --quiet."""
    if not _console.quiet:
        _write(text)


def warn(text: str) -> None:
    """Tell the user on stderr of something that may be wrong."""
    _write(f"warning: {text}")


def is_terminal() -> bool:
    """Whether stderr is a terminal on which a bar may be drawn."""
    return sys.stderr.isatty()


@dataclass
class Progress:
    """How far a long piece of work has come; made by `progress`."""

    title: str
    total: int | None
    unit: str
    lines: bool
    done: int = 0
    _bar: Any = None
    _began: float = field(default_factory=time.monotonic)
    _last_line: float = field(default_factory=time.monotonic)
    _done_before: int = field(init=False)

    def __post_init__(self) -> None:
        self._done_before = self.done

    def advance(self, amount: int = 1, note: str = "") -> None:
        """Count `amount` more units as done; `note` stands beside the count."""
        self.done += amount
        if self._bar is not None:
            if note:
                self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(amount)
        elif self.lines and time.monotonic() - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            total = f"/{self.total}" if self.total else ""
            say(f"{self.title}: {self.done}{total} {self.unit}, {self._pace()} {note}".rstrip())

    def _pace(self) -> str:
        rate = (self.done - self._done_before) / (time.monotonic() - self._began)
        if not self.total or not rate:
            return f"{rate:.0f} {self.unit}/s"
        left = timedelta(seconds=round((self.total - self.done) / rate))
        return f"{rate:.0f} {self.unit}/s, {left} left"


@contextmanager
def progress(
    title: str, total: int | None, unit: str, start: int = 0, lines: bool = True
) -> Iterator[Progress]:
    """Show how work of `total` units gets on: a bar on a terminal, else a line in ten seconds.

    lines: false for work that tells of itself in a log.
    """
    state = Progress(title, total, unit, lines, done=start)
    if is_terminal() and not _console.quiet:
        from tqdm import tqdm

        state._bar = tqdm(
            total=total, desc=title, unit=f" {unit}", initial=start, file=sys.stderr, leave=False
        )
    try:
        yield state
    finally:
        if state._bar is not None:
            state._bar.close()


def _write(text: str) -> None:
    if is_terminal():
        from tqdm import tqdm

        tqdm.write(text, file=sys.stderr)
    else:
        print(text, file=sys.stderr, flush=True)


def counted(count: int, one: str, many: str) -> str:
    """So many things, in words."""
    return f"{count:,} {one if count == 1 else many}"

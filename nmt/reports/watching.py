"""The live view of a run in the terminal."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from nmt.reports.state import RunState, RunWatcher
from nmt.reports.text_charts import Line, plain
from nmt.reports.watch_frame import Screen, frame, record_line

if TYPE_CHECKING:
    from rich.text import Text

_SECONDS = 1.0
"""Seconds between two readings of the log."""

_COLOURS = ("blue", "dark_orange", "green", "magenta", "yellow", "cyan")
_AT_WORK = ("training", "preparing")


def show_once(path: Path, screen: Screen) -> None:
    """Print the current state of a run.

    Args:
        path: The folder of the run, or the configuration that names it.
        screen: The size of the screen.

    Raises:
        ModelError: There is no run.
    """
    _print(frame(RunWatcher(path).look(), screen))


def follow_lines(path: Path, screen: Screen) -> None:
    """Print the state of a run, then a line for each new record until no process works on the run.

    Args:
        path: The folder of the run, or the configuration that names it.
        screen: The size of the screen.

    Raises:
        ModelError: There is no run.
    """
    watcher = RunWatcher(path)
    state = watcher.look()
    _print(frame(state, screen))
    if state.status not in _AT_WORK:
        return
    while state.status in _AT_WORK:
        time.sleep(_SECONDS)
        state = watcher.look()
        for record in state.news:
            if text := record_line(record):
                print(text, flush=True)
    _print_end(state)


def follow_live(path: Path, ascii_only: bool) -> None:
    """Draw the state of a run and redraw it until no process works on the run.

    Args:
        path: The folder of the run, or the configuration that names it.
        ascii_only: Whether to draw in ASCII characters alone.

    Raises:
        ModelError: There is no run.
    """
    from rich.console import Console
    from rich.live import Live

    watcher = RunWatcher(path)
    console = Console()

    def picture(state: RunState) -> "Text":
        size = console.size
        return _text(frame(state, Screen(size.width, size.height - 1, ascii_only)), size.width)

    state = watcher.look()
    with Live(picture(state), console=console, auto_refresh=False) as live:
        while state.status in _AT_WORK:
            time.sleep(_SECONDS)
            state = watcher.look()
            live.update(picture(state), refresh=True)


def _print(lines: list[Line]) -> None:
    print("\n".join(plain(lines)), flush=True)


def _print_end(state: RunState) -> None:
    """Print the state of a run whose process left no record of its end."""
    if state.history.ended is None:
        print(plain(frame(state, Screen(height=1)))[0], flush=True)


def _text(lines: list[Line], width: int) -> "Text":
    from rich.text import Text

    drawn = []
    for line in lines:
        text = Text(no_wrap=True)
        for span in line:
            text.append(span.text, "" if span.series is None else _COLOURS[span.series % 6])
        text.truncate(width, overflow="ellipsis")
        drawn.append(text)
    return Text("\n").join(drawn)

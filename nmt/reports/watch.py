"""The display of `nmt watch`: a screen of lines, or a line for each record, until the run ends."""

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt.config.registry import SCORE_METRICS
from nmt.console import format_duration
from nmt.reports.curves import dev_points, train_points
from nmt.reports.run_history import METRICS, DevPoint, RunHistory, TrainPoint
from nmt.reports.run_state import RunProgress, RunState, RunWatcher, run_progress, status_text
from nmt.reports.text_charts import Line, StyledText, legend_mark, plain_lines, plot, sparkline
from nmt.runtime.tables import printable

if TYPE_CHECKING:
    from rich.text import Text

_FAULTS_SHOWN = 3
_MIN_WIDTH_FOR_TWO = 96
_MIN_CHART_HEIGHT, _MAX_CHART_HEIGHT = 5, 12


@dataclass(frozen=True)
class Screen:
    """The size of a screen, and whether it is limited to ASCII.

    Attributes:
        width: The width in cells.
        height: The height in rows.
        ascii_only: Whether to draw in ASCII characters alone.
    """

    width: int = 80
    height: int = 40
    ascii_only: bool = False


def screen_lines(state: RunState, screen: Screen) -> list[Line]:
    """Return the state of a run in at most `screen.height` lines, the most important first.

    Args:
        state: The state of the run.
        screen: The size of the screen.
    """
    head = list(_head(state, screen))
    faults = list(_faults(state.history))
    samples = list(_samples(state.history))
    rest = screen.height - len(head) - len(faults)
    charts = _charts(state, screen, rest)
    shown = head + faults + charts
    if len(shown) + len(samples) <= screen.height:
        shown += samples
    return shown[: screen.height]


def record_line(record: Mapping[str, Any]) -> str:
    """Return a record of the log as a line; an empty text for kinds that are not shown."""
    history = RunHistory.from_records([record])
    if history.train:
        return _train_text(history.train[-1])
    if history.dev:
        return f"validation at update {history.dev[-1].update}: {_dev_text(history.dev[-1])}"
    if history.faults:
        return f"update {history.faults[-1].update}: {history.faults[-1].text}"
    if history.sessions:
        machine = history.fact("runtime")
        place = f" on {machine}" if isinstance(machine, str) else ""
        return printable(f"training from update {history.update}{place}")
    return "" if history.ended is None else printable(f"training ended: {history.ended}")


def _head(state: RunState, screen: Screen) -> Iterator[Line]:
    yield _line(f"{state.name}: {status_text(state)}")
    progress, history = run_progress(state), state.history
    if progress is not None and progress.share is not None:
        yield _line(_bar(progress.share, screen))
    yield _line(", ".join(_progress_items(state, progress)))
    if history.train:
        yield _line(_train_text(history.train[-1], counts=False))
        speeds = [point.tokens_per_second for point in history.train]
        bar_width = min(60, screen.width - 24)
        yield _line(f"pace        {sparkline(speeds, bar_width, screen.ascii_only)}")
    if history.dev:
        last = history.dev[-1]
        yield _line(f"dev at {last.update:,}: {_dev_text(last)}")
        best = history.best(state.best_metric)
        value = None if best is None else best.deciding_value(state.best_metric)
        if best is not None and value is not None:
            name, shown = value.shown
            yield _line(f"best {METRICS[name]} {shown:.2f} at update {best.update:,}")


def _progress_items(state: RunState, progress: RunProgress | None) -> Iterator[str]:
    history = state.history
    limit = None if state.config is None else state.config.training.max_updates
    yield f"update {history.update:,}" + ("" if limit is None else f" of {limit:,}")
    if history.train:
        yield f"epoch {history.train[-1].epoch}"
    yield f"{format_duration(history.seconds)} of training"
    if progress is None or state.status != "training":
        return
    if progress.left is not None:
        yield f"about {format_duration(progress.left)} to {progress.key}"
    if progress.patience is not None and progress.in_vain:
        yield f"{progress.in_vain} of {progress.patience} validations without improvement"


def _bar(share: float, screen: Screen) -> str:
    bar_width = max(10, min(60, screen.width - 8))
    done = round(bar_width * share)
    full, empty = ("#", ".") if screen.ascii_only else ("█", "░")
    return f"{full * done}{empty * (bar_width - done)} {share:4.0%}"


def _faults(history: RunHistory) -> Iterator[Line]:
    hidden = len(history.faults) - _FAULTS_SHOWN
    if hidden > 0:
        yield _line(f"{hidden} earlier faults; `nmt report` shows them all")
    for fault in history.faults[-_FAULTS_SHOWN:]:
        yield _line(f"fault at update {fault.update:,}: {fault.text}")


def _charts(state: RunState, screen: Screen, rows: int) -> list[Line]:
    """Return charts of perplexity and of the translation metric, side by side on a wide screen."""
    is_wide = screen.width >= _MIN_WIDTH_FOR_TWO
    width = (screen.width - 4) // 2 if is_wide else screen.width
    height = min(_MAX_CHART_HEIGHT, (rows - 9) if is_wide else (rows - 10) // 2)
    if height < _MIN_CHART_HEIGHT:
        height = min(_MAX_CHART_HEIGHT, rows - 3)
        is_wide = False
    if height < _MIN_CHART_HEIGHT:
        return []
    history = state.history
    loss = _chart(
        "perplexity",
        {
            "train": train_points(history.train, lambda point: point.perplexity),
            "dev": dev_points(history, "perplexity"),
        },
        (width, height, screen.ascii_only, True),
    )
    metric = _metric_to_chart(state)
    scores = _chart(
        METRICS[metric],
        {"dev": dev_points(history, metric)},
        (width, height, screen.ascii_only, False),
    )
    if is_wide and loss and scores:
        return [[], *(_side_by_side(*both, width) for both in zip(loss, scores, strict=True))]
    parts = [part for part in (loss, scores) if part]
    lines = [line for part in parts for line in ([], *part)]
    return lines if len(lines) <= rows else [[], *parts[0]] if parts else []


def _metric_to_chart(state: RunState) -> str:
    """Return the translation metric to chart: the one that chooses the best model, or BLEU.

    While the value of that metric is noise, the chart shows chrF.
    """
    metric = state.best_metric if state.best_metric in SCORE_METRICS.kinds else "bleu"
    last = state.history.dev[-1].deciding_value(metric) if state.history.dev else None
    return metric if last is None else last.shown[0]


def _chart(
    title: str,
    lines: Mapping[str, list[tuple[float, float]]],
    shape: tuple[int, int, bool, bool],
) -> list[Line]:
    width, height, ascii_only, log = shape
    chart = plot(list(lines.values()), width, height, log=log, ascii_only=ascii_only)
    if not chart:
        return []
    head: Line = [StyledText(title)]
    for number, name in enumerate(lines):
        if len(lines) > 1:
            head += [
                StyledText("  "),
                StyledText(f"{legend_mark(number, ascii_only)} {name}", number),
            ]
    return [head, *chart]


def _side_by_side(left: Line, right: Line, width: int) -> Line:
    used = sum(len(span.text) for span in left)
    return [*left, StyledText(" " * (width + 4 - used)), *right]


def _samples(history: RunHistory) -> Iterator[Line]:
    if not history.dev or not history.dev[-1].samples:
        return
    last = history.dev[-1]
    yield []
    yield _line(f"translations at update {last.update:,}")
    for sample in last.samples:
        yield _line(f"  source      {sample.source}")
        yield _line(f"  reference   {sample.reference}")
        yield _line(f"  hypothesis  {sample.hypothesis}")


def _train_text(point: TrainPoint, counts: bool = True) -> str:
    begin = f"update {point.update}  epoch {point.epoch}  " if counts else ""
    return (
        f"{begin}loss {point.loss:.3f}  perplexity {point.perplexity:.2f}  gradient "
        f"{point.gradient_norm:.2f}  rate {point.learning_rate:.2e}  "
        f"{point.tokens_per_second:.0f} target tokens/s"
    )


def _dev_text(point: DevPoint) -> str:
    known = {name: value for name, value in point.metrics.items() if math.isfinite(value)}
    return "  ".join(f"{METRICS[name]} {value:.2f}" for name, value in known.items())


def _line(text: str) -> Line:
    """Return a text as a line, without control characters that would move the cursor."""
    return [StyledText(printable(text))]


_POLL_SECONDS = 1.0
"""Seconds between two readings of the log."""

_SERIES_COLOURS = ("blue", "dark_orange", "green", "magenta", "yellow", "cyan")
_ACTIVE = ("training", "preparing")


def show_once(path: Path, screen: Screen) -> None:
    """Print the current state of a run.

    Args:
        path: The folder of the run, or the configuration that names it.
        screen: The size of the screen.

    Raises:
        ModelError: There is no run.
    """
    _print(screen_lines(RunWatcher(path).read_state(), screen))


def follow_lines(path: Path, screen: Screen) -> None:
    """Print the state of a run, then a line for each new record until no process works on the run.

    Args:
        path: The folder of the run, or the configuration that names it.
        screen: The size of the screen.

    Raises:
        ModelError: There is no run.
    """
    watcher = RunWatcher(path)
    state = watcher.read_state()
    _print(screen_lines(state, screen))
    if state.status not in _ACTIVE:
        return
    while state.status in _ACTIVE:
        time.sleep(_POLL_SECONDS)
        state = watcher.read_state()
        for record in state.new_records:
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
        return _styled_text(
            screen_lines(state, Screen(size.width, size.height - 1, ascii_only)), size.width
        )

    state = watcher.read_state()
    with Live(picture(state), console=console, auto_refresh=False) as live:
        while state.status in _ACTIVE:
            time.sleep(_POLL_SECONDS)
            state = watcher.read_state()
            live.update(picture(state), refresh=True)


def _print(lines: list[Line]) -> None:
    print("\n".join(plain_lines(lines)), flush=True)


def _print_end(state: RunState) -> None:
    """Print the state of a run whose process ended without a record of its end."""
    if state.history.ended is None:
        print(plain_lines(screen_lines(state, Screen(height=1)))[0], flush=True)


def _styled_text(lines: list[Line], width: int) -> "Text":
    from rich.text import Text

    drawn = []
    for line in lines:
        text = Text(no_wrap=True)
        for span in line:
            text.append(span.text, "" if span.series is None else _SERIES_COLOURS[span.series % 6])
        text.truncate(width, overflow="ellipsis")
        drawn.append(text)
    return Text("\n").join(drawn)

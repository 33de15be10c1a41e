"""The curves of one run and of several runs as charts."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from nmt.evaluation.metrics import metric as metric_of
from nmt.pages.charts import LineChart, Mark, Series
from nmt.reports.run_history import METRICS, DevPoint, RunHistory, TrainPoint

_GROUP = "updates"


def run_curves(history: RunHistory) -> list[LineChart]:
    """Return the charts of a run: loss, scores, learning rate, gradient norm and speed."""
    return [
        LineChart(
            "Perplexity",
            (
                _train("train", history, lambda point: point.perplexity),
                _dev("perplexity", "dev", history, 2),
            ),
            logarithmic=True,
            group=_GROUP,
            marks=event_marks(history),
        ),
        LineChart(
            "Scores of dev",
            tuple(
                _dev(name, METRICS[name], history, colour)
                for name, colour in (("bleu", 2), ("chrf", 3), ("chrf++", 4))
                if name != "chrf++" or has_metric(history, name)
            ),
            group=_GROUP,
            marks=event_marks(history),
        ),
        LineChart(
            "Loss",
            (
                _train("train, label-smoothed", history, lambda point: point.loss),
                _dev("loss", "dev", history, 2),
            ),
            y_name="nats per token",
            group=_GROUP,
            marks=event_marks(history),
        ),
        _train_chart_of_run("Learning rate", history, lambda point: point.learning_rate, 4),
        _train_chart_of_run(
            "Gradient norm", history, lambda point: point.gradient_norm, 5, log=True
        ),
        _train_chart_of_run("Target tokens per second", history, lambda p: p.tokens_per_second, 6),
    ]


def event_marks(history: RunHistory) -> list[Mark]:
    """Return the marks of updates where training resumed, and where it failed."""
    resumed = [
        Mark(session.update, f"resumed from update {session.update:,}")
        for session in history.sessions[1:]
    ]
    return resumed + [
        Mark(fault.update, f"update {fault.update:,}: {fault.text}") for fault in history.faults
    ]


def dev_points(history: RunHistory, metric: str) -> list[tuple[float, float]]:
    """Return the values of a dev metric by update.

    Args:
        history: The history of the run.
        metric: The name of the metric. Missing values are NaN.
    """
    return [(point.update, point.metrics.get(metric, math.nan)) for point in history.dev]


def has_metric(history: RunHistory, metric: str) -> bool:
    """Return whether a validation has a metric.

    Args:
        history: The history of the run.
        metric: The name of the metric.
    """
    return any(metric in point.metrics for point in history.dev)


def train_points(
    points: Sequence[TrainPoint], value: Callable[[TrainPoint], float]
) -> list[tuple[float, float]]:
    """Return a training figure by update.

    Args:
        points: The log lines.
        value: The function that reads the figure from a line.
    """
    return [(point.update, value(point)) for point in points]


def best_of_several(history: RunHistory, metric: str) -> DevPoint | None:
    """Return the best validation by a metric; None with fewer than two validations.

    Args:
        history: The history of the run.
        metric: The name of the metric.
    """
    return history.best(metric) if len(history.dev) > 1 else None


def metric_name(metric: str) -> str:
    """Return the display name of a metric and whether higher or lower values are better."""
    direction = "higher" if metric_of(metric).higher_is_better else "lower"
    return f"{METRICS[metric]} ({direction} is better)"


def _train(name: str, history: RunHistory, value: Callable[[TrainPoint], float]) -> Series:
    return Series(name, train_points(history.train, value), colour=1)


def _dev(metric: str, name: str, history: RunHistory, colour: int) -> Series:
    best = best_of_several(history, metric)
    return Series(
        name,
        dev_points(history, metric),
        dots=True,
        best=None if best is None else best.update,
        colour=colour,
    )


def _train_chart_of_run(
    title: str,
    history: RunHistory,
    value: Callable[[TrainPoint], float],
    colour: int,
    log: bool = False,
) -> LineChart:
    line = Series(title.lower(), train_points(history.train, value), colour=colour)
    return LineChart(
        title,
        (line,),
        logarithmic=log,
        from_zero=not log,
        group=_GROUP,
        marks=event_marks(history),
    )


def comparison_curves(names: Sequence[str], histories: Sequence[RunHistory]) -> list[LineChart]:
    """Return charts of scores, perplexity, learning rate, gradient norm and speed, a line per run.

    Args:
        names: The name of each run.
        histories: The history of each run, in the same order.
    """
    runs = list(zip(names, histories, strict=True))
    return [
        _dev_chart("bleu", runs),
        LineChart(
            "Dev BLEU by time",
            [
                Series(
                    name, dev_points_by_minutes(history, "bleu"), dots=True, colour=_colour(index)
                )
                for index, (name, history) in enumerate(runs)
            ],
            x_name="minutes",
            group="minutes",
        ),
        _dev_chart("chrf", runs),
        *(
            [_dev_chart("chrf++", runs)]
            if any(has_metric(history, "chrf++") for history in histories)
            else []
        ),
        _dev_chart("perplexity", runs, log=True),
        _train_chart("Perplexity of train", runs, lambda point: point.perplexity, log=True),
        _train_chart("Learning rate", runs, lambda point: point.learning_rate),
        _train_chart("Gradient norm", runs, lambda point: point.gradient_norm, log=True),
        _train_chart("Target tokens per second", runs, lambda point: point.tokens_per_second),
    ]


def dev_points_by_minutes(history: RunHistory, metric: str) -> list[tuple[float, float]]:
    """Return a dev metric by minutes of training; nothing where the log has no times.

    Args:
        history: The history of the run.
        metric: The name of the metric, see `METRICS`.

    Returns:
        Pairs of minutes and value. Times between log lines are interpolated.
    """
    timed = [point for point in history.train if np.isfinite(point.seconds)]
    if not timed:
        return []
    updates = [0, *(point.update for point in timed)]
    minutes = [0.0, *(point.seconds / 60 for point in timed)]
    points = dev_points(history, metric)
    times = np.interp([update for update, _ in points], updates, minutes).tolist()
    return [(round(time, 3), value) for time, (_, value) in zip(times, points, strict=True)]


def _dev_chart(metric: str, runs: list[tuple[str, RunHistory]], log: bool = False) -> LineChart:
    lines = []
    for index, (name, history) in enumerate(runs):
        best = best_of_several(history, metric)
        points = dev_points(history, metric)
        update = None if best is None else best.update
        lines.append(Series(name, points, dots=True, best=update, colour=_colour(index)))
    title = METRICS[metric]
    title = f"{title[0].upper()}{title[1:]}" if title.islower() else title
    return LineChart(f"{title} of dev", lines, logarithmic=log, group=_GROUP)


def _train_chart(
    title: str,
    runs: list[tuple[str, RunHistory]],
    value: Callable[[TrainPoint], float],
    log: bool = False,
) -> LineChart:
    lines = [
        Series(name, train_points(history.train, value), colour=_colour(index))
        for index, (name, history) in enumerate(runs)
    ]
    return LineChart(title, lines, logarithmic=log, from_zero=not log, group=_GROUP)


def _colour(index: int) -> int:
    return index % 6 + 1

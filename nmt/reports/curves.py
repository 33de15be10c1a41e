"""The curves of one run and of several runs as charts."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from nmt.evaluation.metrics import metric as metric_of
from nmt.pages.charts import LineChart, Mark, Series
from nmt.reports.run_history import METRICS, DevPoint, RunHistory, TrainPoint

_GROUP = "updates"


def curves(history: RunHistory) -> list[LineChart]:
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
            marks=marks(history),
        ),
        LineChart(
            "Scores of dev",
            tuple(
                _dev(name, METRICS[name], history, colour)
                for name, colour in (("bleu", 2), ("chrf", 3), ("chrf++", 4))
                if name != "chrf++" or has_metric(history, name)
            ),
            group=_GROUP,
            marks=marks(history),
        ),
        LineChart(
            "Loss",
            (
                _train("train, label-smoothed", history, lambda point: point.loss),
                _dev("loss", "dev", history, 2),
            ),
            y_name="nats per token",
            group=_GROUP,
            marks=marks(history),
        ),
        _of_training("Learning rate", history, lambda point: point.learning_rate, 4),
        _of_training("Gradient norm", history, lambda point: point.gradient_norm, 5, log=True),
        _of_training("Target tokens per second", history, lambda p: p.tokens_per_second, 6),
    ]


def marks(history: RunHistory) -> list[Mark]:
    """Return the marks of updates where training resumed, and where it failed."""
    resumed = [
        Mark(session.update, f"gone on from update {session.update:,}")
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


def best_point(history: RunHistory, metric: str) -> DevPoint | None:
    """Return the best validation by a metric; None with fewer than two validations.

    Args:
        history: The history of the run.
        metric: The name of the metric.
    """
    return history.best(metric) if len(history.dev) > 1 else None


def metric_name(metric: str) -> str:
    """Return the display name of a metric and whether higher or lower values are better."""
    way = "higher" if metric_of(metric).higher_is_better else "lower"
    return f"{METRICS[metric]} ({way} is better)"


def _train(name: str, history: RunHistory, value: Callable[[TrainPoint], float]) -> Series:
    return Series(name, train_points(history.train, value), colour=1)


def _dev(metric: str, name: str, history: RunHistory, colour: int) -> Series:
    best = best_point(history, metric)
    return Series(
        name,
        dev_points(history, metric),
        dots=True,
        best=None if best is None else best.update,
        colour=colour,
    )


def _of_training(
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
        marks=marks(history),
    )


def comparison_curves(names: Sequence[str], histories: Sequence[RunHistory]) -> list[LineChart]:
    """Return charts of scores, perplexity, learning rate, gradient norm and speed, a line per run.

    Args:
        names: The name of each run.
        histories: The history of each run, in the same order.
    """
    both = list(zip(names, histories, strict=True))
    return [
        _dev_chart("bleu", both),
        LineChart(
            "BLEU of dev by time",
            [
                Series(name, dev_by_minutes(history, "bleu"), dots=True, colour=_colour(place))
                for place, (name, history) in enumerate(both)
            ],
            x_name="minutes",
            group="minutes",
        ),
        _dev_chart("chrf", both),
        *(
            [_dev_chart("chrf++", both)]
            if any(has_metric(history, "chrf++") for history in histories)
            else []
        ),
        _dev_chart("perplexity", both, log=True),
        _train_chart("Perplexity of train", both, lambda point: point.perplexity, log=True),
        _train_chart("Learning rate", both, lambda point: point.learning_rate),
        _train_chart("Gradient norm", both, lambda point: point.gradient_norm, log=True),
        _train_chart("Target tokens per second", both, lambda point: point.tokens_per_second),
    ]


def dev_by_minutes(history: RunHistory, metric: str) -> list[tuple[float, float]]:
    """Return a dev metric by minutes of training; nothing where the log has no times.

    Args:
        history: The history of the run.
        metric: The name of the metric, see `METRICS`.

    Returns:
        Pairs of minutes and value. Times between log lines are interpolated.
    """
    known = [point for point in history.train if np.isfinite(point.seconds)]
    if not known:
        return []
    updates = [0, *(point.update for point in known)]
    minutes = [0.0, *(point.seconds / 60 for point in known)]
    points = dev_points(history, metric)
    at = np.interp([update for update, _ in points], updates, minutes).tolist()
    return [(round(time, 3), value) for time, (_, value) in zip(at, points, strict=True)]


def _dev_chart(metric: str, runs: list[tuple[str, RunHistory]], log: bool = False) -> LineChart:
    lines = []
    for place, (name, history) in enumerate(runs):
        best = best_point(history, metric)
        points = dev_points(history, metric)
        update = None if best is None else best.update
        lines.append(Series(name, points, dots=True, best=update, colour=_colour(place)))
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
        Series(name, train_points(history.train, value), colour=_colour(place))
        for place, (name, history) in enumerate(runs)
    ]
    return LineChart(title, lines, logarithmic=log, from_zero=not log, group=_GROUP)


def _colour(place: int) -> int:
    return place % 6 + 1

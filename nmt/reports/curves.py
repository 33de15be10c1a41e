"""The charts of a run."""

import math
from collections.abc import Callable, Sequence

from nmt.evaluation.metrics import metric as metric_of
from nmt.pages.charts import LineChart, Mark, Series
from nmt.reports.history import METRICS, DevPoint, History, TrainPoint

_GROUP = "updates"


def curves(history: History) -> list[LineChart]:
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


def marks(history: History) -> list[Mark]:
    """Return the marks of updates where training resumed, and where it failed."""
    resumed = [
        Mark(sitting.update, f"gone on from update {sitting.update:,}")
        for sitting in history.sittings[1:]
    ]
    return resumed + [
        Mark(fault.update, f"update {fault.update:,}: {fault.text}") for fault in history.faults
    ]


def dev_points(history: History, metric: str) -> list[tuple[float, float]]:
    """Return the values of a dev metric by update.

    Args:
        history: The history of the run.
        metric: The name of the metric. Missing values are NaN.
    """
    return [(point.update, point.metrics.get(metric, math.nan)) for point in history.dev]


def has_metric(history: History, metric: str) -> bool:
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


def best_point(history: History, metric: str) -> DevPoint | None:
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


def _train(name: str, history: History, value: Callable[[TrainPoint], float]) -> Series:
    return Series(name, train_points(history.train, value), colour=1)


def _dev(metric: str, name: str, history: History, colour: int) -> Series:
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
    history: History,
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

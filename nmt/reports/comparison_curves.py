"""The curves of several runs in shared charts."""

from collections.abc import Callable, Sequence

import numpy as np

from nmt.pages.charts import LineChart, Series
from nmt.reports.curves import best_point, dev_points, has_metric, train_points
from nmt.reports.history import METRICS, History, TrainPoint

_GROUP = "updates"


def comparison_curves(names: Sequence[str], histories: Sequence[History]) -> list[LineChart]:
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


def dev_by_minutes(history: History, metric: str) -> list[tuple[float, float]]:
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


def _dev_chart(metric: str, runs: list[tuple[str, History]], log: bool = False) -> LineChart:
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
    runs: list[tuple[str, History]],
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

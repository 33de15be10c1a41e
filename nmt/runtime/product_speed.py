"""The speed of matrix products on this machine, measured in turns and compared.

What a processor multiplies fast does not follow from its flags alone: it also depends on the
library, the number of threads and the shape. Candidates are therefore timed. They take turns, so
that a busy moment falls on all of them, and medians are compared.
"""

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from time import perf_counter

from nmt.runtime.processor import CoreWaits

CLEAR_RATIO = 1.1
"""A candidate is preferred to the default when it is at least this many times as fast."""

_QUIET = 0.05
"""The share of waiting for a core up to which a measurement counts as undisturbed."""

_MOST_TRIES = 4


def medians_by_turns(calls: Sequence[Callable[[], object]], seconds: float = 0.05) -> list[float]:
    """Time calls in turns, and again while other processes take the cores.

    Args:
        calls: What to time. Each is called once before its time counts.
        seconds: The time that one try takes, apart from the calls before it. Every call is timed
            at least once, however long it takes.

    Returns:
        The median duration of each call in seconds, of the try that waited least for cores.
    """
    for call in calls:
        call()
    tries: list[tuple[float, list[float]]] = []
    while len(tries) < _MOST_TRIES:
        waits = CoreWaits()
        medians = _medians(calls, seconds)
        tries.append((waits.share() or 0.0, medians))
        if tries[-1][0] <= _QUIET:
            break
    return min(tries)[1]


def gigaflops(
    candidates: Mapping[str, Callable[[], object]], operations: float, seconds: float = 0.05
) -> dict[str, float]:
    """Measure the speed of several ways to compute the same product.

    Args:
        candidates: The ways, by name.
        operations: Multiplications and additions of one call: 2 m n k for `[m, k] x [k, n]`.
        seconds: As in `medians_by_turns`.

    Returns:
        The speed of each candidate in GFLOP/s.
    """
    medians = medians_by_turns(list(candidates.values()), seconds)
    return {name: operations / time / 1e9 for name, time in zip(candidates, medians, strict=True)}


def clearly_fastest(speeds: Mapping[str, float], default: str) -> str:
    """Return the name of the fastest candidate if it beats the default clearly, else the default.

    Args:
        speeds: The speed of each candidate, the default among them.
        default: The candidate that is kept unless another is `CLEAR_RATIO` times as fast.
    """
    fastest = max(speeds, key=lambda name: speeds[name])
    return fastest if speeds[fastest] >= CLEAR_RATIO * speeds[default] else default


def _medians(calls: Sequence[Callable[[], object]], seconds: float) -> list[float]:
    times: list[list[float]] = [[] for _ in calls]
    began = perf_counter()
    while not times[0] or perf_counter() - began < seconds:
        for call, own in zip(calls, times, strict=True):
            before = perf_counter()
            call()
            own.append(max(perf_counter() - before, 1e-9))
    return [median(own) for own in times]

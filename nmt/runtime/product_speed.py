"""The speed of matrix products on this machine, measured in turns and compared.

What a processor multiplies fast does not follow from its flags alone: it also depends on the
library and on the shape. Candidates are therefore timed, by the CPU time of one thread: a process
that waits for a core while others are busy then measures the same.
"""

from collections.abc import Callable, Mapping, Sequence
from statistics import median
from time import thread_time

import torch

CLEAR_RATIO = 1.1
"""A candidate is preferred to the default when it is at least this many times as fast."""

_LEAST_SECONDS = 1e-9


def gigaflops(
    candidates: Mapping[str, Callable[[], object]], operations: float, seconds: float = 0.05
) -> dict[str, float]:
    """Measure the speed of several ways to compute the same product.

    Args:
        candidates: The ways, by name.
        operations: Multiplications and additions of one call: 2 m n k for `[m, k] x [k, n]`.
        seconds: The CPU time to spend, apart from a first call of each. Every candidate is timed
            at least once, however long it takes.

    Returns:
        The speed of each candidate on one core, in GFLOP/s.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        medians = _medians_by_turns(list(candidates.values()), seconds)
    finally:
        torch.set_num_threads(threads)
    return {name: operations / time / 1e9 for name, time in zip(candidates, medians, strict=True)}


def clearly_fastest(
    speeds: Mapping[str, float], default: str, clear_ratio: float = CLEAR_RATIO
) -> str:
    """Return the name of the fastest candidate if it beats the default clearly, else the default.

    Args:
        speeds: The speed of each candidate, the default among them.
        default: The candidate that is kept unless another is clearly faster.
        clear_ratio: How many times as fast that must be.
    """
    fastest = max(speeds, key=lambda name: speeds[name])
    return fastest if speeds[fastest] >= clear_ratio * speeds[default] else default


def _medians_by_turns(calls: Sequence[Callable[[], object]], seconds: float) -> list[float]:
    """Return the median CPU time of each call."""
    for call in calls:
        call()
    times: list[list[float]] = [[] for _ in calls]
    began = thread_time()
    while not times[0] or thread_time() - began < seconds:
        for call, own in zip(calls, times, strict=True):
            before = thread_time()
            call()
            own.append(max(thread_time() - before, _LEAST_SECONDS))
    return [median(own) for own in times]

"""The speeds of several ways to compute the same result, measured in turns and compared.

The speed of a processor does not follow from its flags alone: it also depends on the library and on
the sizes. Candidates are therefore timed. The time is the CPU time of one thread, which is the same
while other processes are busy.
"""

from collections.abc import Callable, Mapping, Sequence
from time import thread_time

import torch

CLEAR_RATIO = 1.1
"""A candidate is preferred to the default when it is at least this many times as fast."""

_MIN_SECONDS = 1e-9
_MIN_ROUNDS = 2


def measure_gigaflops(
    candidates: Mapping[str, Callable[[], object]], operations: float, seconds: float = 0.05
) -> dict[str, float]:
    """Measure the speeds of several ways to compute the same product.

    Args:
        candidates: The ways, by name.
        operations: The multiplications and additions of one call: 2 m n k for `[m, k] x [k, n]`.
        seconds: See `measure_rates`.

    Returns:
        The speed of each candidate on one core, in GFLOP/s.
    """
    return measure_rates(candidates, operations / 1e9, seconds)


def measure_rates(
    candidates: Mapping[str, Callable[[], object]], work: float, seconds: float = 0.05
) -> dict[str, float]:
    """Measure the speeds of several ways to do the same work.

    Args:
        candidates: The ways, by name.
        work: The units of work of one call.
        seconds: The CPU time to spend, apart from a first call of each. Every candidate is timed at
            least twice, however long it takes.

    Returns:
        The units a second of each candidate, on one core.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        times = _least_times(list(candidates.values()), seconds)
    finally:
        torch.set_num_threads(threads)
    return {name: work / time for name, time in zip(candidates, times, strict=True)}


def clearly_fastest(
    speeds: Mapping[str, float], default: str, clear_ratio: float = CLEAR_RATIO
) -> str:
    """Return the name of the fastest candidate if it beats the default clearly, else the default.

    Args:
        speeds: The speed of each candidate, including the default.
        default: The candidate that is kept unless another is clearly faster.
        clear_ratio: The ratio of speeds from which a candidate is clearly faster.
    """
    fastest = max(speeds, key=lambda name: speeds[name])
    return fastest if speeds[fastest] >= clear_ratio * speeds[default] else default


def _least_times(calls: Sequence[Callable[[], object]], seconds: float) -> list[float]:
    """Return the least CPU time of each call, because disturbances only add time."""
    for call in calls:
        call()
    least = [float("inf")] * len(calls)
    rounds, start = 0, thread_time()
    while rounds < _MIN_ROUNDS or thread_time() - start < seconds:
        for index, call in enumerate(calls):
            call_start = thread_time()
            call()
            least[index] = min(least[index], max(thread_time() - call_start, _MIN_SECONDS))
        rounds += 1
    return least

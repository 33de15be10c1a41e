"""How the threads of torch wait for each other: by spinning on a quiet machine, else asleep.

GNU OpenMP lets a thread that waits look for its next work some 300,000 times before it sleeps. On a
quiet machine that is fastest, for waking a thread takes longer than most of the work between two
waits. Beside another busy process it is ruinous: a thread that spins holds the core that the thread
it waits for needs. OpenMP reads the number once, but takes none wherever a process has more OpenMP
threads than cores and `OMP_WAIT_POLICY` is passive (`GOMP_SPINCOUNT` in the libgomp manual). A
watching thread makes it so as long as the machine is busy, by threads that do nothing. Results do
not depend on it.
`scripts/bench_neighbour.py` measures it.
"""

import threading

import torch

from nmt.runtime.process import owns_waiting
from nmt.runtime.processor import CoreWaits, cores

_PERIOD = 0.25
"""Seconds between two looks at how long this process waited for a core."""

_BUSY = 0.1
_BUSY_PERIODS = 2
"""The share of the time spent waiting for a core from which a machine is busy, and for how long it
must be so. Beside one busy process the share is 0.3, on a quiet machine 0.01.
"""

_QUIET = 0.05
_QUIET_PERIODS = 4
"""The same for a machine that is quiet again."""

_PARALLEL_NUMBERS = 1 << 18
"""Numbers that torch fills with all its threads."""

_watch: "_Watch | None" = None


def adapt_waiting(threads: int) -> None:
    """Let this process's OpenMP threads sleep instead of spin while other processes are busy.

    What the user has set in the environment stays, see `own_process`.

    Args:
        threads: The number of threads that torch computes with.
    """
    global _watch
    if _watch is None and threads > 1 and owns_waiting():
        _watch = _Watch(threads)
        _watch.start()


class _Watch(threading.Thread):
    """Watches how long this process waits for a core."""

    def __init__(self, threads: int) -> None:
        super().__init__(name="nmt-core-waits", daemon=True)
        self._idle = _IdleThreads(threads)
        self._busy_periods = self._quiet_periods = 0

    def run(self) -> None:
        pause = threading.Event()
        while True:
            waits = CoreWaits()
            pause.wait(_PERIOD)
            share = waits.share()
            if share is None:
                return
            self._take(share)

    def _take(self, share: float) -> None:
        """Take note of the share of one period."""
        self._quiet_periods = self._quiet_periods + 1 if share < _QUIET else 0
        self._busy_periods = self._busy_periods + 1 if share >= _BUSY else 0
        if self._busy_periods >= _BUSY_PERIODS:
            self._idle.start()
        elif self._quiet_periods >= _QUIET_PERIODS:
            self._idle.stop()


class _IdleThreads:
    """OpenMP threads that do nothing, so many that there are more than cores."""

    def __init__(self, threads: int) -> None:
        missing = cores() + 1 - threads
        self._pools = max(1, -(-missing // (threads - 1)))
        self._end: threading.Event | None = None

    def start(self) -> None:
        """Start them, unless they are there."""
        if self._end is None:
            self._end = threading.Event()
            for _ in range(self._pools):
                threading.Thread(target=_hold_a_pool, args=(self._end,), daemon=True).start()

    def stop(self) -> None:
        """End them, where they are there."""
        if self._end is not None:
            self._end.set()
            self._end = None


def _hold_a_pool(end: threading.Event) -> None:
    """Keep the OpenMP threads that torch starts for a thread of Python, until the end."""
    torch.ones(_PARALLEL_NUMBERS)
    end.wait()

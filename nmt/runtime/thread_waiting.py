"""The waiting of torch's threads for each other: by spinning on an idle machine, else asleep.

GNU OpenMP lets a waiting thread check for work some 300,000 times before it sleeps. On an idle
machine that is fastest, because waking a thread takes longer than most of the work between two
waits. Beside another busy process it is very slow: a spinning thread holds the core that the thread
it waits for needs. OpenMP reads the number once. It uses none wherever a process has more OpenMP
threads than cores and `OMP_WAIT_POLICY` is passive (`GOMP_SPINCOUNT` in the libgomp manual). While
the machine is busy, a monitoring thread brings that about by starting idle threads. Results do not
depend on it. `scripts/bench_busy_cores.py` measures the effect.
"""

import threading

import torch

from nmt.runtime.process import controls_thread_waiting
from nmt.runtime.processor import CoreWaitTime, count_cores

_PERIOD = 0.25
"""The seconds between two measurements of how long this process waited for a core."""

_BUSY = 0.1
_BUSY_PERIODS = 2
"""The share of time waiting for a core above which a machine is busy, and for how many periods.

Beside one busy process the share is 0.3, on an idle machine 0.01.
"""

_QUIET = 0.05
_QUIET_PERIODS = 4
"""The same for a machine that is idle again."""

_PARALLEL_NUMBERS = 1 << 18
"""The number of elements that torch fills with all its threads."""

_monitor: "_WaitMonitor | None" = None


def adapt_thread_waiting(threads: int) -> None:
    """Let this process's OpenMP threads sleep instead of spin while other processes are busy.

    Values that the user has set in the environment stay (see `own_process`).

    Args:
        threads: The number of threads that torch computes with.
    """
    global _monitor
    if _monitor is None and threads > 1 and controls_thread_waiting():
        _monitor = _WaitMonitor(threads)
        _monitor.start()


class _WaitMonitor(threading.Thread):
    """A thread that monitors how long this process waits for a core."""

    def __init__(self, threads: int) -> None:
        super().__init__(name="nmt-core-waits", daemon=True)
        self._idle = _IdleThreads(threads)
        self._busy_periods = self._quiet_periods = 0

    def run(self) -> None:
        pause = threading.Event()
        while True:
            waits = CoreWaitTime()
            pause.wait(_PERIOD)
            share = waits.share()
            if share is None:
                return
            self._record_period(share)

    def _record_period(self, share: float) -> None:
        """Record the share of one period, and start or stop the idle threads."""
        self._quiet_periods = self._quiet_periods + 1 if share < _QUIET else 0
        self._busy_periods = self._busy_periods + 1 if share >= _BUSY else 0
        if self._busy_periods >= _BUSY_PERIODS:
            self._idle.start()
        elif self._quiet_periods >= _QUIET_PERIODS:
            self._idle.stop()


class _IdleThreads:
    """Idle OpenMP threads, enough that a process has more threads than cores."""

    def __init__(self, threads: int) -> None:
        needed = count_cores() + 1 - threads
        self._pools = max(1, -(-needed // (threads - 1)))
        self._end: threading.Event | None = None

    def start(self) -> None:
        """Start the threads, unless they are running."""
        if self._end is None:
            self._end = threading.Event()
            for _ in range(self._pools):
                threading.Thread(target=_keep_thread_pool, args=(self._end,), daemon=True).start()

    def stop(self) -> None:
        """End the threads, if they are running."""
        if self._end is not None:
            self._end.set()
            self._end = None


def _keep_thread_pool(end: threading.Event) -> None:
    """Keep the OpenMP threads that torch starts for a Python thread, until the end is set."""
    torch.ones(_PARALLEL_NUMBERS)
    end.wait()

"""Threads that wait for each other sleep on a busy machine and spin on a quiet one."""

import os
import subprocess
import sys

import pytest

from nmt.runtime.process import claim_process, controls_thread_waiting
from nmt.runtime.thread_waiting import _WaitMonitor, adapt_thread_waiting


class _IdleThreads:
    """Says whether they run."""

    def __init__(self):
        self.are_there = False

    def start(self):
        self.are_there = True

    def stop(self):
        self.are_there = False


def states(shares):
    """Whether threads sleep, after each period with such a share of waiting."""
    watch = _WaitMonitor(threads=2)
    watch._idle = _IdleThreads()
    found = []
    for share in shares:
        watch._record_period(share)
        found.append(watch._idle.are_there)
    return found


def test_threads_sleep_after_two_busy_periods():
    assert states([0.01, 0.3, 0.3, 0.3]) == [False, False, True, True]


def test_one_busy_period_changes_nothing():
    assert states([0.3, 0.01, 0.3, 0.01, 0.3]) == [False] * 5


def test_threads_spin_again_when_the_machine_is_quiet_for_long_enough():
    assert states([0.3] * 2 + [0.01] * 4) == [False, *[True] * 4, False]
    assert states([0.3] * 2 + [0.01] * 2 + [0.3] + [0.01] * 3)[-1] is True


def test_a_share_between_the_two_bounds_changes_nothing():
    assert states([0.07] * 9) == [False] * 9
    assert states([0.3] * 2 + [0.07] * 9)[-1] is True


_POOLS = """
import os, time
import torch
from nmt.runtime.processor import count_cores
from nmt.runtime.thread_waiting import _IdleThreads

torch.set_num_threads(2)
torch.ones(1 << 18)
count = lambda: len(os.listdir("/proc/self/task"))


def reaches(expected):
    end = time.monotonic() + 30
    while not expected(count()) and time.monotonic() < end:
        time.sleep(0.01)
    return expected(count())


before = count()
idle = _IdleThreads(threads=2)
for _ in range(2):
    idle.start()
    idle.start()
    # A thread of Python for each pool, and the OpenMP thread that torch started beside it.
    expected = before + 2 * max(1, count_cores() - 1)
    assert reaches(lambda now: now == expected), (before, count(), count_cores())
    idle.stop()
    idle.stop()
    assert reaches(lambda now: now == before), (before, count())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_idle_threads_come_and_go():
    subprocess.run([sys.executable, "-c", _POOLS], check=True, timeout=120)


@pytest.mark.parametrize("name", ["GOMP_SPINCOUNT", "OMP_WAIT_POLICY"])
def test_what_the_user_set_stays(monkeypatch, name):
    for each in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setattr(_WaitMonitor, "start", lambda self: pytest.fail("it was not to be started"))
    monkeypatch.setenv(name, "100" if name == "GOMP_SPINCOUNT" else "active")
    claim_process()
    assert os.environ[name] in ("100", "active")
    adapt_thread_waiting(2)


def test_one_thread_waits_for_nobody(monkeypatch):
    monkeypatch.setattr(_WaitMonitor, "start", lambda self: pytest.fail("it was not to be started"))
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    with monkeypatch.context() as changed:
        changed.setenv("GOMP_SPINCOUNT", "300000")
        changed.setenv("OMP_WAIT_POLICY", "passive")
        assert controls_thread_waiting()
        adapt_thread_waiting(1)

"""The processor: its cores, its instruction sets, and its load by other processes."""

import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_THREADS = Path("/proc/self/task")
_STATISTICS = Path("/proc/self/schedstat")

BUSY_SHARE = 0.15
"""The share of its time that a process waits for a core, above which a machine counts as busy."""


@dataclass(frozen=True)
class Processor:
    """The processor as Linux reports it; the fields are empty where the system reports nothing.

    Attributes:
        vendor: The vendor, such as GenuineIntel or AuthenticAMD.
        flags: The names of instruction sets, such as avx512_bf16.
        name: The model, such as Intel(R) Xeon(R) Processor.
    """

    vendor: str
    flags: frozenset[str]
    name: str = ""

    @property
    def has_bfloat16(self) -> bool:
        """Whether it has bfloat16 products; otherwise each product is emulated."""
        return bool({"avx512_bf16", "amx_bf16", "bf16"} & self.flags)

    @property
    def has_fast_bfloat16(self) -> bool:
        """Whether its bfloat16 products are faster than float32; Intel's without AMX are not."""
        return self.has_bfloat16 and (self.vendor != "GenuineIntel" or "amx_bf16" in self.flags)


@cache
def read_processor() -> Processor:
    """Return this machine's processor as Linux reports it."""
    try:
        text = _CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return Processor("", frozenset())
    fields = dict(re.findall(r"^(\w[\w ]*\w)\s*:\s*(.*)$", text, re.MULTILINE))
    flags = fields.get("flags") or fields.get("Features", "")  # x86, ARM
    name = fields.get("model name", "")
    return Processor(fields.get("vendor_id", ""), frozenset(flags.split()), name)


def count_cores() -> int:
    """Return the number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class CoreWaitTime:
    """The time that this process's threads wait for a core, from the object's creation on."""

    def __init__(self) -> None:
        self._before = _thread_times()

    def share(self) -> float | None:
        """Return the time that threads waited for a core, as a share of their runnable time.

        It is 0 on an idle machine, and 0.5 where each thread shares its core with another process.
        None where the system does not report it (other systems than Linux).
        """
        if self._before is None or (after := _thread_times()) is None:
            return None
        ran = waited = 0
        for thread, (ran_now, waited_now) in after.items():
            ran_before, waited_before = self._before.get(thread, (0, 0))
            ran += ran_now - ran_before
            waited += waited_now - waited_before
        return waited / max(1, ran + waited)


def _thread_times() -> dict[str, tuple[int, int]] | None:
    """Return the nanoseconds that each thread of this process ran and waited for a core."""
    if not _STATISTICS.exists():
        return None
    times = {}
    for thread in list(_THREADS.iterdir()):
        try:
            fields = (thread / "schedstat").read_text(encoding="ascii").split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # the thread has ended since it was listed
        times[thread.name] = int(fields[0]), int(fields[1])
    return times

"""The processor: its cores, its instructions, and how busy other processes keep it."""

import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_THREADS = Path("/proc/self/task")
_STATISTICS = Path("/proc/self/schedstat")

BUSY_SHARE = 0.15
"""A machine is busy where a process waits for a core for more than this share of its time."""


@dataclass(frozen=True)
class Processor:
    """What Linux reports of the processor; empty where the system reports nothing.

    vendor: such as GenuineIntel or AuthenticAMD; flags: names of instruction sets, such as
    avx512_bf16; name: such as Intel(R) Xeon(R) Processor.
    """

    vendor: str
    flags: frozenset[str]
    name: str = ""

    @property
    def has_bfloat16(self) -> bool:
        """Whether it multiplies bfloat16 numbers itself: elsewhere each product is emulated."""
        return bool({"avx512_bf16", "amx_bf16", "bf16"} & self.flags)

    @property
    def has_fast_bfloat16(self) -> bool:
        """Whether its bfloat16 products are faster than float32: Intel's without AMX are not."""
        return self.has_bfloat16 and (self.vendor != "GenuineIntel" or "amx_bf16" in self.flags)


@cache
def processor() -> Processor:
    """Return what Linux reports of this machine's processor."""
    try:
        text = _CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return Processor("", frozenset())
    fields = dict(re.findall(r"^(\w[\w ]*\w)\s*:\s*(.*)$", text, re.MULTILINE))
    flags = fields.get("flags") or fields.get("Features", "")  # x86, ARM
    name = fields.get("model name", "")
    return Processor(fields.get("vendor_id", ""), frozenset(flags.split()), name)


def cores() -> int:
    """Return the number of processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class CoreWaits:
    """How long the threads of this process wait for a core, from the moment this is made."""

    def __init__(self) -> None:
        self._before = _ran_and_waited()

    def share(self) -> float | None:
        """Return the time that threads waited for a core, as a share of the time in which they
        could have run: 0 on a quiet machine, 0.5 where each shares its core with another process.

        None where the system does not report it (other systems than Linux).
        """
        if self._before is None or (after := _ran_and_waited()) is None:
            return None
        ran = waited = 0
        for thread, (ran_now, waited_now) in after.items():
            ran_before, waited_before = self._before.get(thread, (0, 0))
            ran += ran_now - ran_before
            waited += waited_now - waited_before
        return waited / max(1, ran + waited)


def _ran_and_waited() -> dict[str, tuple[int, int]] | None:
    """Return the nanoseconds that each thread of this process ran, and waited for a core."""
    if not _STATISTICS.exists():
        return None
    found = {}
    for thread in list(_THREADS.iterdir()):
        try:
            fields = (thread / "schedstat").read_text(encoding="ascii").split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended since it was listed
        found[thread.name] = int(fields[0]), int(fields[1])
    return found

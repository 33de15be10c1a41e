"""How fast a configuration trains here, measured as `nmt doctor` measures it."""

from dataclasses import dataclass
from pathlib import Path

from nmt.doctor.examination import Check, Examination
from nmt.doctor.machine import CONFIG, MACHINE
from nmt.doctor.texts import TEXTS
from nmt.doctor.work import WORK
from nmt.runtime.processor import BUSY_SHARE

_BEFORE = ("config", "device", "run", "text", "tokenizer", "data", "model", "worst batch")
"""Checks that make what the updates need."""


@dataclass(frozen=True)
class Pace:
    """How fast updates are on a quiet machine, at least where it was busy.

    seconds: of an update; waited_share: of the time of the timed updates, in which they waited for
    a core.
    """

    seconds: float
    waited_share: float

    @property
    def is_busy(self) -> bool:
        """Whether other processes kept the cores busy."""
        return self.waited_share > BUSY_SHARE


def measure_pace(config_file: Path) -> Pace:
    """Train a few updates, on a sample of the texts, and leave nothing behind.

    Raises:
        NmtError: What cannot be done: unfit texts, a model too large for the memory.
    """
    checks: dict[str, Check] = {check.name: check for check in (CONFIG, *MACHINE, *TEXTS, *WORK)}
    examination = Examination(config_file, [], {})
    try:
        for name in (*_BEFORE, "updates"):
            checks[name].look(examination)
        return Pace(examination.seconds_per_update, examination.waited_share)
    finally:
        examination.close()

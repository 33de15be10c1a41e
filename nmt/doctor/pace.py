"""The training speed of a configuration on this machine, measured as `nmt doctor` measures it."""

from dataclasses import dataclass
from pathlib import Path

from nmt.doctor.examination import Check, Examination
from nmt.doctor.machine import CONFIG, MACHINE
from nmt.doctor.texts import TEXTS
from nmt.doctor.work import WORK
from nmt.runtime.processor import BUSY_SHARE

_BEFORE = ("config", "device", "run", "text", "tokenizer", "data", "model", "worst batch")
"""The checks that prepare the updates."""


@dataclass(frozen=True)
class Pace:
    """The speed of updates, estimated for a quiet machine where this one was busy.

    Attributes:
        seconds: The seconds of an update.
        waited_share: The share of the timed updates that was spent waiting for a core.
    """

    seconds: float
    waited_share: float

    @property
    def is_busy(self) -> bool:
        """Whether other processes kept the cores busy."""
        return self.waited_share > BUSY_SHARE


def measure_pace(config_file: Path) -> Pace:
    """Train a few updates on a sample of the texts, without leaving files.

    Returns:
        The speed of the updates.

    Raises:
        NmtError: The texts are unfit, or the model is too large for the memory, for example.
    """
    checks: dict[str, Check] = {check.name: check for check in (CONFIG, *MACHINE, *TEXTS, *WORK)}
    examination = Examination(config_file, [], {})
    try:
        for name in (*_BEFORE, "updates"):
            checks[name].look(examination)
        return Pace(examination.seconds_per_update, examination.waited_share)
    finally:
        examination.close()

"""How fast a configuration trains here, measured as `nmt doctor` measures it."""

from pathlib import Path

from nmt.doctor.examination import Check, Examination
from nmt.doctor.machine import CONFIG, MACHINE
from nmt.doctor.texts import TEXTS
from nmt.doctor.work import WORK

_BEFORE = ("config", "device", "run", "text", "tokenizer", "data", "model", "worst batch")
"""Checks that make what the updates need."""


def seconds_per_update(config_file: Path) -> float:
    """Trains a few updates, on a sample of the texts, and leaves nothing behind.

    Raises the NmtError of what cannot be done: unfit texts, a model too large for the memory.
    """
    checks: dict[str, Check] = {check.name: check for check in (CONFIG, *MACHINE, *TEXTS, *WORK)}
    examination = Examination(config_file, [], {})
    try:
        for name in (*_BEFORE, "updates"):
            checks[name].look(examination)
        return examination.seconds_per_update
    finally:
        examination.close()

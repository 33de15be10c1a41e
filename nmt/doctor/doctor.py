"""`nmt doctor`: what would fail hours into training fails in a minute."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from nmt.doctor.environment import ENVIRONMENT
from nmt.doctor.examination import Check, Examination, examine
from nmt.doctor.report import Finding, Report

ROOM_FOR_NAMES = 11
"""Characters of the longest name of a check."""


def preflight(
    config_file: Path | None,
    overrides: Sequence[str],
    machine: Mapping[str, object],
    show: Callable[[Finding], None],
    stop_at_bugs: bool = False,
) -> Report:
    """Make all checks; nothing of the user's is changed, and nothing is left behind.

    config_file: None to look at the machine only; overrides: see `load_config`; machine: settings
    of `runtime` that hold instead of the file's; show, stop_at_bugs: see `examine`.
    """
    given = [f"runtime.{key}={value}" for key, value in machine.items()]
    examination = Examination(config_file, [*overrides, *given], machine)
    try:
        report = examine(examination, ENVIRONMENT, show, None, stop_at_bugs)
        if report.exit_code:
            return report  # what follows cannot even be imported
        report = examine(examination, _of_machine(config_file), show, report, stop_at_bugs)
        if not hasattr(examination, "config"):
            return report  # nothing is known of what else there is to look at
        return examine(examination, _of_training(), show, report, stop_at_bugs)
    finally:
        examination.close()


def _of_machine(config_file: Path | None) -> list[Check]:
    from nmt.doctor.machine import CONFIG, MACHINE

    return [*MACHINE] if config_file is None else [CONFIG, *MACHINE]


def _of_training() -> list[Check]:
    from nmt.doctor.texts import TEXTS
    from nmt.doctor.work import WORK

    return [*TEXTS, *WORK]

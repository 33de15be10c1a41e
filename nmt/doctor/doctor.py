"""The preflight of `nmt doctor`, which finds in a minute the failures of hours of training."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from nmt.doctor.environment import ENVIRONMENT
from nmt.doctor.examination import Check, Examination, examine
from nmt.doctor.report import Finding, Report

ROOM_FOR_NAMES = 11
"""The number of characters of the longest name of a check."""


def preflight(
    config_file: Path | None,
    overrides: Sequence[str],
    machine: Mapping[str, object],
    show: Callable[[Finding], None],
    stop_at_bugs: bool = False,
) -> Report:
    """Run all checks and return the report.

    Nothing of the user's is changed, and no files remain.

    Args:
        config_file: The configuration file, or None to check only the machine.
        overrides: See `load_config`.
        machine: The settings of `runtime` that override those of the file.
        show: A function that is called with each finding.
        stop_at_bugs: See `examine`.

    Returns:
        The report.
    """
    given = [f"runtime.{key}={value}" for key, value in machine.items()]
    examination = Examination(config_file, [*overrides, *given], machine)
    try:
        report = examine(examination, ENVIRONMENT, show, None, stop_at_bugs)
        if report.exit_code:
            return report  # the modules of later checks cannot be imported
        report = examine(examination, _of_machine(config_file), show, report, stop_at_bugs)
        if not hasattr(examination, "config"):
            return report  # without a configuration there is nothing else to check
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

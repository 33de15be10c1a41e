"""The preflight checks of `nmt doctor`, in order, and those of the Python environment."""

import importlib
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from nmt.doctor.examination import (
    Check,
    CheckResult,
    DoctorReport,
    Examination,
    Finding,
    run_checks,
)
from nmt.errors import ResourceError
from nmt.version import __version__

NAME_WIDTH = 11
"""The number of characters of the longest name of a check."""


def preflight(
    config_file: Path | None,
    overrides: Sequence[str],
    machine: Mapping[str, object],
    show: Callable[[Finding], None],
    raise_unexpected_errors: bool = False,
) -> DoctorReport:
    """Run all checks and return the report.

    Nothing of the user's is changed, and no files remain.

    Args:
        config_file: The configuration file, or None to check only the machine.
        overrides: See `load_config`.
        machine: The settings of `runtime` that override those of the file.
        show: A function that is called with each finding.
        raise_unexpected_errors: See `run_checks`.

    Returns:
        The report.
    """
    settings_of_machine = [f"runtime.{key}={value}" for key, value in machine.items()]
    examination = Examination(config_file, [*overrides, *settings_of_machine], machine)
    try:
        report = run_checks(examination, ENVIRONMENT_CHECKS, show, None, raise_unexpected_errors)
        if report.exit_code:
            return report  # the modules of later checks cannot be imported
        report = run_checks(
            examination, _machine_checks(config_file), show, report, raise_unexpected_errors
        )
        if not hasattr(examination, "config"):
            return report  # without a configuration there is nothing else to check
        return run_checks(examination, _training_checks(), show, report, raise_unexpected_errors)
    finally:
        examination.close()


def _machine_checks(config_file: Path | None) -> list[Check]:
    from nmt.doctor.machine_checks import CONFIG_CHECK, MACHINE_CHECKS

    return [*MACHINE_CHECKS] if config_file is None else [CONFIG_CHECK, *MACHINE_CHECKS]


def _training_checks() -> list[Check]:
    from nmt.doctor.data_checks import DATA_CHECKS
    from nmt.doctor.training_checks import TRAINING_CHECKS

    return [*DATA_CHECKS, *TRAINING_CHECKS]


_OLDEST_PYTHON = (3, 10)

_PACKAGES = {
    "torch": "torch",
    "numpy": "numpy",
    "sentencepiece": "sentencepiece",
    "safetensors": "safetensors",
    "pydantic": "pydantic",
    "yaml": "pyyaml",
    "sacrebleu": "sacrebleu",
}
"""The modules to import, with the names under which they are installed."""


def _check_python(examination: Examination) -> CheckResult:
    version = platform.python_version()
    if sys.version_info < _OLDEST_PYTHON:
        raise ResourceError(
            f"{version}, but nmt needs {_OLDEST_PYTHON[0]}.{_OLDEST_PYTHON[1]} or later.\n"
            "install a later Python"
        )
    summary = f"{version} on {platform.system()} {platform.machine()}, nmt {__version__}"
    return CheckResult(summary, facts={"version": version, "nmt": __version__})


def _check_packages(examination: Examination) -> CheckResult:
    """Check that each package can be imported. An installed one may lack a library below it."""
    versions: dict[str, str] = {}
    for module, package in _PACKAGES.items():
        try:
            versions[package] = str(importlib.import_module(module).__version__)
        except (ImportError, OSError) as error:
            raise ResourceError(
                f"{module} cannot be imported ({error}).\n"
                f"reinstall it: {sys.executable} -m pip install --force-reinstall {package}"
            ) from error
    summary = ", ".join(f"{package} {version}" for package, version in versions.items())
    return CheckResult(summary, facts={"versions": versions})


def _check_locale(examination: Examination) -> CheckResult:
    """Check the encoding of file names. Texts are UTF-8 in every locale."""
    encoding = sys.getfilesystemencoding()
    advice = "" if encoding == "utf-8" else "use plain ASCII in paths, or set PYTHONUTF8=1"
    return CheckResult(
        f"names of files in {encoding}, texts always in utf-8", advice, {"encoding": encoding}
    )


ENVIRONMENT_CHECKS = (
    Check("python", _check_python),
    Check("packages", _check_packages),
    Check("locale", _check_locale),
)

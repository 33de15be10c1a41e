"""The preflight of `nmt doctor`, which finds in a minute the failures of hours of training."""

import importlib
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from nmt.doctor.examination import Check, DoctorReport, Examination, Finding, Remark, examine
from nmt.errors import ResourceError
from nmt.version import __version__

ROOM_FOR_NAMES = 11
"""The number of characters of the longest name of a check."""


def preflight(
    config_file: Path | None,
    overrides: Sequence[str],
    machine: Mapping[str, object],
    show: Callable[[Finding], None],
    stop_at_bugs: bool = False,
) -> DoctorReport:
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
    from nmt.doctor.machine_checks import CONFIG, MACHINE

    return [*MACHINE] if config_file is None else [CONFIG, *MACHINE]


def _of_training() -> list[Check]:
    from nmt.doctor.data_checks import TEXTS
    from nmt.doctor.training_checks import WORK

    return [*TEXTS, *WORK]


_OLDEST = (3, 10)

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


def _python(examination: Examination) -> Remark:
    version = platform.python_version()
    if sys.version_info < _OLDEST:
        raise ResourceError(
            f"{version}, and nmt needs {_OLDEST[0]}.{_OLDEST[1]}.\ninstall a later Python"
        )
    found = f"{version} on {platform.system()} {platform.machine()}, nmt {__version__}"
    return Remark(found, facts={"version": version, "nmt": __version__})


def _packages(examination: Examination) -> Remark:
    """Check that each package can be imported. An installed one may lack a library below it."""
    versions: dict[str, str] = {}
    for module, package in _PACKAGES.items():
        try:
            versions[package] = str(importlib.import_module(module).__version__)
        except (ImportError, OSError) as error:
            raise ResourceError(
                f"{module} cannot be imported ({error}).\n"
                f"install it anew: {sys.executable} -m pip install --force-reinstall {package}"
            ) from error
    found = ", ".join(f"{package} {version}" for package, version in versions.items())
    return Remark(found, facts={"versions": versions})


def _locale(examination: Examination) -> Remark:
    """Check the encoding of file names. Texts are UTF-8 in every locale."""
    names = sys.getfilesystemencoding()
    mend = "" if names == "utf-8" else "use plain ASCII in paths, or set PYTHONUTF8=1"
    return Remark(f"names of files in {names}, texts always in utf-8", mend, {"encoding": names})


ENVIRONMENT = (
    Check("python", _python),
    Check("packages", _packages),
    Check("locale", _locale),
)

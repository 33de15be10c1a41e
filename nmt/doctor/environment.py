"""The checks of Python and the installed packages, which import nothing that may be missing."""

import importlib
import platform
import sys

from nmt.doctor.examination import Check, Examination
from nmt.doctor.report import Remark
from nmt.errors import ResourceError
from nmt.version import __version__

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

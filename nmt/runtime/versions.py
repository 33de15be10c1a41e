"""The versions of the software that results depend on."""

import platform
from importlib.metadata import PackageNotFoundError, version

from nmt.version import __version__

_PACKAGES = ("torch", "numpy", "sentencepiece", "sacrebleu", "safetensors", "pydantic")


def versions() -> dict[str, str]:
    """Return the versions of nmt, Python, the system and the packages that results depend on.

    Returns:
        The versions by name, without packages that are not installed.
    """
    found = {
        "nmt": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found

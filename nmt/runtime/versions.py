"""Which versions of what a result was made with."""

import platform
from importlib.metadata import PackageNotFoundError, version

from nmt.version import __version__

_PACKAGES = ("torch", "numpy", "sentencepiece", "sacrebleu", "safetensors", "pydantic")


def versions() -> dict[str, str]:
    """The versions of nmt, Python, the system and the packages that results depend on, by name; a
    package that is not installed as one is left out.
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

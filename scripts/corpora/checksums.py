"""checksums.txt: the SHA-256 of each file at its first sight, to compare with ever after.

Few publishers of corpora give a checksum. What is recorded here does not show that the first copy
was right, but that every later one is the same. The form is that of `sha256sum`.
"""

from pathlib import Path

from nmt.errors import DataError
from nmt.runtime.files import write_text

_NAME = "checksums.txt"


class Checksums:
    """The checksums of a folder."""

    def __init__(self, folder: Path) -> None:
        """Raises DataError when what is there is no such file."""
        self.path = folder / _NAME
        self._known = _read(self.path)

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def matches(self, name: str, sha256: str) -> bool:
        """Whether the file is not recorded yet, or recorded with just this."""
        return self._known.get(name, sha256) == sha256

    def record(self, found: dict[str, str]) -> None:
        """Keep the checksums of files, by name, that have none yet."""
        new = {name: value for name, value in found.items() if name not in self._known}
        if new:
            self._known.update(new)
            lines = (f"{value}  {name}\n" for name, value in sorted(self._known.items()))
            write_text(self.path, "".join(lines))

    def refuse(self, name: str, what: str, sha256: str) -> DataError:
        """What to tell of a file that is another than the recorded one."""
        return DataError(
            f"{what}: has the SHA-256 {sha256}, but {self.path} has {self._known[name]} from its "
            "first sight.\nIf its publisher has changed it and you trust that, remove the line "
            f"of {name} there; if not, look for the file elsewhere and give its folder by --from."
        )


def _read(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}.") from error
    known = {}
    for number, line in enumerate(lines, start=1):
        value, _, name = line.partition("  ")
        if line and (len(value) != 64 or not name):
            raise DataError(f"{path}: line {number}: not a SHA-256, two spaces and a name.")
        if line:
            known[name] = value.lower()
    return known

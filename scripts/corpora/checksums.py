"""The SHA-256 of each file at its first download, with which later copies are compared.

Few publishers of corpora give a checksum. A recorded checksum does not show that the first copy was
right. It shows that every later copy is the same. The file checksums.txt has the form of
`sha256sum`.
"""

from pathlib import Path

from nmt.errors import DataError
from nmt.runtime.atomic_files import write_text

_NAME = "checksums.txt"


class Checksums:
    """The recorded checksums of a folder."""

    def __init__(self, folder: Path) -> None:
        """Read the checksums of a folder.

        Args:
            folder: The folder, with or without recorded checksums.

        Raises:
            DataError: The file of checksums cannot be read or has another form.
        """
        self.path = folder / _NAME
        self._known = _read(self.path)

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def matches(self, name: str, sha256: str) -> bool:
        """Return whether a file has the recorded checksum, or none is recorded.

        Args:
            name: The name of the file.
            sha256: Its checksum.
        """
        return self._known.get(name, sha256) == sha256

    def record(self, found: dict[str, str]) -> None:
        """Record the checksums of files, by name, for those that have none yet.

        Args:
            found: The checksums by the name of the file.
        """
        new = {name: value for name, value in found.items() if name not in self._known}
        if new:
            self._known.update(new)
            lines = (f"{value}  {name}\n" for name, value in sorted(self._known.items()))
            write_text(self.path, "".join(lines))

    def refuse(self, name: str, what: str, sha256: str) -> DataError:
        """Return the error about a file whose checksum differs from the recorded one.

        Args:
            name: The recorded name of the file.
            what: The name of the file in the message.
            sha256: Its checksum.
        """
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

"""A folder of files, or one file that holds them: an archive.

An archive is a zip that anybody can look into. Its members are stored, not compressed, in a fixed
order and with a fixed date, so that the same files make the same bytes. What is read may have been
made by somebody who means harm: whatever is not as we write it is refused before it is used.
"""

import hashlib
import os
import struct
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from nmt.errors import ModelError
from nmt.runtime.files import atomic_file, sha256

_BEGIN = b"PK\x03\x04"
_DATE = (1980, 1, 1, 0, 0, 0)
_PLAIN_FILE = 0o100644 << 16
_MOST_MEMBERS = 1000
_BLOCK = 1 << 20

# What Python's reader of zips says of bytes that are none.
_DAMAGE = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    struct.error,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
    EOFError,
)


class Place(ABC):
    """Files by their names. path: of the folder or of the archive."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def names(self) -> list[str]:
        """The names of the files, sorted; not of what lies in folders within."""

    @abstractmethod
    def read(self, name: str, length: int = -1) -> bytes:
        """The content of a file, or so many bytes of it at the most. Raises OSError when it is not
        there or cannot be read, ModelError when an archive is damaged.
        """

    def content(self, name: str) -> Path | bytes:
        """Its content, or where it lies as a file of its own. Raises as `read` does."""
        return self.read(name)

    @abstractmethod
    def size(self, name: str) -> int:
        """Its length in bytes. Raises OSError when it is not there."""

    @abstractmethod
    def digest(self, name: str) -> str:
        """Its SHA-256 in hexadecimal. Raises as `read` does."""

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return name in self.names()


class Folder(Place):
    """Files in a folder."""

    def names(self) -> list[str]:
        return sorted(file.name for file in self.path.iterdir() if file.is_file())

    def has(self, name: str) -> bool:
        return (self.path / name).is_file()

    def read(self, name: str, length: int = -1) -> bytes:
        with (self.path / name).open("rb") as file:
            return file.read(length)

    def content(self, name: str) -> Path | bytes:
        return self.path / name

    def size(self, name: str) -> int:
        return (self.path / name).stat().st_size

    def digest(self, name: str) -> str:
        return sha256(self.path / name)


class Archive(Place):
    """Files in one file. Reading unpacks nothing to the disk."""

    def __init__(self, path: Path) -> None:
        """Raises OSError when the file cannot be read, ModelError when it is no archive or not one
        that `write_archive` makes.
        """
        super().__init__(path)
        try:
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
            _check(members, path.stat().st_size)
        except _DAMAGE as error:
            raise self._damaged(error) from error
        self._members = {member.filename: member for member in members}

    def names(self) -> list[str]:
        return sorted(self._members)

    def read(self, name: str, length: int = -1) -> bytes:
        with self._open(name) as (archive, member), archive.open(member) as file:
            return file.read(length)

    def size(self, name: str) -> int:
        return self._member(name).file_size

    def digest(self, name: str) -> str:
        digest = hashlib.sha256()
        with self._open(name) as (archive, member), archive.open(member) as file:
            while block := file.read(_BLOCK):
                digest.update(block)
        return digest.hexdigest()

    def _member(self, name: str) -> zipfile.ZipInfo:
        if name not in self._members:
            raise FileNotFoundError(2, os.strerror(2), str(self.path / name))
        return self._members[name]

    def _open(self, name: str) -> "_Opened":
        return _Opened(self, self._member(name))

    def _damaged(self, error: object) -> ModelError:
        return ModelError(f"{self.path}: is damaged, or no model file ({error}). Copy it again.")


class _Opened:
    """A member of an archive that is open; what goes wrong while it is read is a ModelError."""

    def __init__(self, place: Archive, member: zipfile.ZipInfo) -> None:
        self._place = place
        self._member = member

    def __enter__(self) -> tuple[zipfile.ZipFile, zipfile.ZipInfo]:
        try:
            self._archive = zipfile.ZipFile(self._place.path)
        except _DAMAGE as error:
            raise self._place._damaged(error) from error
        return self._archive, self._member

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._archive.close()
        if isinstance(error, _DAMAGE) and not isinstance(error, ModelError):
            raise self._place._damaged(error) from error


def is_archive(path: Path) -> bool:
    """Whether there is a file that begins as an archive does."""
    try:
        if not path.is_file():  # a pipe would be waited for
            return False
        with path.open("rb") as file:
            return file.read(len(_BEGIN)) == _BEGIN
    except OSError:
        return False


def open_place(path: Path) -> Place:
    """The files at `path`. Raises as `Archive` does where it is no folder."""
    return Archive(path) if is_archive(path) else Folder(path)


def write_archive(path: Path, files: Iterable[tuple[str, Path | bytes]]) -> None:
    """Write an archive of files, given by name with their place or content, whole or not at all.

    The same files in the same order give the same bytes. Raises ResourceError when the disk does
    not take them, OSError when a file cannot be read.
    """
    with atomic_file(path) as out, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files:
            _add(archive, name, content)


def _add(archive: zipfile.ZipFile, name: str, content: Path | bytes) -> None:
    member = zipfile.ZipInfo(name, _DATE)
    member.create_system = 3  # as on Unix, wherever it is made
    member.external_attr = _PLAIN_FILE
    member.file_size = len(content) if isinstance(content, bytes) else content.stat().st_size
    with archive.open(member, "w") as out:
        if isinstance(content, bytes):
            out.write(content)
            return
        with content.open("rb") as file:
            _copy(file, out)


def _copy(file: IO[bytes], out: IO[bytes]) -> None:
    while block := file.read(_BLOCK):
        out.write(block)


def _check(members: list[zipfile.ZipInfo], size: int) -> None:
    """Raises ValueError for what `write_archive` does not make: such could lead out of a folder,
    hide one file behind another, or grow beyond all memory when it is read.
    """
    names = [member.filename for member in members]
    if len(names) > _MOST_MEMBERS or len(set(names)) < len(names):
        raise ValueError("too many files, or one name twice")
    for member in members:
        name = member.filename
        if not name or Path(name).name != name or "\\" in name or name == "..":
            raise ValueError(f"a file of the name {name!r:.80}")
        if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size:
            raise ValueError(f"{name!r:.80} is compressed")
        if member.flag_bits & 0x1:
            raise ValueError(f"{name!r:.80} is encrypted")
    if sum(member.file_size for member in members) > size:
        raise ValueError("its files are larger than itself")

"""A store of files: a folder, or one archive that holds the same files.

An archive is a zip file that any program can open. Its members are stored uncompressed, in a fixed
order and with a fixed date, so that the same files give the same bytes. An archive may come from an
attacker: one that `write_archive` would not produce is rejected before it is used.
"""

import hashlib
import os
import struct
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from nmt.errors import ModelError
from nmt.runtime.atomic_files import atomic_file, sha256

_BEGIN = b"PK\x03\x04"
_DATE = (1980, 1, 1, 0, 0, 0)
_PLAIN_FILE = 0o100644 << 16
_MOST_MEMBERS = 1000
_BLOCK = 1 << 20

# The errors that Python's zip reader raises for bytes that are no zip file.
_DAMAGE_ERRORS = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    struct.error,
    NotImplementedError,
    OverflowError,
    RuntimeError,
    ValueError,
    EOFError,
)


class FileStore(ABC):
    """A store of files by name.

    Attributes:
        path: The path of the folder or of the archive.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @abstractmethod
    def names(self) -> list[str]:
        """Return the names of the files, sorted; files in subfolders are left out."""

    @abstractmethod
    def read(self, name: str, length: int = -1) -> bytes:
        """Return the content of a file.

        Args:
            name: The name of the file.
            length: The number of bytes to read at most; -1: all.

        Raises:
            OSError: The file does not exist or cannot be read.
            ModelError: The archive is damaged.
        """

    def content(self, name: str) -> Path | bytes:
        """Return the content of a file, or its path where it is a file of its own.

        Raises:
            OSError: The file does not exist or cannot be read.
            ModelError: The archive is damaged.
        """
        return self.read(name)

    @abstractmethod
    def size(self, name: str) -> int:
        """Return the size of a file in bytes.

        Raises:
            OSError: The file does not exist.
        """

    @abstractmethod
    def digest(self, name: str) -> str:
        """Return the SHA-256 of a file in hexadecimal.

        Raises:
            OSError: The file does not exist or cannot be read.
            ModelError: The archive is damaged.
        """

    def has(self, name: str) -> bool:
        """Return whether there is a file of that name."""
        return name in self.names()


class Folder(FileStore):
    """The files of a folder."""

    def names(self) -> list[str]:
        """See `FileStore.names`."""
        return sorted(file.name for file in self.path.iterdir() if file.is_file())

    def has(self, name: str) -> bool:
        """See `FileStore.has`."""
        return (self.path / name).is_file()

    def read(self, name: str, length: int = -1) -> bytes:
        """See `FileStore.read`."""
        with (self.path / name).open("rb") as file:
            return file.read(length)

    def content(self, name: str) -> Path | bytes:
        """See `FileStore.content`."""
        return self.path / name

    def size(self, name: str) -> int:
        """See `FileStore.size`."""
        return (self.path / name).stat().st_size

    def digest(self, name: str) -> str:
        """See `FileStore.digest`."""
        return sha256(self.path / name)


class Archive(FileStore):
    """The files of an archive, which are read without unpacking them to the disk.

    Raises:
        OSError: The file cannot be read.
        ModelError: It is no archive, or one that `write_archive` would not produce.
    """

    def __init__(self, path: Path) -> None:
        """Open an archive."""
        super().__init__(path)
        try:
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
            _check_members(members, path.stat().st_size)
        except _DAMAGE_ERRORS as error:
            raise self._damaged(error) from error
        self._members = {member.filename: member for member in members}

    def names(self) -> list[str]:
        """See `FileStore.names`."""
        return sorted(self._members)

    def read(self, name: str, length: int = -1) -> bytes:
        """See `FileStore.read`."""
        with self._open(name) as file:
            return file.read(length)

    def size(self, name: str) -> int:
        """See `FileStore.size`."""
        return self._member(name).file_size

    def digest(self, name: str) -> str:
        """See `FileStore.digest`."""
        digest = hashlib.sha256()
        with self._open(name) as file:
            while block := file.read(_BLOCK):
                digest.update(block)
        return digest.hexdigest()

    def _member(self, name: str) -> zipfile.ZipInfo:
        if name not in self._members:
            raise FileNotFoundError(2, os.strerror(2), str(self.path / name))
        return self._members[name]

    @contextmanager
    def _open(self, name: str) -> Iterator[IO[bytes]]:
        """Yield an opened member. Errors of reading become ModelErrors."""
        member = self._member(name)
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(member) as file:
                yield file
        except _DAMAGE_ERRORS as error:
            raise self._damaged(error) from error

    def _damaged(self, error: object) -> ModelError:
        return ModelError(
            f"{self.path}: is damaged or not a single-file model ({error}). Copy it again."
        )


def is_archive(path: Path) -> bool:
    """Return whether a path is a file that begins like an archive."""
    try:
        if not path.is_file():  # reading from a pipe would block
            return False
        with path.open("rb") as file:
            return file.read(len(_BEGIN)) == _BEGIN
    except OSError:
        return False


def open_file_store(path: Path) -> FileStore:
    """Return the file store at a path, an archive or else a folder.

    Raises:
        OSError: The archive cannot be read.
        ModelError: The archive is damaged, or one that `write_archive` would not produce.
    """
    return Archive(path) if is_archive(path) else Folder(path)


def write_archive(path: Path, files: Iterable[tuple[str, Path | bytes]]) -> None:
    """Write an archive of files, complete or not at all.

    The same files in the same order give the same bytes.

    Args:
        path: The archive.
        files: The files, each with its name and its path or content.

    Raises:
        ResourceError: The archive cannot be written.
        OSError: A file cannot be read.
    """
    with atomic_file(path) as out, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files:
            _add(archive, name, content)


def _add(archive: zipfile.ZipFile, name: str, content: Path | bytes) -> None:
    member = zipfile.ZipInfo(name, _DATE)
    member.create_system = 3  # Unix, on every system
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


def _check_members(members: list[zipfile.ZipInfo], size: int) -> None:
    """Raise ValueError for members that `write_archive` would not produce.

    They could lead out of a folder, hide one file behind another, or exceed the memory when read.
    """
    names = [member.filename for member in members]
    if len(names) > _MOST_MEMBERS or len(set(names)) < len(names):
        raise ValueError("too many files, or a duplicate name")
    for member in members:
        name = member.filename
        if not name or Path(name).name != name or "\\" in name or name == "..":
            raise ValueError(f"unexpected file {name!r:.80}")
        if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size:
            raise ValueError(f"{name!r:.80} is compressed")
        if member.flag_bits & 0x1:
            raise ValueError(f"{name!r:.80} is encrypted")
    if sum(member.file_size for member in members) > size:
        raise ValueError("its files are larger than itself")

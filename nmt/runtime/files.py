"""Files that are whole or absent: written beside their final name, flushed to disk, renamed."""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from nmt.errors import ResourceError

_TEMPORARY_PREFIX = ".tmp-"


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """A binary file that appears under `path` only when the block ends without an error.

    Raises ResourceError when the folder cannot be written to or the disk is full.
    """
    with _plain_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=_TEMPORARY_PREFIX, dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
            flush_directory(path.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """A directory to fill, which appears as `path` only when the block ends without an error.

    A directory already under that name is replaced: it is first renamed aside and deleted last, so
    that one complete directory exists at every instant under the one name or the other.

    Raises ResourceError when the folder cannot be written to or the disk is full.
    """
    with _plain_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=_TEMPORARY_PREFIX, dir=path.parent))
        try:
            yield temporary
            for file in sorted(temporary.rglob("*")):
                _flush(file)
            flush_directory(temporary)
            temporary.chmod(0o777 & ~_umask())
            _replace_directory(temporary, path)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


def remove_leftovers(folder: Path) -> None:
    """Remove what a process that was killed left half-written in a folder.

    Only for a folder that no other process writes to at the moment.
    """
    for path in folder.glob(f"{_TEMPORARY_PREFIX}*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file with `\\n` line ends, whole or not at all."""
    with atomic_file(path) as file:
        file.write(text.encode("utf-8"))


def sha256(path: Path) -> str:
    """The hexadecimal SHA-256 of a file's bytes, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def flush_directory(path: Path) -> None:
    """Make renames inside a directory durable, where the platform knows how."""
    if os.name != "posix":
        return
    _flush(path)


def _replace_directory(new: Path, path: Path) -> None:
    if not path.exists():
        new.rename(path)
        flush_directory(path.parent)
        return
    old = Path(tempfile.mkdtemp(prefix=_TEMPORARY_PREFIX, dir=path.parent)) / path.name
    path.rename(old)
    new.rename(path)
    flush_directory(path.parent)
    shutil.rmtree(old.parent)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextlib.contextmanager
def _plain_disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ResourceError(
            f"{path}: cannot be written: {error.strerror or error}. "
            "Free space on the disk, or choose a folder you may write to."
        ) from error

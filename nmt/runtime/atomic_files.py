"""Files that are complete or absent: written beside their final name, flushed, renamed."""

import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Container, Iterator
from pathlib import Path
from typing import IO, Any

from nmt.errors import ResourceError

_NEW = ".tmp-"  # incomplete, or being deleted
_OLD = ".old-"  # a folder that holds a complete directory, renamed aside
_LEFTOVER = re.compile(r"(\.tmp-|\.old-)(?P<name>.+)-[a-z0-9_]{8}", re.DOTALL)

_DISK_ERRORS = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO))
_ADVICE = {
    errno.ENOTDIR: "Choose another path: a parent folder of it is a file",
    errno.EEXIST: "Choose another path: a parent folder of it is a file",
    errno.EISDIR: "Choose another name: it is the name of a folder",
    errno.ENAMETOOLONG: "Choose a shorter name",
    errno.EACCES: "Choose a writable folder",
    errno.EROFS: "Choose a writable folder",
    errno.EBADF: "The stream is closed: open it, or give a file",
}


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Yield a binary file that appears at `path` only when the block ends without an error.

    Raises:
        ResourceError: The folder cannot be written to, or the disk is full. Other errors of the
            block are raised as they are.
    """
    temporary = _temporary_path(path)
    try:
        with wrap_os_errors(path):
            _make_folder(path.parent)
            opened = temporary.open("xb")
        # Closing flushes the buffer, so it happens inside too.
        with wrap_os_errors(path, only=_DISK_ERRORS), opened as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        with wrap_os_errors(path):
            temporary.replace(path)
            flush_directory(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):  # such as a folder that cannot be written to
            temporary.unlink()
        raise


@contextlib.contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Yield a directory to fill, which appears at `path` only when the block ends without an error.

    An existing directory of that name is replaced. It is first renamed aside and deleted last, so
    that one complete directory exists at every instant. A process that is killed in between leaves
    it aside, and `remove_leftovers` puts it back.

    Raises:
        ResourceError: The folder cannot be written to, or the disk is full. Other errors of the
            block are raised as they are.
    """
    temporary = _temporary_path(path)
    try:
        with wrap_os_errors(path):
            _make_folder(path.parent)
            temporary.mkdir(0o700)
        with wrap_os_errors(path, only=_DISK_ERRORS):
            yield temporary
        with wrap_os_errors(path):
            for file in sorted(temporary.rglob("*")):
                _flush(file)
            flush_directory(temporary)
            temporary.chmod(0o777 & ~_umask())
            _replace_directory(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def remove_leftovers(folder: Path, names: Container[str] | None = None) -> None:
    """Clean a folder up after a killed process.

    Incomplete files and directories are removed. A directory that was renamed aside, but not
    replaced, gets its name back.

    Args:
        folder: The folder. No other process may write the names concerned meanwhile.
        names: The final names concerned; None: all.

    Raises:
        ResourceError: The folder cannot be written to.
    """
    with wrap_os_errors(folder):
        # Where several were renamed aside from one name, the newest is kept.
        for aside in sorted(
            _find_leftovers(folder, _OLD, names), key=_modification_time, reverse=True
        ):
            _restore_or_delete(aside)
        for path in _find_leftovers(folder, _NEW, names):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def remove_directory(path: Path) -> None:
    """Remove a directory.

    A process that is killed meanwhile leaves it under a name that `remove_leftovers` recognises.

    Raises:
        ResourceError: The parent folder cannot be written to.
    """
    with wrap_os_errors(path):
        doomed = Path(tempfile.mkdtemp(prefix=f"{_NEW}{path.name}-", dir=path.parent))
        path.rename(doomed / path.name)
        shutil.rmtree(doomed)


def check_free_space(path: Path, size: int) -> None:
    """Check that a disk has enough free space.

    Even then a write can fail: a quota may be lower, and other processes write too.

    Args:
        path: A file or directory that is to be written on the disk.
        size: The space needed, in bytes.

    Raises:
        ResourceError: The disk has less free space.
    """
    with wrap_os_errors(path):
        _make_folder(path.parent)
        free = shutil.disk_usage(path.parent).free
    if free < size:
        raise ResourceError(
            f"{path}: needs {size / 1e6:,.1f} MB, but the disk has {free / 1e6:,.1f} MB free. "
            "Free some space."
        )


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, complete or not at all.

    Args:
        path: The file.
        text: The content, which is written with its line ends as they are.

    Raises:
        ResourceError: The file cannot be written.
    """
    with atomic_file(path) as file:
        file.write(text.encode("utf-8"))


def read_json(path: Path) -> Any:
    """Return the value in a JSON file.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not JSON, or nested too deeply.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def append_text(path: Path, text: str) -> None:
    """Append lines to a UTF-8 text file, all of them or none.

    Args:
        path: The file.
        text: The lines.

    Raises:
        ResourceError: The file cannot be written.
    """
    with wrap_os_errors(path), path.open("ab", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        rest = memoryview(text.encode("utf-8"))
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except BaseException:
            file.truncate(size)
            raise


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file, which is read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def flush_directory(path: Path) -> None:
    """Make renames inside a directory durable, where the platform supports it."""
    if os.name != "posix":
        return
    _flush(path)


@contextlib.contextmanager
def wrap_os_errors(path: Path, only: Container[int] | None = None) -> Iterator[None]:
    """Return a context manager that turns OSErrors into a ResourceError about writing `path`.

    Args:
        path: The file or directory that the block writes.
        only: The error numbers of disk trouble, where the block does other things too. Other errors
            are raised as they are. None: all errors.

    Raises:
        ResourceError: The block raised an OSError.
    """
    try:
        yield
    except OSError as error:
        if only is not None and error.errno not in only:
            raise
        raise write_error(path, error) from error


def write_error(path: Path, error: OSError) -> ResourceError:
    """Return the error for a path that could not be written.

    Args:
        path: The path.
        error: The system's error.
    """
    advice = _ADVICE.get(error.errno or 0, "Free some disk space, or choose a writable folder")
    return ResourceError(f"{path}: cannot be written: {error.strerror or error}. {advice}.")


def _temporary_path(path: Path) -> Path:
    """Return a temporary name beside `path`.

    It is known before the file is created, so that a signal during the creation leaves no unknown
    file.
    """
    return path.with_name(f"{_NEW}{path.name}-{secrets.token_hex(4)}")


def _make_folder(folder: Path) -> None:
    """Create a folder and its parents durably; else a power cut may remove their content."""
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in reversed(new):
        flush_directory(path.parent)


def _replace_directory(new: Path, path: Path) -> None:
    aside = Path(tempfile.mkdtemp(prefix=f"{_OLD}{path.name}-", dir=path.parent))
    try:
        if os.path.lexists(path):
            path.rename(aside / path.name)
        new.rename(path)
        flush_directory(path.parent)
    finally:
        _restore_or_delete(aside)


def _restore_or_delete(aside: Path) -> None:
    """Put a directory that was renamed aside back if its name is free, else remove it."""
    for old in list(aside.iterdir()):
        if not os.path.lexists(aside.with_name(old.name)):
            old.rename(aside.with_name(old.name))
    # Renamed before it is deleted: a directory in an `.old-` folder is always complete.
    doomed = aside.with_name(_NEW + aside.name.removeprefix(_OLD))
    aside.rename(doomed)
    shutil.rmtree(doomed)


def _find_leftovers(folder: Path, prefix: str, names: Container[str] | None) -> list[Path]:
    paths = []
    for path in folder.glob(f"{prefix}*"):
        match = _LEFTOVER.fullmatch(path.name)
        if match is not None and (names is None or match["name"] in names):
            paths.append(path)
    return paths


def _modification_time(path: Path) -> int:
    return path.stat().st_mtime_ns


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

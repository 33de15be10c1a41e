"""Files that are whole or absent: written beside their final name, flushed to disk, renamed."""

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

_NEW = ".tmp-"  # not yet complete, or no longer
_OLD = ".old-"  # a folder that holds a complete directory, renamed aside
_LEFTOVER = re.compile(r"(\.tmp-|\.old-)(?P<name>.+)-[a-z0-9_]{8}", re.DOTALL)

_DISK_TROUBLE = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO))
_ADVICE = {
    errno.ENOTDIR: "Choose another place: a part of its path is a file",
    errno.EEXIST: "Choose another place: a part of its path is a file",
    errno.EISDIR: "Choose another name: a folder has this one",
    errno.ENAMETOOLONG: "Choose a shorter name",
    errno.EACCES: "Choose a folder you may write to",
    errno.EROFS: "Choose a folder you may write to",
    errno.EBADF: "The stream is closed: open it, or name a file",
}


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """A binary file that appears under `path` only when the block ends without an error.

    Raises ResourceError when the folder cannot be written to or the disk is full; other errors of
    the block are left as they are.
    """
    temporary = _beside(path)
    try:
        with plain_disk_errors(path):
            _make_folder(path.parent)
            opened = temporary.open("xb")
        # Closing writes what is still in the buffer, so it stands inside too.
        with plain_disk_errors(path, only=_DISK_TROUBLE), opened as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        with plain_disk_errors(path):
            temporary.replace(path)
            flush_directory(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):  # of a folder that cannot be written to, say
            temporary.unlink()
        raise


@contextlib.contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """A directory to fill, which appears as `path` only when the block ends without an error.

    A directory already under that name is replaced: it is first renamed aside and deleted last, so
    that one complete directory exists at every instant. A process killed in between leaves it
    aside, and `remove_leftovers` puts it back.

    Raises ResourceError when the folder cannot be written to or the disk is full; other errors of
    the block are left as they are.
    """
    temporary = _beside(path)
    try:
        with plain_disk_errors(path):
            _make_folder(path.parent)
            temporary.mkdir(0o700)
        with plain_disk_errors(path, only=_DISK_TROUBLE):
            yield temporary
        with plain_disk_errors(path):
            for file in sorted(temporary.rglob("*")):
                _flush(file)
            flush_directory(temporary)
            temporary.chmod(0o777 & ~_umask())
            _replace_directory(temporary, path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def remove_leftovers(folder: Path, names: Container[str] | None = None) -> None:
    """Mend what a killed process left in a folder: half-written files and directories go, and a
    directory that was renamed aside to be replaced, but was not, gets its name back.

    names: the final names concerned (None: all); no other process may write them at the moment.

    Raises ResourceError when the folder cannot be written to.
    """
    with plain_disk_errors(folder):
        # Should several be aside under one name, the newest is the one to keep.
        for aside in sorted(_leftovers(folder, _OLD, names), key=_modified, reverse=True):
            _settle(aside)
        for path in _leftovers(folder, _NEW, names):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def remove_directory(path: Path) -> None:
    """Remove a directory. What is left of it when the process is killed in between has another
    name, one that `remove_leftovers` knows.

    Raises ResourceError when the folder it is in cannot be written to.
    """
    with plain_disk_errors(path):
        half = Path(tempfile.mkdtemp(prefix=f"{_NEW}{path.name}-", dir=path.parent))
        path.rename(half / path.name)
        shutil.rmtree(half)


def insist_on_space(path: Path, size: int) -> None:
    """Raises ResourceError when the disk that `path` is to be on has fewer than `size` free bytes.

    Having them is no promise: a quota may be lower, and others write too.
    """
    with plain_disk_errors(path):
        _make_folder(path.parent)
        free = shutil.disk_usage(path.parent).free
    if free < size:
        raise ResourceError(
            f"{path}: needs {size / 1e6:,.1f} MB, and the disk has {free / 1e6:,.1f} MB free. "
            "Free space on it."
        )


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file with `\\n` line ends, whole or not at all."""
    with atomic_file(path) as file:
        file.write(text.encode("utf-8"))


def read_json(path: Path) -> Any:
    """The value in a JSON file. Raises OSError when it cannot be read, ValueError when it is no
    JSON, or nested beyond all use.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def append_text(path: Path, text: str) -> None:
    """Write lines at the end of a UTF-8 text file, all of them or none.

    Raises ResourceError when the disk does not take them.
    """
    with plain_disk_errors(path), path.open("ab", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        rest = memoryview(text.encode("utf-8"))
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except BaseException:
            file.truncate(size)
            raise


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


@contextlib.contextmanager
def plain_disk_errors(path: Path, only: Container[int] | None = None) -> Iterator[None]:
    """Turns errors of the system in the block into a ResourceError about writing `path`.

    only: the error numbers that tell of trouble with the disk, where the block does other things
    too; the rest are left as they are.
    """
    try:
        yield
    except OSError as error:
        if only is not None and error.errno not in only:
            raise
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> ResourceError:
    """What to tell of a path that could not be written."""
    advice = _ADVICE.get(
        error.errno or 0, "Free space on the disk, or choose a folder you may write to"
    )
    return ResourceError(f"{path}: cannot be written: {error.strerror or error}. {advice}.")


def _beside(path: Path) -> Path:
    """A name for what will be `path`. It is known before anything has it: a signal that comes while
    that is made leaves nothing that nobody knows of.
    """
    return path.with_name(f"{_NEW}{path.name}-{secrets.token_hex(4)}")


def _make_folder(folder: Path) -> None:
    """Make a folder and those it is in, durably: else a power cut may take what lies in it too."""
    new = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in reversed(new):
        flush_directory(each.parent)


def _replace_directory(new: Path, path: Path) -> None:
    aside = Path(tempfile.mkdtemp(prefix=f"{_OLD}{path.name}-", dir=path.parent))
    try:
        if os.path.lexists(path):
            path.rename(aside / path.name)
        new.rename(path)
        flush_directory(path.parent)
    finally:
        _settle(aside)


def _settle(aside: Path) -> None:
    """Put what was renamed aside back if nothing has taken its place, else remove it."""
    for old in list(aside.iterdir()):
        if not os.path.lexists(aside.with_name(old.name)):
            old.rename(aside.with_name(old.name))
    # Renamed before it is deleted: whatever lies in such a folder is complete.
    half = aside.with_name(_NEW + aside.name.removeprefix(_OLD))
    aside.rename(half)
    shutil.rmtree(half)


def _leftovers(folder: Path, prefix: str, names: Container[str] | None) -> list[Path]:
    found = []
    for path in folder.glob(f"{prefix}*"):
        match = _LEFTOVER.fullmatch(path.name)
        if match is not None and (names is None or match["name"] in names):
            found.append(path)
    return found


def _modified(path: Path) -> int:
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

"""Lock files that admit one process at a time; the system releases them when a holder ends."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from nmt.errors import ResourceError
from nmt.runtime.atomic_files import wrap_os_errors

try:
    import fcntl
except ImportError:  # not POSIX
    fcntl = None  # type: ignore[assignment]  # tested below

_LOOKS = 3
_PAUSE = 0.02
_PAUSE_OF_WAITING = 0.2


@contextlib.contextmanager
def exclusive(
    path: Path,
    work: str,
    instead: str = "take another run folder",
    waiting: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Return a context manager that holds a lock file while the block runs.

    The file holds the process id meanwhile. A lock file of a process that was killed does not
    count. Where the system has no such locks (Windows), nothing is held.

    Args:
        path: The lock file.
        work: The work that the lock protects, as the error names it.
        instead: The alternative that the error suggests.
        waiting: Called once with the id of the process that holds the lock, before this one waits
            for it; None: do not wait.

    Raises:
        ResourceError: Another process holds the lock and `waiting` is None, or the file cannot be
            written.
    """
    if fcntl is None:
        yield
        return
    with wrap_os_errors(path):
        file = _acquire(path, work, instead, waiting)
    try:
        yield
    finally:
        # Removed while still held: a process that opened it in between notices that. A folder that
        # was moved away may have been recreated, with the lock of another process in it.
        if _is_still_there(path, file):
            path.unlink()
        file.close()


def holder(path: Path) -> str | None:
    """Return the id of the process that holds a lock file.

    Returns:
        The process id; None where no process holds it, and always on Windows.

    Raises:
        OSError: The file exists and cannot be read.
    """
    if fcntl is None:
        return None
    try:
        file = path.open("r", encoding="ascii", errors="replace")
    except FileNotFoundError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return file.read().strip() or "unknown"
    return None


def _acquire(path: Path, work: str, instead: str, waiting: Callable[[str], None] | None) -> IO[str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    looks = 0
    while True:
        file = path.open("a+", encoding="ascii")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still_there(path, file):
                file.truncate(0)
                file.write(f"{os.getpid()}\n")
                file.flush()
                return file
        except BlockingIOError as error:
            file.seek(0)
            other = file.read().strip() or "unknown"
            file.close()
            looks += 1
            if looks < _LOOKS:  # `holder` also holds it, briefly
                time.sleep(_PAUSE)
                continue
            if waiting is not None:
                if looks == _LOOKS:
                    waiting(other)
                time.sleep(_PAUSE_OF_WAITING)
                continue
            raise ResourceError(
                f"{path}: another nmt (process {other}) is at work on {work}. "
                f"Wait for it to end, or {instead}."
            ) from error
        except BaseException:
            file.close()
            raise
        file.close()


def _is_still_there(path: Path, file: IO[str]) -> bool:
    try:
        return path.stat().st_ino == os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False

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

_ATTEMPTS = 3
_SECONDS_BETWEEN_ATTEMPTS = 0.02
_SECONDS_BETWEEN_WAITING_ATTEMPTS = 0.2


@contextlib.contextmanager
def hold_lock(
    path: Path,
    work: str,
    alternative: str = "choose another run_dir",
    on_wait: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Return a context manager that holds a lock file while the block runs.

    The file holds the process id meanwhile. A lock file of a process that was killed does not
    count. Where the system has no such locks (Windows), nothing is held.

    Args:
        path: The lock file.
        work: The work that the lock protects, as the error names it.
        alternative: The alternative that the error suggests.
        on_wait: Called once with the id of the process that holds the lock, before this one waits
            for it; None: do not wait.

    Raises:
        ResourceError: Another process holds the lock and `on_wait` is None, or the file cannot be
            written.
    """
    if fcntl is None:
        yield
        return
    with wrap_os_errors(path):
        file = _acquire(path, work, alternative, on_wait)
    try:
        yield
    finally:
        # Removed while still held: a process that opened it in between notices that. A folder that
        # was moved away may have been recreated, with the lock of another process in it.
        if _is_same_file(path, file):
            path.unlink()
        file.close()


def find_lock_holder(path: Path) -> str | None:
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


def _acquire(
    path: Path, work: str, alternative: str, on_wait: Callable[[str], None] | None
) -> IO[str]:
    path.parent.mkdir(parents=True, exist_ok=True)
    attempts = 0
    while True:
        file = path.open("a+", encoding="ascii")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_same_file(path, file):
                file.truncate(0)
                file.write(f"{os.getpid()}\n")
                file.flush()
                return file
        except BlockingIOError as error:
            file.seek(0)
            holder_id = file.read().strip() or "unknown"
            file.close()
            attempts += 1
            if attempts < _ATTEMPTS:  # `holder` also holds it, briefly
                time.sleep(_SECONDS_BETWEEN_ATTEMPTS)
                continue
            if on_wait is not None:
                if attempts == _ATTEMPTS:
                    on_wait(holder_id)
                time.sleep(_SECONDS_BETWEEN_WAITING_ATTEMPTS)
                continue
            raise ResourceError(
                f"{path}: another nmt (process {holder_id}) is using {work}. Wait until it has "
                f"finished, or {alternative}."
            ) from error
        except BaseException:
            file.close()
            raise
        file.close()


def _is_same_file(path: Path, file: IO[str]) -> bool:
    try:
        return path.stat().st_ino == os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False

"""One process at a time: a lock file that the system lets go when its holder ends, however."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from nmt.errors import ResourceError
from nmt.runtime.files import plain_disk_errors

try:
    import fcntl
except ImportError:  # not POSIX
    fcntl = None  # type: ignore[assignment]  # tested below

_LOOKS = 3
_PAUSE = 0.02


@contextlib.contextmanager
def exclusive(path: Path, work: str, instead: str = "take another run folder") -> Iterator[None]:
    """Hold the lock file `path` while the block runs; the file holds our process id meanwhile.

    A lock file left behind by a process that was killed does not count. Where the system has no
    such locks (Windows), nothing is held.

    Raises ResourceError when another process holds it, naming that process, `work`, and what one
    can do `instead`.
    """
    if fcntl is None:
        yield
        return
    with plain_disk_errors(path):
        file = _acquire(path, work, instead)
    try:
        yield
    finally:
        # Removed while still held: whoever opened it in between sees that it is gone. A folder that
        # was moved away may have been made anew, with another's lock in it.
        if _is_still_there(path, file):
            path.unlink()
        file.close()


def holder(path: Path) -> str | None:
    """The id of the process that holds a lock file, None where none does (on Windows always).

    Raises OSError when the file is there and cannot be read.
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


def _acquire(path: Path, work: str, instead: str) -> IO[str]:
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
            other = file.read().strip()
            file.close()
            looks += 1
            if looks < _LOOKS:  # `holder` holds it too, for a moment
                time.sleep(_PAUSE)
                continue
            raise ResourceError(
                f"{path}: another nmt (process {other or 'unknown'}) is at work on {work}. "
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

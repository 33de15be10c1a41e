"""One process at a time: a lock file that the system lets go when its holder ends, however."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from nmt.errors import ResourceError

try:
    import fcntl
except ImportError:  # not POSIX
    fcntl = None  # type: ignore[assignment]  # tested below


@contextlib.contextmanager
def exclusive(path: Path, work: str) -> Iterator[None]:
    """Hold the lock file `path` while the block runs; the file holds our process id meanwhile.

    A lock file left behind by a process that was killed does not count. Where the system has no
    such locks (Windows), nothing is held.

    Raises ResourceError when another process holds it, naming that process and `work`.
    """
    if fcntl is None:
        yield
        return
    file = _acquire(path, work)
    try:
        yield
    finally:
        # Removed while still held: whoever opened it in between sees that it is gone.
        path.unlink(missing_ok=True)
        file.close()


def _acquire(path: Path, work: str) -> IO[str]:
    while True:
        file = _open(path)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = file.read().strip()
            file.close()
            raise ResourceError(
                f"{path}: another nmt (process {holder or 'unknown'}) is at work on {work}. "
                "Wait for it to end, or take another run folder."
            ) from error
        except BaseException:
            file.close()
            raise
        if _is_still_there(path, file):
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            return file
        file.close()


def _open(path: Path) -> IO[str]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="ascii")
        file.seek(0)
        return file
    except OSError as error:
        raise ResourceError(
            f"{path}: cannot be written: {error.strerror or error}. "
            "Choose a run folder you may write to."
        ) from error


def _is_still_there(path: Path, file: IO[str]) -> bool:
    try:
        return path.stat().st_ino == os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False

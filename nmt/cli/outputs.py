"""Files that a command writes: never over what it reads, and refused before the work."""

import os
from collections.abc import Iterable
from pathlib import Path

from nmt.errors import UsageError


def check_written(
    written: Iterable[Path | None], read: Iterable[Path | None], runs: Iterable[Path] = ()
) -> None:
    """Refuse files to write that cannot be meant.

    None stands for stdin and stdout; runs: folders whose own files are not to be written over.

    Raises UsageError for a folder, for a file that is read or written twice, and for one that a run
    has made.
    """
    given = [path for path in written if path is not None]
    sources = [path for path in read if path is not None]
    for place, path in enumerate(given):
        if path.is_dir():
            raise UsageError(f"{path}: is a folder; give a file.")
        if any(replaces(path, source) for source in sources):
            raise UsageError(f"{path}: is read, and would be overwritten. Give another file.")
        if any(same_path(path, other) for other in given[:place]):
            raise UsageError(f"{path}: was given twice for what is written. Give another file.")
        if any(_made_by_run(path, run) for run in runs):
            raise UsageError(f"{path}: belongs to the run, and would be overwritten.")


def same_path(one: Path | None, other: Path | None) -> bool:
    """Whether two paths lead to one place."""
    if one is None or other is None:
        return False
    return os.path.realpath(one) == os.path.realpath(other)


def replaces(written: Path | None, read: Path | None) -> bool:
    """Whether a file that is read would be overwritten; a terminal may be both."""
    return read is not None and read.is_file() and same_path(written, read)


def _made_by_run(path: Path, run: Path) -> bool:
    """Pages beside the files of a run may be written anew."""
    inside = path.resolve().is_relative_to(run.resolve())
    return inside and path.exists() and path.suffix.lower() not in (".html", ".htm")

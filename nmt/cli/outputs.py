"""Checks of output files before the work, so that no command overwrites its input."""

import os
from collections.abc import Iterable
from pathlib import Path

from nmt.errors import UsageError


def check_written(
    written: Iterable[Path | None], read: Iterable[Path | None], runs: Iterable[Path] = ()
) -> None:
    """Check the output files of a command.

    Args:
        written: Output files; None for stdout.
        read: Input files; None for stdin.
        runs: Folders of runs, whose own files must not be overwritten.

    Raises:
        UsageError: An output is a folder, an input, given twice, or a file of a run.
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
    """Return whether two paths lead to the same file.

    Args:
        one: The first path; None for a standard stream, which is never the same.
        other: The second path.
    """
    if one is None or other is None:
        return False
    return os.path.realpath(one) == os.path.realpath(other)


def replaces(written: Path | None, read: Path | None) -> bool:
    """Return whether an output would overwrite an input. A terminal may be both.

    Args:
        written: The output file, or None.
        read: The input file, or None.
    """
    return read is not None and read.is_file() and same_path(written, read)


def _made_by_run(path: Path, run: Path) -> bool:
    """Return whether a run made a file. HTML reports in its folder may be overwritten."""
    inside = path.resolve().is_relative_to(run.resolve())
    return inside and path.exists() and path.suffix.lower() not in (".html", ".htm")

"""Bundle that is locked while it is tuned."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from nmt.bundle import FACTS, find_bundle, insist_on_a_folder
from nmt.runtime.files import remove_leftovers
from nmt.runtime.lock import exclusive
from nmt.runtime.run_directory import RunDirectory


@contextlib.contextmanager
def held_bundle(path: Path | None) -> Iterator[Path]:
    """Yield the bundle of a command, locked against training and other tuning.

    The remains of a tuning that was killed are repaired first.

    Args:
        path: A bundle or a run. None: see `find_bundle`.

    Raises:
        ModelError: There is no bundle.
        UsageError: The bundle is one file.
        ResourceError: Another process writes the bundle.
    """
    path = find_bundle(None) if path is None else path
    insist_on_a_folder(path)
    place = _place(path)
    if place.exists() or not place.parent.is_dir():
        find_bundle(path)
    run = RunDirectory(place.parent)
    in_a_run = run.config_file.is_file()
    lock = run.training_lock if in_a_run else place.with_name(f".{place.name}.tuning")
    with exclusive(lock, "this model"):
        remove_leftovers(place.parent, [place.name])
        yield find_bundle(path)


def _place(path: Path) -> Path:
    """Return the folder of a bundle, or where it was before it was renamed aside."""
    run = RunDirectory(path)
    of_a_run = run.config_file.is_file() and not (path / FACTS).is_file()
    return (run.best if of_a_run else path).resolve()

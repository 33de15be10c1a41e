"""Bundles in one file, which every command accepts like a bundle in a folder."""

from pathlib import Path

from nmt.bundle import CARD, FACTS, check_files, open_bundle, read_facts
from nmt.errors import UsageError
from nmt.runtime.places import write_archive

SUFFIX = ".nmt"


def write_model_file(bundle: Path, out: Path, replace: bool = False) -> list[str]:
    """Write a bundle to one file.

    The same bundle gives the same bytes. Other files in the folder of the bundle are left out.

    Args:
        bundle: The path of the bundle.
        out: The file to write.
        replace: Whether the file may exist already.

    Returns:
        The names of the files within the new one.

    Raises:
        UsageError: The file exists already.
        ModelError: The bundle is damaged.
        ResourceError: The disk does not take the file.
    """
    if out.is_dir() or (out.exists() and not replace):
        hint = "Give the name of a file." if out.is_dir() else "Give another name, or --force."
        raise UsageError(f"{out}: is there already. {hint}")
    place = open_bundle(bundle)
    check_files(bundle)
    names = [FACTS, *sorted(read_facts(bundle)["sha256"])]
    names += [CARD] if place.has(CARD) else []
    write_archive(out, ((name, place.content(name)) for name in names))
    return names

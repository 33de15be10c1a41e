"""A bundle as one file, which every command takes where it takes a bundle."""

from pathlib import Path

from nmt.bundle import CARD, FACTS, check_files, open_bundle, read_facts
from nmt.errors import UsageError
from nmt.runtime.places import write_archive

SUFFIX = ".nmt"


def write_model_file(bundle: Path, out: Path, replace: bool = False) -> list[str]:
    """Write the files of a bundle into one, `out`; gives their names. What else lies in its folder
    stays behind. The same bundle gives the same bytes.

    replace: whether `out` may be there already. Raises UsageError when it is, ModelError when the
    bundle is damaged, ResourceError when the disk does not take the file.
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

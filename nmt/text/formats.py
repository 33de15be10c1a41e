"""The registry of file formats: what a file is, by its first bytes and by its lines.

The ending of a name tells nothing here. `identify` looks at the beginning of a file and returns
its format, or None for plain text. A format is a class (`nmt.text.file_format`), or an instance of
a general one, and an entry of the table in `nmt.text.byte_formats` or `nmt.text.line_formats`.
"""

import shlex
from collections.abc import Sequence
from pathlib import PurePath

from nmt.text.byte_formats import BYTE_FORMATS, COMPRESSIONS, Compression
from nmt.text.file_format import Format, Head
from nmt.text.line_formats import LINE_FORMATS

_ENDINGS = frozenset(
    (".txt", ".tsv", ".csv", ".tab", ".json", ".jsonl", ".tmx", ".xlf", ".xliff", ".sgm", ".xml")
) | {each.suffix for each in COMPRESSIONS}
"""What a new name does not keep of the old one; `.en` and the like stay."""

FORMATS = (*BYTE_FORMATS, *LINE_FORMATS)
"""All formats but plain text."""


def identify(head: Head, among: Sequence[Format] = FORMATS) -> Format | None:
    """Return the format of a file by its beginning, None where it is none of those given."""
    if not head.data:
        return None
    return next((each for each in among if each.matches(head)), None)


def problem(found: Format, head: Head, name: str, packed: Sequence[Compression] = ()) -> str:
    """Return what a file is and how to get plain text out of it, in one to three lines.

    Args:
        found: What the file is.
        head: How it begins.
        name: Its path, or `stdin`.
        packed: How it is compressed, from without.
    """
    seems = "is" if found.certain else "looks like"
    advice = found.advice(head)
    lines = [f"{name}: {seems} {found.title}."]
    if advice.text:
        path = "FILE" if name == "stdin" else shlex.quote(name)
        lines[0] += f" {advice.text.format(path=path)}"
    if len(advice.filters) == 1:
        lines.append(f"Convert it: {_command(advice.filters[0], name, packed, 'new')}")
    else:
        for number, each in enumerate(advice.filters, start=1):
            lines.append(f"Split it: {_command(each, name, packed, str(number))}")
    return "\n".join(lines)


def _command(filter_: str, name: str, packed: Sequence[Compression], mark: str) -> str:
    """A shell command that applies a filter to a file and writes a new one beside it."""
    if name == "stdin":
        return f"{filter_} | nmt ..."
    stem = PurePath(name)
    for _ in range(len(packed) + 1):
        stem = stem.with_suffix("") if stem.suffix in _ENDINGS else stem
    new, old = shlex.quote(f"{stem}.{mark}.txt"), shlex.quote(name)
    if not packed:
        return f"{filter_} < {old} > {new}"
    first, *others = [f"{each.tool} -dc" for each in packed]
    return " | ".join([f"{first} < {old}", *others, f"{filter_} > {new}"])


def compression_of(name: str) -> Compression | None:
    """Return the compression that the ending of a name promises."""
    return next((each for each in COMPRESSIONS if name.endswith(each.suffix)), None)

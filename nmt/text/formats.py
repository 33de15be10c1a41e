"""The registry of file formats, which are identified by first bytes and by lines.

The suffix of a file name does not count. `identify` inspects the beginning of a file and returns
its format, or None for plain text. A format is a class (`nmt.text.file_format`) or an instance of a
general class. It is an entry of the table in `nmt.text.byte_formats` or `nmt.text.line_formats`.
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
"""The suffixes that a new file name drops. Others, such as `.en`, stay."""

FORMATS = (*BYTE_FORMATS, *LINE_FORMATS)
"""All formats except plain text."""


def identify(head: Head, among: Sequence[Format] = FORMATS) -> Format | None:
    """Return the format of a file, or None where it has none of the given formats.

    Args:
        head: The beginning of the file.
        among: The formats to try, in this order.
    """
    if not head.data:
        return None
    return next((each for each in among if each.matches(head)), None)


def problem(found: Format, head: Head, name: str, packed: Sequence[Compression] = ()) -> str:
    """Return a message about a file's format and how to get plain text, in one to three lines.

    Args:
        found: The format of the file.
        head: The beginning of the file.
        name: The path of the file, or `stdin`.
        packed: The compressions of the file, the outermost first.
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
    """Return a shell command that applies a filter to a file and writes a new file beside it."""
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
    """Return the compression that the suffix of a file name stands for, or None."""
    return next((each for each in COMPRESSIONS if name.endswith(each.suffix)), None)

"""Text files read line by line: split on `\\n` only, UTF-8 only, every line accounted for."""

import gzip
import io
import os
import stat
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Literal

from nmt.errors import DataError

BadUtf8 = Literal["error", "replace", "skip_pair"]

BOM = b"\xef\xbb\xbf"
"""The byte-order mark that some programs put before UTF-8."""

Bytes = io.BufferedReader | gzip.GzipFile
"""What a text is read from: has `read`, `read1` and lines."""

_GZIP_MAGIC = b"\x1f\x8b"
_END = object()
_EXTREME = 3.0
_SLACK = 5  # bytes: "Oui." against "Yes, I do." is not extreme


class NotUtf8(DataError):
    """A line is not UTF-8, and is to be."""


@dataclass(frozen=True)
class Pair:
    """Line `line` (from 1, over all files of the corpus) of both sides.

    A side that is not UTF-8 is None; that happens only under `skip_pair`.
    """

    line: int
    source: str | None
    target: str | None


def read_lines(path: Path, on_bad_utf8: BadUtf8 = "error") -> Iterator[str | None]:
    """The lines of a text file, without their ends; `.gz` is unpacked.

    Only `\\n` ends a line. A byte-order mark at the start and one `\\r` at the end of a line are
    removed. A line that is not UTF-8 is an error, has its bad bytes replaced by U+FFFD, or is given
    as None, as `on_bad_utf8` says.

    Raises DataError with path and line number when the file is missing, empty or damaged, or when
    a line is not UTF-8 or has a NUL character.
    """
    number = 0
    with _open_text(path) as file:
        for raw in file:
            number += 1
            if number == 1:
                raw = raw.removeprefix(BOM)
            yield _checked_line(raw, path, number, on_bad_utf8)
    if number == 0:
        raise DataError(f"{path}: the file is empty: it has no line.")


def read_pairs(
    sources: Sequence[Path], targets: Sequence[Path], on_bad_utf8: BadUtf8 = "error"
) -> Iterator[Pair]:
    """Line i of the source files with line i of the target files, file by file.

    Raises DataError as `read_lines` does, and when two files differ in their number of lines; that
    shows at the end of the shorter one (`check_line_counts` looks beforehand).
    """
    if len(sources) != len(targets):
        raise DataError(
            f"{len(sources)} source files but {len(targets)} target files; "
            "give as many of the one as of the other."
        )
    number = 0
    for source, target in zip(sources, targets, strict=True):
        lines = zip_longest(
            read_lines(source, on_bad_utf8), read_lines(target, on_bad_utf8), fillvalue=_END
        )
        for source_line, target_line in lines:
            if source_line is _END or target_line is _END:
                raise _line_count_error(source, target)
            number += 1
            yield Pair(number, source_line, target_line)  # type: ignore[arg-type]  # _END is gone


def check_line_counts(
    sources: Iterable[tuple[Path, int]], targets: Iterable[tuple[Path, int]]
) -> None:
    """Compare the number of lines of the files of both sides, each given as (path, lines).

    Raises DataError that names both counts and the first pair of extreme length ratio, which is
    often where a line was lost.
    """
    for (source, source_count), (target, target_count) in zip(sources, targets, strict=True):
        if source_count != target_count:
            raise _line_count_error(source, target, source_count, target_count)


def count_lines(path: Path) -> int:
    """Number of lines of a text file, as `read_lines` sees them; no UTF-8 is decoded."""
    with _open_text(path) as file:
        return sum(1 for _ in file)


def decode_line(raw: bytes, errors: Literal["strict", "replace"] = "strict") -> str:
    """The text of a line of UTF-8, without one `\\n` and one `\\r` at its end.

    Raises UnicodeDecodeError when errors is `strict` and the line is not UTF-8.
    """
    return raw.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", errors)


def unpacked(file: io.BufferedReader, name: str) -> Bytes:
    """The content of an open file or pipe: unpacked where its first bytes are gzip's, whatever its
    name.

    Raises DataError where the name ends in `.gz` and the content is not packed. What is wrong with
    packed content shows only in reading: see `plain_read_errors`.
    """
    head = file.peek(2)[:2]
    if head and _GZIP_MAGIC.startswith(head):  # a slow pipe may give one byte at first
        return gzip.GzipFile(fileobj=file, mode="rb")
    if head and name.endswith(".gz"):
        raise DataError(f"{name}: not a gzip file. Pack it anew, or rename it without .gz.")
    return file


@contextmanager
def plain_read_errors(name: str | Path) -> Iterator[None]:
    """What goes wrong within in opening and reading the file `name`, as a DataError."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{name}: damaged gzip file ({error}). Copy or pack it anew.") from error
    except FileNotFoundError as error:
        raise DataError(f"{name}: there is no such file.") from error
    except IsADirectoryError as error:
        raise DataError(f"{name}: is a folder, not a text file.") from error
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror or error}.") from error


def status(path: Path) -> os.stat_result:
    """Size, time and kind of a file. Raises DataError when it is missing or out of reach."""
    with plain_read_errors(path):
        try:
            return path.stat()
        except ValueError as error:
            raise DataError(f"{str(path)!r}: is no path: {error}.") from error


@contextmanager
def _open_text(path: Path) -> Iterator[Bytes]:
    kind = status(path).st_mode
    if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
        raise DataError(f"{path}: is no regular file; write the text to a file first.")
    with plain_read_errors(path), path.open("rb") as file:
        yield unpacked(file, str(path))


def _checked_line(raw: bytes, path: Path, number: int, on_bad_utf8: BadUtf8) -> str | None:
    if b"\0" in raw:
        raise DataError(
            f"{path}: line {number}: NUL character. The file is binary or not UTF-8 (UTF-16 looks "
            "like this); convert it to UTF-8 or remove the character."
        )
    try:
        return decode_line(raw)
    except UnicodeDecodeError as error:
        if on_bad_utf8 == "replace":
            return decode_line(raw, "replace")
        if on_bad_utf8 == "skip_pair":
            return None
        column = len(raw[: error.start].decode("utf-8")) + 1
        raise NotUtf8(
            f"{path}: line {number}: not valid UTF-8 "
            f"(byte 0x{raw[error.start]:02X} at column {column}).\n"
            "Fix the file, or set data.on_bad_utf8: skip_pair."
        ) from error


def _line_count_error(
    source: Path, target: Path, source_count: int | None = None, target_count: int | None = None
) -> DataError:
    source_count = count_lines(source) if source_count is None else source_count
    target_count = count_lines(target) if target_count is None else target_count
    suspect = _first_extreme_pair(source, target)
    hint = (
        f"the first pair whose length ratio is extreme is line {suspect}"
        if suspect is not None
        else "no pair has an extreme length ratio, so lines may be missing at the end"
    )
    return DataError(
        f"{source} has {source_count} lines, {target} {target_count}; {hint}.\n"
        "Line i of both must translate each other: restore the missing lines (blank ones count)."
    )


def _first_extreme_pair(source: Path, target: Path) -> int | None:
    """The first line whose lengths differ much more than those of the two files as a whole."""
    total_source = total_target = 0
    for a, b in _raw_pairs(source, target):
        total_source += len(a)
        total_target += len(b)
    usual = total_target / max(1, total_source)
    for number, (a, b) in enumerate(_raw_pairs(source, target), start=1):
        ratio = (len(b) + _SLACK) / (len(a) * usual + _SLACK)
        if not 1 / _EXTREME <= ratio <= _EXTREME:
            return number
    return None


def _raw_pairs(source: Path, target: Path) -> Iterator[tuple[bytes, bytes]]:
    """Pairs up to the end of the shorter file; only for telling what is wrong with them."""
    with _open_text(source) as a, _open_text(target) as b:
        yield from zip(a, b, strict=False)

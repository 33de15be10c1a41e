r"""Text read line by line: split on `\n` only, UTF-8 only, every line accounted for."""

import io
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Literal

from nmt.console import open_stdin, warn
from nmt.errors import DataError
from nmt.text.byte_signatures import BOM
from nmt.text.compression import Content, open_content, open_file
from nmt.text.format_detection import compression_of, describe_format_problem

BadUtf8 = Literal["error", "replace", "skip_pair"]

_END = object()
_EXTREME_RATIO = 3.0
_RATIO_SLACK = 5  # bytes: "Oui." against "Yes, I do." is not extreme


class NotUtf8Error(DataError):
    """A line that must be UTF-8 and is not."""


@dataclass(frozen=True)
class LinePair:
    """A source line and a target line.

    Attributes:
        line: The number of the line, from 1, over all files of the corpus.
        source: The source text, None where it is not UTF-8, which only `skip_pair` allows.
        target: The target text, None where it is not UTF-8, which only `skip_pair` allows.
    """

    line: int
    source: str | None
    target: str | None


def read_lines(path: Path, on_bad_utf8: BadUtf8 = "error") -> Iterator[str | None]:
    r"""Yield the lines of a text file, without line ends. A compressed file is unpacked.

    Only `\n` ends a line. A byte-order mark at the start and one `\r` at the end of a line are
    removed.

    Args:
        path: The text file.
        on_bad_utf8: The treatment of a line that is not UTF-8: `error` raises an error, `replace`
            replaces bad bytes by U+FFFD, `skip_pair` yields None.

    Raises:
        DataError: The file is missing, empty or damaged, or a line is not UTF-8 or has a NUL
            character.
    """
    number = 0
    with _open_text(path) as file:
        for raw in file:
            number += 1
            if number == 1:
                raw = raw.removeprefix(BOM)
            yield _decode_corpus_line(raw, path, number, on_bad_utf8)
    if number == 0:
        raise DataError(f"{path}: the file is empty.")


def read_pairs(
    sources: Sequence[Path], targets: Sequence[Path], on_bad_utf8: BadUtf8 = "error"
) -> Iterator[LinePair]:
    """Yield line i of the source files with line i of the target files, file by file.

    Args:
        sources: The source files.
        targets: The target files.
        on_bad_utf8: See `read_lines`.

    Raises:
        DataError: See `read_lines`. Or two files differ in their number of lines, which shows at
            the end of the shorter one; `check_line_counts` tests it in advance.
    """
    if len(sources) != len(targets):
        raise DataError(
            f"{len(sources)} source files but {len(targets)} target files. Give the same number "
            "of both."
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
            yield LinePair(number, source_line, target_line)  # type: ignore[arg-type]  # _END is gone


def check_line_counts(
    sources: Iterable[tuple[Path, int]], targets: Iterable[tuple[Path, int]]
) -> None:
    """Compare the number of lines of the files of both sides.

    Args:
        sources: The source files with their numbers of lines.
        targets: The target files with their numbers of lines.

    Raises:
        DataError: Two files differ. The message has both counts and the first pair of extreme
            length ratio, which is often where a line was lost.
    """
    for (source, source_count), (target, target_count) in zip(sources, targets, strict=True):
        if source_count != target_count:
            raise _line_count_error(source, target, source_count, target_count)


def count_lines(path: Path) -> int:
    """Return the number of lines of a text file, as `read_lines` counts them, without decoding."""
    with _open_text(path) as file:
        return sum(1 for _ in file)


def decode_line(raw: bytes, errors: Literal["strict", "replace"] = "strict") -> str:
    r"""Return the text of a line of UTF-8, without one `\n` and one `\r` at its end.

    Args:
        raw: The line.
        errors: `strict` or `replace`, as for `bytes.decode`.

    Raises:
        UnicodeDecodeError: The line is not UTF-8, and `errors` is `strict`.
    """
    return raw.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", errors)


@dataclass(frozen=True)
class ExpectedFormats:
    """The formats that a command accepts beside plain text.

    Attributes:
        names: The names of formats that it reads as they are (`nmt.text.format_detection`).
        hints: Further advice for a format, by its name.
    """

    names: frozenset[str] = frozenset()
    hints: Mapping[str, str] = field(default_factory=dict)


PLAIN_TEXT = ExpectedFormats()


def check_format(
    content: Content,
    expected: ExpectedFormats = PLAIN_TEXT,
    refuse: Literal["none", "certain", "all"] = "none",
) -> None:
    """Warn where a text seems to have another format, or is not compressed as its name says.

    A file that is read several times gives one warning.

    Args:
        content: The content of the text.
        expected: The formats that give no warning.
        refuse: The formats that raise an error: none, the ones with `Format.certain`, or all.

    Raises:
        DataError: The format is refused.
    """
    name, format_ = content.name, content.format
    compression = compression_of(name)
    if compression is not None and not content.compressions and content.head.data:
        message = (
            f"{name}: is not a {compression.name} file, despite its name; nmt reads it as plain "
            "text."
        )
        _warn_once(message, content)
    if format_ is None or format_.name in expected.names:
        return
    message = describe_format_problem(format_, content.head, name, content.compressions)
    if format_.name in expected.hints:
        message = f"{message.partition(chr(10))[0]} {expected.hints[format_.name]}"
    if refuse == "all" or (refuse == "certain" and format_.certain):
        raise DataError(message)
    _warn_once(message, content)


def _warn_once(message: str, content: Content) -> None:
    key = (message, content.identity)
    if content.identity is None or key not in _warned:
        _warned.add(key)
        warn(message)


_warned: set[tuple[str, tuple[int, ...] | None]] = set()


def check_file_format(
    path: Path, is_both_sides: bool, expected: ExpectedFormats = PLAIN_TEXT
) -> None:
    """Check the format of a text of a corpus.

    Args:
        path: The text.
        is_both_sides: Whether it is given as source and as target, as a table might be.
        expected: The advice for some formats.

    Raises:
        DataError: The file is not plain text.
    """
    with open_unpacked(path) as content:
        check_format(content, expected, "all" if is_both_sides else "certain")


@contextmanager
def wrap_read_errors(name: str | Path) -> Iterator[None]:
    """Return a context manager that turns errors in reading the file `name` into a DataError."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"{name}: no such file.") from error
    except IsADirectoryError as error:
        raise DataError(f"{name}: is a folder, not a text file.") from error
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror or error}.") from error


def file_status(path: Path) -> os.stat_result:
    """Return the size, time and kind of a file.

    Raises:
        DataError: The file is missing or cannot be accessed.
    """
    with wrap_read_errors(path):
        try:
            return path.stat()
        except ValueError as error:
            raise DataError(f"{str(path)!r}: is not a path: {error}.") from error


@contextmanager
def open_unpacked(path: Path, allowed: frozenset[str] = frozenset()) -> Iterator[Content]:
    """Return a context manager that opens a regular file, unpacked where it is compressed.

    Args:
        path: The file.
        allowed: The names of formats that are not refused, see `open_content`.

    Raises:
        DataError: The file is missing, cannot be read, or is not text.
    """
    mode = file_status(path).st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise DataError(f"{path}: is not a regular file. Write the text to a file first.")
    with wrap_read_errors(path), open_file(path) as file:
        yield open_content(file, str(path), allowed)


@contextmanager
def _open_text(path: Path) -> Iterator[io.BufferedReader]:
    with open_unpacked(path) as content:
        yield content.stream


def _decode_corpus_line(raw: bytes, path: Path, number: int, on_bad_utf8: BadUtf8) -> str | None:
    if b"\0" in raw:
        raise DataError(
            f"{path}: line {number}: NUL character. The file is binary or not UTF-8 (perhaps "
            "UTF-16). Convert it to UTF-8 or remove the character."
        )
    try:
        return decode_line(raw)
    except UnicodeDecodeError as error:
        if on_bad_utf8 == "replace":
            return decode_line(raw, "replace")
        if on_bad_utf8 == "skip_pair":
            return None
        column = len(raw[: error.start].decode("utf-8")) + 1
        raise NotUtf8Error(
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
        f"the first pair with an extreme length ratio is line {suspect}"
        if suspect is not None
        else "no pair has an extreme length ratio, so lines may be missing at the end"
    )
    return DataError(
        f"{source} has {source_count} lines, {target} {target_count}; {hint}.\n"
        "Line i of both must be translations of each other. Restore the missing lines; blank "
        "lines count."
    )


def _first_extreme_pair(source: Path, target: Path) -> int | None:
    """Return the first line whose length ratio is far from that of the two files as a whole."""
    total_source = total_target = 0
    for a, b in _raw_pairs(source, target):
        total_source += len(a)
        total_target += len(b)
    usual_ratio = total_target / max(1, total_source)
    for number, (a, b) in enumerate(_raw_pairs(source, target), start=1):
        ratio = (len(b) + _RATIO_SLACK) / (len(a) * usual_ratio + _RATIO_SLACK)
        if not 1 / _EXTREME_RATIO <= ratio <= _EXTREME_RATIO:
            return number
    return None


def _raw_pairs(source: Path, target: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield pairs up to the end of the shorter file, to find an error in them."""
    with _open_text(source) as a, _open_text(target) as b:
        yield from zip(a, b, strict=False)


def read_all_input_lines(path: Path | None) -> list[str]:
    """Return all lines of a text: see `read_input_lines`.

    Raises:
        DataError: See `read_input_lines`.
    """
    return list(read_input_lines(path))


def read_input_lines(path: Path | None) -> Iterator[str]:
    r"""Yield the lines of a UTF-8 text, without line ends.

    Compressed texts are unpacked. A text that seems to be of another format causes a warning. An
    empty text has no lines. A blank line is a line, and so is a byte-order mark alone, as `nmt
    translate` counts. A byte-order mark and one `\r` at the end of a line are removed.

    Args:
        path: The file; None: stdin.

    Raises:
        DataError: The text cannot be read or is not UTF-8.
    """
    name = "stdin" if path is None else str(path)
    with wrap_read_errors(name), _open_input(path) as file:
        content = open_content(file, name)
        check_format(content)
        for number, line in enumerate(content.stream, start=1):
            yield _decode_input_line(line.removeprefix(BOM) if number == 1 else line, name, number)


def pair_with_source(
    source: Path, targets: Iterable[str], name: str, lines: Iterable[str] | None = None
) -> Iterator[tuple[str, str]]:
    """Yield the lines of a source text, each with the target of the same number.

    Args:
        source: The file of the source text.
        targets: The targets.
        name: The name of the targets, for the error.
        lines: The lines of the source text, where they were read already.

    Raises:
        DataError: The line counts differ, which shows at the end of the shorter one.
    """
    sources = read_input_lines(source) if lines is None else iter(lines)
    rest = iter(targets)
    for before, (line, target) in enumerate(zip_longest(sources, rest)):
        if line is None or target is None:
            counts = [
                before + (last is not None) + sum(1 for _ in others)
                for last, others in ((line, sources), (target, rest))
            ]
            raise DataError(
                f"line counts differ: {source}: {counts[0]}, {name}: {counts[1]}. Line i of one "
                "file must correspond to line i of the other. Look for missing or extra lines."
            )
        yield line, target


def read_parallel(paths: Sequence[Path]) -> list[list[str]]:
    """Return the lines of several parallel texts, such as a source and its references.

    Raises:
        DataError: The line counts differ, there are no lines, or as `read_input_lines` does.
    """
    texts = [read_all_input_lines(path) for path in paths]
    if len(set(map(len, texts))) > 1:
        counts = ", ".join(f"{path}: {len(text)}" for path, text in zip(paths, texts, strict=True))
        raise DataError(
            f"line counts differ: {counts}. Line i of one file must correspond to line i of "
            "the others. Look for missing or extra lines."
        )
    if not texts[0]:
        raise DataError(f"{paths[0]}: the file is empty. Give a text with some sentences.")
    return texts


def read_corpus(
    source_files: Sequence[Path], target_files: Sequence[Path]
) -> tuple[list[str], list[str]]:
    """Return all source lines and all target lines of a corpus.

    Args:
        source_files: The source texts, to be read one after the other.
        target_files: The target texts, one for each source text.

    Raises:
        DataError: See `read_parallel`.
    """
    texts = [read_parallel(files) for files in zip(source_files, target_files, strict=True)]
    sources, targets = ([line for text in texts for line in text[side]] for side in range(2))
    return sources, targets


def _open_input(path: Path | None) -> io.BufferedReader:
    if path is None:
        return open_stdin()
    file_status(path)
    return open_file(path)


def _decode_input_line(raw: bytes, name: str, number: int) -> str:
    try:
        return decode_line(raw)
    except UnicodeDecodeError as error:
        column = len(raw[: error.start].decode("utf-8")) + 1
        raise DataError(
            f"{name}: line {number}: not valid UTF-8 (byte 0x{raw[error.start]:02X} at column "
            f"{column}). Convert the text to UTF-8."
        ) from error

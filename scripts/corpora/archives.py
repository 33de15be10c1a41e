"""Texts of archives as streams, read in one pass and in bounded memory.

Nothing is unpacked to disk, so that no path, link or device in an archive can do anything.
"""

import contextlib
import io
import lzma
import tarfile
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from nmt.errors import DataError
from nmt.text.byte_signatures import BOM
from nmt.text.compression import open_content, open_file
from nmt.text.lines import decode_line, wrap_read_errors

MAX_LINE = 1 << 24
"""The greatest length of a line in bytes. A longer line is not of a text."""

_MIN_LIMIT = 1 << 28
_MAX_RATIO = 60

_TARS = (".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")


def is_archive(path: Path) -> bool:
    """Return whether a file of that name is read as an archive."""
    return path.name.endswith((*_TARS, ".zip"))


def texts_in(path: Path, members: Collection[str]) -> Iterator[tuple[str, io.BufferedReader]]:
    """Yield the given members of an archive, each as its name and a stream.

    Read each stream before you ask for the next. Compressed content is unpacked. A file that is not
    an archive is yielded itself, under the name "".

    Args:
        path: The file.
        members: The paths of the members within an archive. Missing ones are left out.

    Raises:
        DataError: The file is damaged.
    """
    with _wrap_archive_errors(path):
        if path.name.endswith(".zip"):
            yield from _zip_members(path, members)
        elif is_archive(path):
            yield from _tar_members(path, members)
        else:
            with open_file(path) as file:
                yield "", open_content(file, str(path)).stream


def checked_lines(stream: io.BufferedReader, path: Path, name: str, replace: bool) -> Iterator[str]:
    r"""Yield the lines of a text without line ends. Only `\n` ends a line.

    Args:
        stream: The text.
        path: The file that holds it, whose size limits that of the text.
        name: The name of the text in error messages.
        replace: Whether bytes that are not UTF-8, and NUL, become U+FFFD.

    Raises:
        DataError: There are such bytes without `replace`, or a line or the whole text is too long.
    """
    remaining = max(_MIN_LIMIT, _MAX_RATIO * path.stat().st_size)
    number = 0
    with _wrap_archive_errors(path):
        while raw := stream.readline(MAX_LINE + 1):
            number += 1
            remaining -= len(raw)
            if len(raw) > MAX_LINE or remaining < 0:
                raise DataError(f"{name}: line {number}: larger than any such text; not unpacked.")
            yield _decoded(raw.removeprefix(BOM) if number == 1 else raw, name, number, replace)


def _decoded(raw: bytes, what: str, number: int, replace: bool) -> str:
    try:
        text = decode_line(raw, "replace" if replace else "strict")
    except UnicodeDecodeError as error:
        raise _text_error(
            what, number, f"not valid UTF-8 (byte 0x{raw[error.start]:02X})"
        ) from error
    if "\0" in text and not replace:
        raise _text_error(what, number, "NUL character")
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _text_error(what: str, number: int, reason: str) -> DataError:
    return DataError(
        f"{what}: line {number}: {reason}.\nWith --replace-bad-utf8 such bytes become U+FFFD."
    )


def _tar_members(path: Path, members: Collection[str]) -> Iterator[tuple[str, io.BufferedReader]]:
    with tarfile.open(path, "r|*") as archive:
        for entry in archive:
            name = _normal_path(entry.name)
            if name in members and entry.isfile():
                stream = archive.extractfile(entry)
                assert stream is not None  # it is a file
                yield name, _content(stream, name)


def _zip_members(path: Path, members: Collection[str]) -> Iterator[tuple[str, io.BufferedReader]]:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            name = _normal_path(entry.filename)
            if name in members and not entry.is_dir():
                with archive.open(entry) as stream:
                    yield name, _content(stream, name)


def _content(stream: IO[bytes], name: str) -> io.BufferedReader:
    return open_content(io.BufferedReader(_UnseekableStream(stream)), name).stream


class _UnseekableStream(io.RawIOBase):
    """Stream of a member of an archive. It cannot be rewound, even where it says so."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def readable(self) -> bool:
        """See `io.RawIOBase.readable`."""
        return True

    def readinto(self, buffer: Any) -> int:
        """See `io.RawIOBase.readinto`."""
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _normal_path(name: str) -> str:
    return str(PurePosixPath(name))


@contextlib.contextmanager
def _wrap_archive_errors(path: Path) -> Iterator[None]:
    try:
        with wrap_read_errors(path):
            yield
    except (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, NotImplementedError) as error:
        raise DataError(
            f"{path}: damaged archive ({error}). Remove it, and fetch or copy it anew."
        ) from error
    except RuntimeError as error:  # raised by zipfile where a password is needed
        raise DataError(f"{path}: {error}.") from error

"""Reading texts out of archives: as streams, one pass, in bounded memory.

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

from nmt.data.text import decode_line, plain_read_errors
from nmt.errors import DataError
from nmt.text.compression import open_content, open_file
from nmt.text.file_format import BOM

LONGEST_LINE = 1 << 24
"""Bytes: what is longer is no sentence, but a file of another kind."""

_LEAST_LIMIT = 1 << 28
_GREATEST_RATIO = 60

_TARS = (".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")


def is_archive(path: Path) -> bool:
    """Whether a file of that name is read as an archive."""
    return path.name.endswith((*_TARS, ".zip"))


def texts_in(path: Path, members: Collection[str]) -> Iterator[tuple[str, io.BufferedReader]]:
    """The wanted members of an archive that are there, each to be read before the next is asked
    for; of a file that is no archive, itself, under the name "".

    Content that is compressed is unpacked. Raises DataError when the file is damaged.
    """
    with _plain_archive_errors(path):
        if path.name.endswith(".zip"):
            yield from _in_zip(path, members)
        elif is_archive(path):
            yield from _in_tar(path, members)
        else:
            with open_file(path) as file:
                yield "", open_content(file, str(path)).stream


def checked_lines(stream: io.BufferedReader, path: Path, what: str, replace: bool) -> Iterator[str]:
    """The lines of a text, without their ends; only `\\n` ends one.

    what: its name in errors. replace: bytes that are not UTF-8, and NUL, become U+FFFD.

    Raises DataError with the line number for these otherwise, and where a line or the whole is
    longer than any such text is.
    """
    left = max(_LEAST_LIMIT, _GREATEST_RATIO * path.stat().st_size)
    number = 0
    with _plain_archive_errors(path):
        while raw := stream.readline(LONGEST_LINE + 1):
            number += 1
            left -= len(raw)
            if len(raw) > LONGEST_LINE or left < 0:
                raise DataError(f"{what}: line {number}: larger than any such text; not unpacked.")
            yield _decoded(raw.removeprefix(BOM) if number == 1 else raw, what, number, replace)


def _decoded(raw: bytes, what: str, number: int, replace: bool) -> str:
    try:
        text = decode_line(raw, "replace" if replace else "strict")
    except UnicodeDecodeError as error:
        raise _unfit(what, number, f"not valid UTF-8 (byte 0x{raw[error.start]:02X})") from error
    if "\0" in text and not replace:
        raise _unfit(what, number, "NUL character")
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _unfit(what: str, number: int, reason: str) -> DataError:
    return DataError(
        f"{what}: line {number}: {reason}.\nWith --replace-bad-utf8 such bytes become U+FFFD."
    )


def _in_tar(path: Path, members: Collection[str]) -> Iterator[tuple[str, io.BufferedReader]]:
    with tarfile.open(path, "r|*") as archive:
        for entry in archive:
            name = _plain(entry.name)
            if name in members and entry.isfile():
                stream = archive.extractfile(entry)
                assert stream is not None  # it is a file
                yield name, _content(stream, name)


def _in_zip(path: Path, members: Collection[str]) -> Iterator[tuple[str, io.BufferedReader]]:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            name = _plain(entry.filename)
            if name in members and not entry.is_dir():
                with archive.open(entry) as stream:
                    yield name, _content(stream, name)


def _content(stream: IO[bytes], name: str) -> io.BufferedReader:
    return open_content(io.BufferedReader(_OneWay(stream)), name).stream


class _OneWay(io.RawIOBase):
    """A member of an archive, which cannot be rewound even where it says so."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _plain(name: str) -> str:
    return str(PurePosixPath(name))


@contextlib.contextmanager
def _plain_archive_errors(path: Path) -> Iterator[None]:
    try:
        with plain_read_errors(path):
            yield
    except (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, NotImplementedError) as error:
        raise DataError(
            f"{path}: damaged archive ({error}). Remove it, and fetch or copy it anew."
        ) from error
    except RuntimeError as error:  # all that zipfile says of a password
        raise DataError(f"{path}: {error}.") from error

"""The lines to score: from a file, a packed file, a named pipe or stdin, none lost."""

import gzip
import sys
import zlib
from pathlib import Path
from typing import IO

from nmt.data.text import decode_line
from nmt.errors import DataError

_BOM = b"\xef\xbb\xbf"
_GZIP_MAGIC = b"\x1f\x8b"


def read_all_lines(path: Path | None) -> list[str]:
    """All lines of a UTF-8 text, `path` or stdin (None), without line ends; gzip is unpacked.

    An empty text has no lines; a blank line is a line. A byte-order mark and one `\\r` at the end
    of a line are removed.

    Raises DataError with name and line when it cannot be read or is not UTF-8.
    """
    name = "stdin" if path is None else str(path)
    content = _content(path, name).removeprefix(_BOM)
    if not content:
        return []
    lines = content.removesuffix(b"\n").split(b"\n")
    return [_decoded(line, name, number) for number, line in enumerate(lines, start=1)]


def _content(path: Path | None, name: str) -> bytes:
    try:
        if path is None:
            return _unpacked(sys.stdin.buffer)
        with path.open("rb") as file:
            return _unpacked(file)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{name}: damaged gzip file ({error}). Copy or pack it anew.") from error
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror or error}.") from error


def _unpacked(file: IO[bytes]) -> bytes:
    content = file.read()
    return gzip.decompress(content) if content.startswith(_GZIP_MAGIC) else content


def _decoded(raw: bytes, name: str, number: int) -> str:
    try:
        return decode_line(raw)
    except UnicodeDecodeError as error:
        column = len(raw[: error.start].decode("utf-8")) + 1
        raise DataError(
            f"{name}: line {number}: not valid UTF-8 (byte 0x{raw[error.start]:02X} at column "
            f"{column}). Convert the text to UTF-8."
        ) from error

"""The lines to score: from a file, a packed file, a named pipe or stdin, none lost."""

from pathlib import Path

from nmt.data.text import BOM, decode_line, plain_read_errors, status, unpacked
from nmt.errors import DataError
from nmt.runtime.streams import open_stdin


def read_all_lines(path: Path | None) -> list[str]:
    """All lines of a UTF-8 text, `path` or stdin (None), without line ends; gzip is unpacked.

    An empty text has no lines; a blank line is a line. A byte-order mark and one `\\r` at the end
    of a line are removed.

    Raises DataError with name and line when it cannot be read or is not UTF-8.
    """
    name = "stdin" if path is None else str(path)
    content = _content(path, name).removeprefix(BOM)
    if not content:
        return []
    lines = content.removesuffix(b"\n").split(b"\n")
    return [_decoded(line, name, number) for number, line in enumerate(lines, start=1)]


def _content(path: Path | None, name: str) -> bytes:
    if path is None:
        with plain_read_errors(name):
            return unpacked(open_stdin(), name).read()
    status(path)
    with plain_read_errors(name), path.open("rb") as file:
        return unpacked(file, name).read()


def _decoded(raw: bytes, name: str, number: int) -> str:
    try:
        return decode_line(raw)
    except UnicodeDecodeError as error:
        column = len(raw[: error.start].decode("utf-8")) + 1
        raise DataError(
            f"{name}: line {number}: not valid UTF-8 (byte 0x{raw[error.start]:02X} at column "
            f"{column}). Convert the text to UTF-8."
        ) from error

"""The records of a run's log, read while a process may be writing it."""

import io
import json
import os
from pathlib import Path
from typing import Any

_BEGINS = b'{"kind":'


class LogRecords:
    """The records of a log.jsonl, each a JSON object with a text `kind` and a number `update`.

    damaged: lines so far that hold no such object, as a crash or an editor may leave them; times:
    how often the file was found to be another one than before, or cut: then all is read anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._read = 0
        self._half = b""
        self.damaged = 0
        self.times = 0

    def new(self) -> list[dict[str, Any]]:
        """The records that came since the last call; none where there is no log.

        A line without an end is still being written, and waits for it. Raises OSError when the file
        cannot be read.
        """
        try:
            file = self._path.open("rb")
        except FileNotFoundError:
            return []
        with file:
            self._begin_again_if_other(file)
            file.seek(self._read)
            data = self._half + file.read()
            self._read = file.tell()
        *lines, self._half = data.split(b"\n")
        return [record for line in lines if (record := self._record(line)) is not None]

    def _begin_again_if_other(self, file: io.BufferedReader) -> None:
        found = os.fstat(file.fileno())
        if self._file is not None and (found.st_ino != self._file or found.st_size < self._read):
            self._read, self._half, self.damaged = 0, b"", 0
            self.times += 1
        self._file = found.st_ino

    def _record(self, line: bytes) -> dict[str, Any] | None:
        if not line.strip():
            return None
        for part in (line, _after_the_tear(line)):
            record = _parsed(part)
            if record is not None:
                self.damaged += part is not line
                return record
        self.damaged += 1
        return None


def read_records(path: Path) -> list[dict[str, Any]]:
    """All records of a log.jsonl as it is now. Raises OSError when it cannot be read."""
    return LogRecords(path).new()


def _after_the_tear(line: bytes) -> bytes:
    """A crash may leave half a record without a line end; the next one then stands behind it."""
    return line[max(0, line.rfind(_BEGINS)) :]


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    kind, update = record.get("kind"), record.get("update")
    if not isinstance(kind, str) or type(update) is not int or update < 0:
        return None
    return record

"""Reading the records of a run's log, while a process may be writing it."""

import io
import json
import os
from pathlib import Path
from typing import Any

_BEGINS = b'{"kind":'


class LogRecords:
    """The records of a log.jsonl, each a JSON object with a text `kind` and a number `update`.

    Attributes:
        damaged: The number of lines so far that hold no such object, as a crash or an editor may
            leave them.
        times: How often the file was found to be replaced or truncated, and was read again from its
            start.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        self._read = 0
        self._half = b""
        self.damaged = 0
        self.times = 0

    def new(self) -> list[dict[str, Any]]:
        """Return the records since the last call; none where there is no log.

        A line without a line end is still being written, and is returned once it is complete.

        Raises:
            OSError: The file cannot be read.
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
    """Return all records of a log.jsonl in its present state.

    Raises:
        OSError: The file cannot be read.
    """
    return LogRecords(path).new()


def _after_the_tear(line: bytes) -> bytes:
    """Return the last record of a line.

    A crash may leave part of a record without a line end; the next record then follows on its line.
    """
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

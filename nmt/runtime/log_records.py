"""Reading the records of a run's log, while a process may be writing it."""

import io
import json
import math
import os
from pathlib import Path
from typing import Any

_RECORD_START = b'{"kind":'


class LogRecords:
    """The records of a log.jsonl, each a JSON object with a text `kind` and a number `update`.

    Attributes:
        damaged: The number of lines so far without such an object. A crash or an editor may leave
            them.
        restarts: How often the file was replaced or truncated, and was read from its start again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._inode: int | None = None
        self._offset = 0
        self._incomplete_line = b""
        self.damaged = 0
        self.restarts = 0

    def read_new(self) -> list[dict[str, Any]]:
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
            self._restart_if_replaced(file)
            file.seek(self._offset)
            data = self._incomplete_line + file.read()
            self._offset = file.tell()
        *lines, self._incomplete_line = data.split(b"\n")
        return [record for line in lines if (record := self._parse_line(line)) is not None]

    def _restart_if_replaced(self, file: io.BufferedReader) -> None:
        status = os.fstat(file.fileno())
        if self._inode is not None and (
            status.st_ino != self._inode or status.st_size < self._offset
        ):
            self._offset, self._incomplete_line, self.damaged = 0, b"", 0
            self.restarts += 1
        self._inode = status.st_ino

    def _parse_line(self, line: bytes) -> dict[str, Any] | None:
        if not line.strip():
            return None
        for part in (line, _last_record(line)):
            record = _parse(part)
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
    return LogRecords(path).read_new()


def last_time(records: list[dict[str, Any]]) -> float | None:
    """Return the time of the last record that has one, in seconds since 1970."""
    for record in reversed(records):
        time = record.get("time")
        if isinstance(time, float) and math.isfinite(time):
            return time
    return None


def _last_record(line: bytes) -> bytes:
    """Return the last record of a line.

    A crash may leave part of a record without a line end; the next record then follows on its line.
    """
    return line[max(0, line.rfind(_RECORD_START)) :]


def _parse(line: bytes) -> dict[str, Any] | None:
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

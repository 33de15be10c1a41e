"""The log of training: lines for people, records for programs, TensorBoard files.

They are written here record by record. TensorBoard's own writer has a thread, which a full disk
ends with a traceback, and the training with it.
"""

import json
import math
import os
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nmt.console import say, warn
from nmt.errors import ResourceError, UsageError, install_command
from nmt.runtime.atomic_files import append_text
from nmt.runtime.run_directory import RunDirectory

CONTINUES_FROM = {"start": "update", "rollback": "back_to", "looking_back": "back_to"}
"""The kinds of record after which training continues from another update, and its key in them."""


class TrainingLog:
    """The logs of a run.

    Each line is written when the call returns. A warning reports the first line that the disk
    rejects.

    Args:
        run: The folder of the run.
        tensorboard: Whether to write TensorBoard's files too.

    Raises:
        UsageError: TensorBoard is requested and not installed.
    """

    def __init__(self, run: RunDirectory, tensorboard: bool) -> None:
        self._records = run.log_records
        self._text = run.log_text
        self._write_failed = False
        self._last_line = time.monotonic()
        self._board = TensorBoardWriter(run.tensorboard) if tensorboard else None

    @property
    def last_line(self) -> float:
        """The time of the last line, by `time.monotonic`."""
        return self._last_line

    def info(self, text: str) -> None:
        """Write a line for people."""
        say(text)
        self._write(text)

    def warn(self, text: str) -> None:
        """Write a warning, which is shown with --quiet too."""
        warn(text)
        self._write(f"warning: {text}")

    def warn_on_rank(self, text: str) -> None:
        """Write a warning about this process alone, on any rank."""
        self.warn(text)

    def record(self, kind: str, update: int, **values: Any) -> None:
        """Write a record for programs: one JSON object, with its numbers also for TensorBoard.

        Args:
            kind: The kind of record.
            update: The update that it belongs to.
            values: Its other values, by key.
        """
        record = {"kind": kind, "update": update, "time": round(time.time(), 3), **values}
        self._append(self._records, json.dumps(json_numbers(record), ensure_ascii=False) + "\n")
        if self._board is not None:
            if kind in CONTINUES_FROM:
                self._board.hide_after(record[CONTINUES_FROM[kind]])
            self._board.add(kind, update, values)

    def close(self) -> None:
        """Close TensorBoard's file."""
        if self._board is not None:
            self._board.close()

    def _write(self, text: str) -> None:
        self._last_line = time.monotonic()
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        lines = "".join(f"{stamp} {line}\n" for line in text.split("\n"))
        self._append(self._text, lines)

    def _append(self, file: Path, lines: str) -> None:
        """Append lines. Where the disk rejects them, warn once and let training continue."""
        try:
            append_text(file, lines)
        except ResourceError as error:
            if not self._write_failed:
                warn(f"lines of the log are lost: {error.message}")
            self._write_failed = True


class WorkerLog(TrainingLog):
    """The log of the workers, which write no files.

    Args:
        rank: The rank of this process.
    """

    def __init__(self, rank: int) -> None:
        self._board = None
        self._rank = rank

    @property
    def last_line(self) -> float:
        """The present time, so that no line is ever due."""
        return time.monotonic()

    def info(self, text: str) -> None:
        """Write nothing."""

    def warn(self, text: str) -> None:
        """Write nothing."""

    def warn_on_rank(self, text: str) -> None:
        """Write a warning to stderr, with the rank that it is about."""
        warn(f"rank {self._rank}: {text}")

    def record(self, kind: str, update: int, **values: Any) -> None:
        """Write nothing.

        Args:
            kind: See `TrainingLog.record`.
            update: See `TrainingLog.record`.
            values: See `TrainingLog.record`.
        """


def json_numbers(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return values for JSON, which has no infinity: such a number is written as text."""
    return {key: _json_value(value) for key, value in record.items()}


def _json_value(value: Any) -> Any:
    if isinstance(value, dict):
        return json_numbers(value)
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _flatten(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield each value with its key, and those of sections as `section/key`."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from ((f"{key}/{below}", inner) for below, inner in _flatten(value))
        else:
            yield key, value


class TensorBoardWriter:
    """A file of TensorBoard events.

    A disk error ends the curves, with a warning, but never the training.

    Args:
        folder: The folder of the file.

    Raises:
        UsageError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from tensorboard.compat.proto.event_pb2 import Event, SessionLog
            from tensorboard.compat.proto.summary_pb2 import Summary
            from tensorboard.summary.writer.record_writer import RecordWriter
        except ImportError as error:
            raise UsageError(
                "training.tensorboard: TensorBoard is not installed. Install it with "
                f"{install_command('tensorboard')}, or set `training.tensorboard: false`."
            ) from error
        self._event, self._summary, self._session = Event, Summary, SessionLog
        self._writer: Any = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            name = f"events.out.tfevents.{time.time_ns()}.{socket.gethostname()}.{os.getpid()}"
            # Unbuffered: a write error is known at once, and a kill loses nothing.
            self._writer = RecordWriter((folder / name).open("wb", buffering=0))
        except OSError as error:
            self._disable(error)
        self._write(file_version="brain.Event:2")

    def add(self, kind: str, update: int, values: Mapping[str, Any]) -> None:
        """Write the numbers among the values, as scalars `kind/key`, also those in sections.

        Args:
            kind: The kind of record.
            update: The update that they belong to.
            values: The values by key. Those that are no numbers are left out.
        """
        scalars = [
            self._summary.Value(tag=f"{kind}/{key}", simple_value=value)
            for key, value in _flatten(values)
            if isinstance(value, (int, float))
        ]
        if scalars:
            self._write(step=update, summary=self._summary(value=scalars))

    def hide_after(self, update: int) -> None:
        """Have TensorBoard hide the events of later updates, because these updates are repeated.

        The record is written twice: TensorBoard does not take the first start of a folder for a
        restart, and files of earlier versions have none.
        """
        start = self._session(status=self._session.START)
        for _ in range(2):
            self._write(step=update + 1, session_log=start)

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _write(self, **fields: Any) -> None:
        if self._writer is None:
            return
        try:
            event = self._event(wall_time=time.time(), **fields)
            self._writer.write(event.SerializeToString())
        except OSError as error:
            self._disable(error)

    def _disable(self, error: OSError) -> None:
        self.close()
        warn(f"nmt stops writing TensorBoard files: {error.strerror or error}")

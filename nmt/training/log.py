"""The logs of training: stderr and train.log for people, log.jsonl for programs."""

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nmt.errors import ResourceError
from nmt.runtime.console import say, warn
from nmt.runtime.files import append_text
from nmt.runtime.run_directory import RunDirectory
from nmt.training.board import Board

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
        UsageError: TensorBoard is wanted and not installed.
    """

    def __init__(self, run: RunDirectory, tensorboard: bool) -> None:
        self._records = run.log_records
        self._text = run.log_text
        self._lines_are_lost = False
        self._last_line = time.monotonic()
        self._board = Board(run.tensorboard) if tensorboard else None

    @property
    def last_line(self) -> float:
        """The time of the last line, by `time.monotonic`."""
        return self._last_line

    def tell(self, text: str) -> None:
        """Write a line for people."""
        say(text)
        self._write(text)

    def warn(self, text: str) -> None:
        """Write a warning, which is shown with --quiet too."""
        warn(text)
        self._write(f"warning: {text}")

    def warn_here(self, text: str) -> None:
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
        """Append lines, or warn once where the disk rejects them: training goes on without them."""
        try:
            append_text(file, lines)
        except ResourceError as error:
            if not self._lines_are_lost:
                warn(f"lines of the log are lost: {error.message}")
            self._lines_are_lost = True


class NoLog(TrainingLog):
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

    def tell(self, text: str) -> None:
        """Write nothing."""

    def warn(self, text: str) -> None:
        """Write nothing."""

    def warn_here(self, text: str) -> None:
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
    return {
        key: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in record.items()
    }

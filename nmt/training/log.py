"""What training says: to people on stderr and in train.log, to programs in log.jsonl."""

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
    """The logs of a run; each line is written when the call returns, or is missed aloud.

    Raises UsageError when TensorBoard is asked for and not installed.
    """

    def __init__(self, run: RunDirectory, tensorboard: bool) -> None:
        self._records = run.log_records
        self._text = run.log_text
        self._lines_are_lost = False
        self._last_line = time.monotonic()
        self._board = Board(run.tensorboard) if tensorboard else None

    @property
    def last_line(self) -> float:
        """When the last line was written, by `time.monotonic`."""
        return self._last_line

    def tell(self, text: str) -> None:
        """A line for people."""
        say(text)
        self._write(text)

    def warn(self, text: str) -> None:
        """Of something that may be wrong; shown with --quiet too."""
        warn(text)
        self._write(f"warning: {text}")

    def warn_here(self, text: str) -> None:
        """Of something that may be wrong in this process alone, whichever of several it is."""
        self.warn(text)

    def record(self, kind: str, update: int, **values: Any) -> None:
        """A record for programs: one JSON object, its numbers also for TensorBoard."""
        record = {"kind": kind, "update": update, "time": round(time.time(), 3), **values}
        self._append(self._records, json.dumps(json_numbers(record), ensure_ascii=False) + "\n")
        if self._board is not None:
            if kind in CONTINUES_FROM:
                self._board.hide_after(record[CONTINUES_FROM[kind]])
            self._board.add(kind, update, values)

    def close(self) -> None:
        """Let go of TensorBoard's file."""
        if self._board is not None:
            self._board.close()

    def _write(self, text: str) -> None:
        self._last_line = time.monotonic()
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        lines = "".join(f"{stamp} {line}\n" for line in text.split("\n"))
        self._append(self._text, lines)

    def _append(self, file: Path, lines: str) -> None:
        """A disk that is full costs lines of a log, never the training that it tells of."""
        try:
            append_text(file, lines)
        except ResourceError as error:
            if not self._lines_are_lost:
                warn(f"lines of the log are lost: {error.message}")
            self._lines_are_lost = True


class NoLog(TrainingLog):
    """That of all processes but the first: only one writes. rank: which of them this is."""

    def __init__(self, rank: int) -> None:
        self._board = None
        self._rank = rank

    @property
    def last_line(self) -> float:
        """Just now: no line is due."""
        return time.monotonic()

    def tell(self, text: str) -> None:
        """Nothing is told."""

    def warn(self, text: str) -> None:
        """Nothing is told."""

    def warn_here(self, text: str) -> None:
        """On stderr, with the rank that it is about."""
        warn(f"rank {self._rank}: {text}")

    def record(self, kind: str, update: int, **values: Any) -> None:
        """Nothing is recorded."""


def json_numbers(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return values for JSON, which has no infinity: such a perplexity is written as text."""
    return {
        key: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in record.items()
    }

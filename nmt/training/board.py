"""TensorBoard's files.

They are written here record by record. TensorBoard's own writer has a thread, which a full disk
ends with a traceback, and the training with it.
"""

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nmt.errors import UsageError
from nmt.runtime.console import warn


class Board:
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
                "`pip install 'nmt[tensorboard]'`, or set `tensorboard: false`."
            ) from error
        self._event, self._summary, self._session = Event, Summary, SessionLog
        self._writer: Any = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            name = f"events.out.tfevents.{time.time_ns()}.{socket.gethostname()}.{os.getpid()}"
            # Unbuffered: a write error is known at once, and a kill loses nothing.
            self._writer = RecordWriter((folder / name).open("wb", buffering=0))
        except OSError as error:
            self._give_up(error)
        self._write(file_version="brain.Event:2")

    def add(self, kind: str, update: int, values: Mapping[str, Any]) -> None:
        """Write the numbers among the values, as scalars `kind/key`.

        Args:
            kind: The kind of record.
            update: The update that they belong to.
            values: The values by key. Those that are no numbers are left out.
        """
        scalars = [
            self._summary.Value(tag=f"{kind}/{key}", simple_value=value)
            for key, value in values.items()
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
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self.close()
        warn(f"TensorBoard's files are not written from here on: {error.strerror or error}")

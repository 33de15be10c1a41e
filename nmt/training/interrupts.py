"""Signals while training: the first stops it after the present update, the second at once.

Under a launcher a second signal changes nothing. torchrun forwards signals that its processes may
also have got from Slurm, and itself ends processes that do not stop. SIGUSR1 is never urgent: a
cluster sends it some time before it takes the machine away.
"""

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from nmt.runtime.console import warn

_URGENT = (signal.SIGINT, signal.SIGTERM)
_PATIENT = (signal.SIGUSR1,) if hasattr(signal, "SIGUSR1") else ()  # Windows has none

STOPPING = (*_URGENT, *_PATIENT)
"""The signals that end a training."""


class Interrupts:
    """A context manager that records SIGINT, SIGTERM and SIGUSR1 in `signal_number`.

    Outside the main thread, where Python cannot catch signals, it does nothing.

    Args:
        launched: Whether a launcher started several processes, which all receive the signals. They
            are then recorded silently, and any number of times.
    """

    def __init__(self, launched: bool = False) -> None:
        self._launched = launched
        self.signal_number: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            for number in STOPPING:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore(STOPPING)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number in _PATIENT:
            if self.signal_number is None:
                self.signal_number = number
                if not self._launched:
                    _warn_at_once("stopping after this update, with a save.")
            return
        self.signal_number = number
        if self._launched:
            return
        # Before the warning: a signal sent after reading it must act at once.
        self._restore(_URGENT)
        _warn_at_once("stopping after this update, with a save; once more to stop at once.")

    def _restore(self, numbers: tuple[int, ...]) -> None:
        for number in numbers:
            if number in self._before:
                signal.signal(number, self._before.pop(number))


def _warn_at_once(text: str) -> None:
    """Warn from a signal handler, which may have interrupted the writing of a line to stderr."""
    try:
        warn(text)
    except RuntimeError:  # Python refuses reentrant writes to the stream
        os.write(2, f"warning: {text}\n".encode())

"""Signals while training: the first is noted and obeyed after the update, the second at once.

Under a launcher the second changes nothing: torchrun passes on what its processes may have got from
Slurm as well, and itself ends whoever does not. SIGUSR1 is what a cluster sends a while before it
takes the machine away: it is never urgent.
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
    """Within the block SIGINT, SIGTERM and SIGUSR1 set `signal_number` instead of ending the
    process.

    Outside the main thread, where Python cannot catch signals, it does nothing. launched: by a
    launcher, beside other processes that are told too: silently, and any number of times.
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
        # Before it is told: who reads that and sends another means it.
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
    except RuntimeError:  # Python refuses to enter the stream again
        os.write(2, f"warning: {text}\n".encode())

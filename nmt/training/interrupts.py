"""Signals while training: the first is noted and obeyed after the update, the second at once.

Under a launcher the second changes nothing: torchrun passes on what its processes may have got from
Slurm as well, and itself ends whoever does not.
"""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from nmt.runtime.console import warn

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Within the block SIGINT and SIGTERM set `signal_number` instead of ending the process.

    Outside the main thread, where Python cannot catch signals, it does nothing. launched: by a
    launcher, beside other processes that are told too: silently, and any number of times.
    """

    def __init__(self, launched: bool = False) -> None:
        self._launched = launched
        self.signal_number: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interrupts":
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal_number = number
        if self._launched:
            return
        warn("stopping after this update, with a save; once more to stop at once.")
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

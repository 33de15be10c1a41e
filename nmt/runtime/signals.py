"""Signals as exceptions: work that may stop at any point cleans up on its way out."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

_BOTH = (signal.SIGINT, signal.SIGTERM)


class Signalled(BaseException):
    """A signal came; like KeyboardInterrupt no Exception, which somebody might catch."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.name = signal.Signals(number).name


@contextmanager
def signals_raised(numbers: Sequence[int] = _BOTH) -> Iterator[None]:
    """Within the block the first signal of `numbers` raises Signalled, the next acts as before.

    Outside the main thread, where Python cannot catch signals, it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        restore()
        raise Signalled(number)

    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        signal.signal(number, stop)
    try:
        yield
    finally:
        restore()

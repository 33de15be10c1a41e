"""The process: signals as exceptions, and whether a command or a host program owns it."""

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_CAN_BLOCK = hasattr(signal, "pthread_sigmask")  # not on Windows


class SignalReceived(BaseException):
    """A signal that was received.

    Like KeyboardInterrupt it is no Exception, so that no handler of errors catches it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.name = signal.Signals(number).name


@contextmanager
def raise_signals(numbers: Sequence[int] = _STOP_SIGNALS) -> Iterator[None]:
    """Return a context manager within which the first signal raises SignalReceived.

    The next one has its usual effect. Outside the main thread, where Python cannot catch signals,
    it does nothing.

    Args:
        numbers: The signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def raise_received(number: int, frame: FrameType | None) -> NoReturn:
        restore()
        raise SignalReceived(number)

    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        signal.signal(number, raise_received)
    try:
        yield
    finally:
        restore()


@contextmanager
def delay_signals(numbers: Sequence[int] = _STOP_SIGNALS) -> Iterator[None]:
    """Return a context manager that delays signals to the end of its block.

    Processes started in the block have the signals blocked until `unblock_signals`. Ctrl-C reaches
    all processes of a terminal, and one that is still starting would otherwise print a traceback.
    Outside the main thread, where Python cannot catch signals, it does nothing.

    Args:
        numbers: The signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []

    def record(number: int, frame: FrameType | None) -> None:
        received.append(number)

    handlers = {number: signal.signal(number, record) for number in numbers}
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, numbers) if _CAN_BLOCK else None
    try:
        yield
    finally:
        if blocked is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number in received:
            signal.raise_signal(number)


def unblock_signals(*numbers: int) -> None:
    """Unblock signals that were held when this process was started."""
    if _CAN_BLOCK:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)


_OPENMP_WAITING = {"GOMP_SPINCOUNT": "300000", "OMP_WAIT_POLICY": "passive"}
"""The waiting behaviour of OpenMP's threads.

They spin as long as by default. They do not spin while a process has more OpenMP threads than cores
(see `nmt.runtime.thread_waiting`).
"""

_is_owned = False


def claim_process() -> None:
    """Declare that this process runs a command and nothing else.

    Call it before torch is imported, because OpenMP reads its settings then. Values set by the user
    stay.
    """
    global _is_owned
    _is_owned = True
    if not any(name in os.environ for name in _OPENMP_WAITING):
        os.environ.update(_OPENMP_WAITING)


def owns_process() -> bool:
    """Return whether allocator, kernels and threads may be set for the whole process."""
    return _is_owned


def controls_thread_waiting() -> bool:
    """Return whether `claim_process`, here or in the parent process, set how threads wait."""
    return all(os.environ.get(name) == value for name, value in _OPENMP_WAITING.items())

"""The errors a user may meet, each with the exit code that scripts can rely on.

A message says what is wrong, where (file:line or config key) and how to mend it, in one to three
lines. Whatever is not an `NmtError` is a bug of ours and ends with exit code 1.
"""

import signal


class NmtError(Exception):
    """An error with an answer for the user: shown without a traceback.

    message: one to three lines, what is wrong and where, and what to do about it; empty where
    another process of the same job tells of it.
    """

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UsageError(NmtError):
    """The command line or the configuration asks for something that cannot be (exit code 2)."""

    exit_code = 2


class ConfigError(UsageError):
    """The configuration is wrong; the message lists every problem found (exit code 2)."""


class DataError(NmtError):
    """A text file or a binarized corpus is missing, damaged or unfit (exit code 3)."""

    exit_code = 3


class ModelError(NmtError):
    """A bundle, checkpoint or tokenizer is missing, damaged or does not fit (exit code 4)."""

    exit_code = 4


class ResourceError(NmtError):
    """The device, memory or disk does not give what is needed (exit code 5)."""

    exit_code = 5


class OutputClosed(NmtError):
    """Whoever read our output has enough of it: the work ends, quietly and well (exit code 0)."""

    exit_code = 0


class StoppedBySignal(NmtError):
    """A signal ended the work after a clean save (exit code 128 + signal: 130, 143; 0 for SIGUSR1,
    which asks for just that).

    message: empty where another process of the same job tells of it.
    """

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        asked = signal_number == getattr(signal, "SIGUSR1", None)
        self.exit_code = 0 if asked else 128 + signal_number


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory, of the machine or of a GPU, gave out: told by Python, torch or a library
    below it. torch is asked by name: it must not be imported only to look at an error.
    """
    signs = ("DefaultCPUAllocator", "CUDA error: out of memory", "ALLOC_FAILED")
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and any(sign in str(error) for sign in signs))
        # All that oneDNN says when it finds no room (seen below a limit on the address space).
        or str(error) == "could not create a primitive"
    )

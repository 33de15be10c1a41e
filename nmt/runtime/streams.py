"""The three standard streams: UTF-8 in every locale, and never missing."""

import io
import os
import sys
from collections.abc import Iterable
from typing import BinaryIO, NoReturn

from nmt.errors import DataError, ResourceError


def prepare_streams() -> None:
    r"""Set UTF-8 on the standard streams, and bare `\n` line ends on stdin and stdout.

    A closed stream (`nmt ... <&-`) is replaced. Reading lines of a closed stdin is then a
    DataError, and writing to a closed stdout a ResourceError. Output to a closed stderr is dropped.
    A stream that a program has put in their place is left as it is.
    """
    _fill_closed_descriptors()
    if sys.stdin is None:
        sys.stdin = _ClosedInput()
    elif isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", newline="\n")
    if sys.stdout is None:
        sys.stdout = _ClosedOutput()
    elif isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    elif isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")


def open_stdin() -> io.BufferedReader:
    """Return the bytes of stdin, in a buffer of their own.

    A thread that waits in Python's buffer would hold its lock when the program ends.

    Raises:
        DataError: stdin is closed.
    """
    try:
        return io.BufferedReader(io.FileIO(sys.stdin.fileno(), closefd=False))
    except io.UnsupportedOperation:
        return io.BufferedReader(io.BytesIO(sys.stdin.buffer.read()))


class _ClosedInput(io.TextIOBase):
    """The replacement of a closed stdin."""

    def read(self, size: int | None = -1, /) -> str:
        self._refuse()

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]  # typeshed's mixture
        self._refuse()

    @property
    def buffer(self) -> BinaryIO:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise DataError("stdin is closed: there is nothing to read. Name a file, or pipe text in.")


class _ClosedOutput(io.TextIOBase):
    """The replacement of a closed stdout: the loss of a result must be an error."""

    def write(self, text: str, /) -> int:
        self._refuse()

    def writelines(self, lines: Iterable[str], /) -> None:  # type: ignore[override]
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise ResourceError("stdout is closed: the result cannot be written. Send it to a file.")


def _fill_closed_descriptors() -> None:
    """Open the null device for each standard stream that is closed.

    Otherwise a file opened later could get its number, and the output of a library would be written
    into that file.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDONLY if descriptor < 2 else os.O_WRONLY)

"""Error reports of the command line: one message on stderr, and an exit code for scripts."""

import errno
import os
import select
import sys
import traceback
from pathlib import Path
from typing import Any

import typer

from nmt.cli import options
from nmt.cli.command_line_errors import command_line_error_text
from nmt.errors import (
    NmtError,
    OutputClosed,
    ResourceError,
    StoppedBySignal,
    UsageError,
    describe_wrong_value,
    is_out_of_memory,
)
from nmt.runtime.process import SignalReceived

_FILE_SYSTEM_ERRORS = frozenset(
    (
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.ENAMETOOLONG,
        errno.ELOOP,
        errno.ENOTDIR,
        errno.EIO,
        errno.ESTALE,
        errno.EMFILE,
        errno.ENFILE,
    )
)
"""Errors of the file system for any path, which are no bug of the program."""

# Recent versions of typer include click; this finds the class in either.
CommandLineError: type[Exception] = typer.BadParameter.__mro__[1]


def report(error: BaseException) -> int:
    """Report an error on stderr and return the exit code.

    A reader that closes the pipe of the output (`nmt ... | head`) is no error. The exit code is
    then 0, without a message.
    """
    if isinstance(error, BrokenPipeError) and _reader_has_closed():
        _discard_pending_output()
        return 0
    if isinstance(error, OutputClosed) or (isinstance(error, NmtError) and not error.message):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        _print_error("nmt: interrupted")
        return 130
    if isinstance(error, SignalReceived):
        error = StoppedBySignal(f"stopped by {error.name}", error.number)
    if isinstance(error, CommandLineError):
        _reword_wrong_value(error)
        if type(error).__name__ == "NoArgsIsHelpError":
            _print_error(str(error).rstrip("\n"))
        else:
            _print_error(f"{_process_name()}: error: {command_line_error_text(error)}")
        return 2
    if options.is_debug():
        _print_error("".join(traceback.format_exception(error)).rstrip("\n"))
    known = _as_nmt_error(error)
    if known is not None:
        label = (
            _process_name() if isinstance(known, StoppedBySignal) else f"{_process_name()}: error"
        )
        _print_error(f"{label}: {known.message}")
        return known.exit_code
    hint = "" if options.is_debug() else " (add --debug for the traceback)"
    _print_error(f"{_process_name()}: internal error: {type(error).__name__}: {error}{hint}")
    return 1


def _reword_wrong_value(error: Any) -> None:
    """Replace the text of pydantic in an error of typer about the value of an option."""
    if type(error.__cause__).__name__ != "ValidationError":
        return
    problem = error.__cause__.errors()[0]
    message = describe_wrong_value(problem)
    is_quoted = problem["type"] == "value_error"  # a choice, whose message has the value
    error.message = message if is_quoted else f"{message}, got {problem['input']}."


def _process_name() -> str:
    """Return the name of the process in messages, with its rank where it is not rank zero."""
    rank = os.environ.get("RANK", "0")
    return "nmt" if rank == "0" or "WORLD_SIZE" not in os.environ else f"nmt: rank {rank}"


def _as_nmt_error(error: BaseException) -> NmtError | None:
    if isinstance(error, NmtError):
        return error
    if is_out_of_memory(error):
        return ResourceError(
            "out of memory. Lower training.batch_size, search.batch_sentences or "
            "search.beam_size, or use a smaller model or a device with more memory."
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        _discard_pending_output()
        where = error.filename if error.filename is not None else "the output"
        return ResourceError(f"{where}: cannot be written: the disk is full. Free some space.")
    if isinstance(error, UnicodeEncodeError) and error.encoding != "utf-8":
        return UsageError(
            f"{error.object[:200]!r}: this name is not encodable in this locale "
            f"({error.encoding}). Set PYTHONUTF8=1, or use a UTF-8 locale."
        )
    if isinstance(error, ValueError) and "surrogates not allowed" in str(error):
        return UsageError(
            "the name of a file, a parent folder or an argument is not valid UTF-8 (folder "
            f"{str(Path.cwd())!a}, arguments {sys.argv[1:]!a}).\n"
            "Rename it, or use a UTF-8 locale."
        )
    if (
        isinstance(error, OSError)
        and error.errno in _FILE_SYSTEM_ERRORS
        and error.filename is not None
    ):
        return ResourceError(
            f"{error.filename}: {error.strerror}. Check the path and its permissions, or use "
            "another path."
        )
    return None


def _reader_has_closed() -> bool:
    """Return whether the reader of stdout or stderr has closed it.

    A broken pipe between the processes of the program is a failure, and does not count.
    """
    if not hasattr(select, "poll"):
        return True
    poll = select.poll()
    for descriptor in (1, 2):
        poll.register(descriptor, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def _discard_pending_output() -> None:
    """Redirect stdout to nowhere, so that Python's last flush at exit cannot fail."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def _print_error(text: str) -> None:
    try:
        print(text, file=sys.stderr, flush=True)
    except BrokenPipeError:
        _discard_pending_output()

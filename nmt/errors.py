"""The errors that a user may see, each with an exit code for scripts.

A message says in one to three lines the problem, its place (file:line or key) and the fix. Any
other exception is a bug of the program and ends with exit code 1.
"""

import json
import signal
from collections.abc import Mapping
from typing import Any

_EXTRA_PACKAGES = {
    "tensorboard": ("tensorboard",),
    "plot": ("matplotlib",),
    "serve": ("starlette", "uvicorn"),
    "zst": ("zstandard",),
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
}
"""The packages of each extra in pyproject.toml."""


class NmtError(Exception):
    """An error with a message for the user, shown without a traceback.

    Attributes:
        message: The problem, its place and the fix, in one to three lines. It is empty where
            another process of the same job reports it.
        exit_code: The exit code of the process.
    """

    exit_code = 1

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class UsageError(NmtError):
    """A command line or configuration that asks for something impossible (exit code 2)."""

    exit_code = 2


class ConfigError(UsageError):
    """A wrong configuration; the message lists every problem found (exit code 2)."""


class DataError(NmtError):
    """A text file or binarized corpus that is missing, damaged or unfit (exit code 3)."""

    exit_code = 3


class ModelError(NmtError):
    """A bundle, checkpoint or tokenizer that is missing, damaged or does not fit (exit code 4)."""

    exit_code = 4


class ResourceError(NmtError):
    """A device, memory or disk that does not suffice (exit code 5)."""

    exit_code = 5


class OutputClosed(NmtError):
    """A reader that has closed the pipe of the output, which ends the work (exit code 0)."""

    exit_code = 0


class StoppedBySignal(NmtError):
    """A signal that ended the work after the state was saved.

    The exit code is 128 + the signal number, such as 130 or 143. It is 0 for SIGUSR1, which
    requests to save and stop.
    """

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        is_save_request = signal_number == getattr(signal, "SIGUSR1", None)
        self.exit_code = 0 if is_save_request else 128 + signal_number


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that the memory of the machine or of a GPU ran out.

    The error may come from Python, torch or a library below torch. The classes of torch are
    recognised by name, because importing torch only to examine an error is slow.
    """
    markers = ("DefaultCPUAllocator", "CUDA error: out of memory", "ALLOC_FAILED")
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and any(marker in str(error) for marker in markers))
        # The only message of oneDNN for a failed allocation, as under an address-space limit.
        or str(error) == "could not create a primitive"
    )


def install_command(extra: str) -> str:
    """Return the command that installs the packages of an extra.

    Args:
        extra: The name of the extra in pyproject.toml.
    """
    return f"`pip install {' '.join(_EXTRA_PACKAGES[extra])}`"


def describe_damage(error: Exception) -> str:
    """Return what is wrong with a record that cannot be read, in words for a user.

    Args:
        error: The exception that reading the record raised.
    """
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, json.JSONDecodeError):
        return f"not valid JSON at line {error.lineno}, column {error.colno}"
    if isinstance(error, UnicodeDecodeError):
        return f"not valid UTF-8 at byte {error.start}"
    if isinstance(error, KeyError):
        return f"`{error.args[0]}` is missing"
    if isinstance(error, TypeError | AttributeError):
        return "a field is missing, unknown or of a wrong type"
    return f"{error!s:.200}"


def describe_wrong_value(problem: Mapping[str, Any]) -> str:
    """Return a problem that pydantic found in a value, in words for a user.

    Args:
        problem: A member of `ValidationError.errors()`.
    """
    kind, context = problem["type"], problem.get("ctx", {})
    if kind in _LIMITS:
        return f"expected a number {_LIMITS[kind]} {next(iter(context.values()))}"
    for ending in ("_type", "_parsing", "_from_float"):
        if kind.endswith(ending) and kind.removesuffix(ending) in _TYPES:
            return f"expected {_TYPES[kind.removesuffix(ending)]}"
    if kind == "finite_number":
        return "expected a finite number"
    if kind == "missing":
        return "missing"
    if kind == "json_invalid":
        return f"not valid JSON: {context['error']}"
    message = str(problem["msg"]).removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


_LIMITS = {
    "greater_than": ">",
    "greater_than_equal": ">=",
    "less_than": "<",
    "less_than_equal": "<=",
}
_TYPES = {
    "int": "a whole number",
    "float": "a number",
    "string": "a text",
    "bool": "true or false",
    "list": "a list",
    "tuple": "a list",
    "dict": "an object",
    "model": "an object",
}

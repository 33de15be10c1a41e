"""The formats of a checkpoint's state file, and the migration from each to the next.

Format 1 has the state and the checksums of the files beside it. Format 2 adds a checksum of the
record. In format 3 `batch_size` replaces `batch_tokens` of the state.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nmt.errors import ModelError
from nmt.runtime.files import read_json

FORMAT = 3

Record = dict[str, Any]


class LaterFormat(ModelError):
    """A checkpoint that only a later version of nmt can read."""


def seal(record: Record) -> Record:
    """Return a record with a checksum of itself."""
    return {**record, "checksum": _checksum(record)}


def read_record(file: Path) -> Record:
    """Return the record of a state file, migrated to the present format.

    Its `state` is the state of training, its `sha256` the checksums by file name.

    Raises:
        LaterFormat: The format is newer than this program.
        ModelError: The file is missing or damaged.
    """
    try:
        record = read_json(file)
        _check(record)
        while record["format"] < FORMAT:
            record = _STEPS[record["format"]](record)
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({error.strerror}).") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{file}: is damaged ({error!r}).") from error
    if record["format"] > FORMAT:
        raise LaterFormat(
            f"{file}: is of format {record['format']}, and this program reads up to format "
            f"{FORMAT}. Take the version of nmt that wrote it, or a later one."
        )
    assert isinstance(record, dict)
    return record


def _check(record: Record) -> None:
    """Raise ValueError, KeyError or TypeError when a record is damaged."""
    # The checksum is checked first: a flipped bit must not pass for another format.
    if "checksum" in record and record["checksum"] != _checksum(record):
        raise ValueError("its checksum differs")
    if type(record["format"]) is not int:
        raise TypeError("its format is no number")
    if record["format"] > 1 and "checksum" not in record:
        raise KeyError("checksum")
    if record["format"] <= FORMAT and not isinstance(record["state"], dict):
        raise TypeError("its state is no object")


def _checksum(record: Record) -> str:
    sealed = {key: value for key, value in record.items() if key != "checksum"}
    text = json.dumps(sealed, sort_keys=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _from_1(record: Record) -> Record:
    return seal({**record, "format": 2})


def _from_2(record: Record) -> Record:
    state = dict(record["state"])
    if "batch_tokens" in state:
        state["batch_size"] = state.pop("batch_tokens")
    return seal({**record, "format": 3, "state": state})


_STEPS: dict[int, Callable[[Record], Record]] = {1: _from_1, 2: _from_2}

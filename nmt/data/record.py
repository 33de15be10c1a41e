"""Records: JSON files by which nmt recognises a folder that it made and may replace."""

from collections.abc import Container
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from nmt.errors import DataError, UsageError
from nmt.runtime.files import write_text

_BEGIN = b'{\n  "version": '
_NAMES_SHOWN = 5


class Record(BaseModel):
    """A frozen record kept as a JSON file. Unknown keys are refused.

    The record of a folder has `version` as its first field.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    def save_as(self, path: Path) -> None:
        """Write the JSON file atomically."""
        write_text(path, self.model_dump_json(indent=2) + "\n")


_Record = TypeVar("_Record", bound=Record)


def load_record(kind: type[_Record], path: Path, command: str) -> _Record:
    """Return a record read from its JSON file.

    Args:
        kind: The class of the record.
        path: The JSON file.
        command: The command that makes the record, such as `nmt binarize`.

    Raises:
        DataError: The record is missing, damaged, or has fields of another version.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{path}: cannot be read: {reason}; re-run {command}.") from error
    except ValidationError as error:
        problems = error.errors()
        first = problems[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        if all(problem["type"] == "missing" for problem in problems):
            raise DataError(
                f"{path}: was made by an older version of nmt ({place} is missing); re-run "
                f"{command}."
            ) from error
        raise DataError(f"{path}: damaged ({place}: {first['msg']}); re-run {command}.") from error


def check_replaceable(folder: Path, record: str, names: Container[str], key: str) -> None:
    """Check that replacing a folder loses no files that others made.

    This holds for a folder that is absent or empty. It also holds for a folder with the file
    `record`, even of another version or damaged, and otherwise only files that nmt writes there.

    Args:
        folder: The folder.
        record: The name of the record file.
        names: The names of the files that nmt writes there.
        key: The configuration key that chooses another folder.

    Raises:
        UsageError: The folder has other files, or is not a folder.
    """
    if folder.is_dir():
        foreign = sorted(path.name for path in folder.iterdir())
        if _is_record(folder / record):
            foreign = [name for name in foreign if name not in names]
        if not foreign:
            return
        more = ", ..." if len(foreign) > _NAMES_SHOWN else ""
        holds = f"holds what nmt did not make there ({', '.join(foreign[:_NAMES_SHOWN])}{more})"
    elif folder.exists():
        holds = "is not a folder"
    else:
        return
    raise UsageError(
        f"{folder}: nmt would write its own here, but this {holds}.\n"
        f"Move it away, or take another {key}."
    )


def _is_record(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_BEGIN)) == _BEGIN

"""Rules for making, sharing and replacing the folder of a tokenizer or of prepared data.

A folder inside the run belongs to that run, which remakes it when it is out of date. A folder
outside may be used by other runs too. It is made when missing, used when up to date, and replaced
by --force only.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmt.config.earlier_keys import REMOVED_KEYS
from nmt.config.serialize import format_value
from nmt.console import say
from nmt.data.input_files import Inputs, changed_texts
from nmt.data.manifest import check_replaceable
from nmt.errors import DataError, UsageError
from nmt.runtime.atomic_files import remove_leftovers
from nmt.runtime.lock import hold_lock
from nmt.runtime.run_directory import RunDirectory, find_run, preparation_lock

_REASONS_SHOWN = 4
_FINGERPRINT_SHOWN = 12


@dataclass(frozen=True)
class FolderKind:
    """A kind of prepared folder.

    Attributes:
        name: The section of the configuration, and the name of the folder in a run.
        command: The command that makes the folder.
        record: The file with the provenance of the folder.
        files: The names of all files that nmt writes there.
    """

    name: str
    command: str
    record: str
    files: frozenset[str]

    @property
    def key(self) -> str:
        """The configuration key that names the folder."""
        return f"{self.name}.dir"


@dataclass(frozen=True)
class PreparedFolder:
    """The folder of a tokenizer or of data, as one run uses it.

    Attributes:
        run: The path of the run.
        path: The path of the folder.
        kind: The kind of the folder.
        is_shared: Whether the folder is outside the run, where other runs may use it.
        is_trained_with: Whether the run has checkpoints.
    """

    run: Path
    path: Path
    kind: FolderKind
    is_shared: bool
    is_trained_with: bool

    @classmethod
    def for_run(cls, run: RunDirectory, path: Path, kind: FolderKind) -> "PreparedFolder":
        """Return the prepared folder of a run.

        Args:
            run: The run.
            path: The path of the folder.
            kind: The kind of the folder.
        """
        return cls(run.path, path, kind, run.is_shared(path), run.has_checkpoints)

    @property
    def record_file(self) -> Path:
        """The path of the file with the provenance of the folder."""
        return self.path / self.kind.record

    @property
    def alternative_key(self) -> str:
        """The configuration key that chooses another place."""
        return self.kind.key if self.is_shared else "run_dir"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Return a context manager that locks the folder against other processes.

        It waits for a process that has the lock. Leftovers of a killed process are removed first.
        Nothing else beside the folder is touched. A folder that this user can only read is not
        locked.
        """
        if self.path.is_dir() and not os.access(self.path.parent, os.W_OK):
            yield
            return

        def report_waiting(process: str) -> None:
            say(f"{self.path}: another nmt (process {process}) is writing it; waiting.")

        with hold_lock(preparation_lock(self.path), f"{self.path}", on_wait=report_waiting):
            remove_leftovers(self.path.parent, {self.path.name})
            remove_leftovers(self.path, self.kind.files)
            yield

    def check_exists(self) -> None:
        """Raise DataError where the folder of a trained run is missing.

        A folder inside the run counts as missing only where the run has used another one.
        """
        if not self.is_trained_with or os.path.lexists(self.path):
            return
        if self.is_shared:
            raise DataError(
                f"{self.path}: is missing, but the checkpoints of this run need its "
                f"{self.kind.name}.\n"
                f"Restore it, set `{self.kind.key}` to its new place, or re-create it with "
                f"`{self.kind.command} --force`."
            )
        used: Path = getattr(find_run(self.run), self.kind.name)
        if used != self.path:
            raise DataError(
                f"{self.path}: is missing. This run was trained with the {self.kind.name} in "
                f"{used}.\n"
                f"Set `{self.kind.key}: {used}`, or create the folder here with "
                f"`{self.kind.command} --force`."
            )

    def check_made_by_nmt(self) -> None:
        """Raise UsageError where the folder has files that nmt did not make."""
        if self.is_shared and (self.path / self.kind.name / self.kind.record).is_file():
            raise UsageError(
                f"{self.path}: is a run, not the {self.kind.name} of a run.\n"
                f"Set `{self.kind.key}` to {self.path / self.kind.name}."
            )
        check_replaceable(self.path, self.kind.record, self.kind.files, self.alternative_key)

    def refuse_to_replace(self, reasons: Sequence[str]) -> None:
        """Raise UsageError where the folder is shared and not empty.

        Args:
            reasons: The reasons why it is out of date.
        """
        if not self.is_shared or not self.path.is_dir() or not any(self.path.iterdir()):
            return
        raise UsageError(
            f"{self.path}: this {self.kind.name} cannot be used here: {join_reasons(reasons)}.\n"
            f"Set `{self.kind.key}` to another folder. To replace this one, which other runs may "
            f"use, run `{self.kind.command} --force`."
        )

    def may_update(self, before: Inputs, now: Inputs) -> bool:
        """Return whether the record may be rewritten with the present times of the texts.

        Args:
            before: The descriptions of the texts in the record.
            now: The present descriptions of the texts.
        """
        if not self.is_shared:
            return True
        return _paths(before) == _paths(now) and os.access(self.path, os.W_OK)

    def report_up_to_date(self, fingerprint: str) -> None:
        """Report that the folder is used as it is."""
        say(
            f"{self.kind.name}: up to date ({self.path}), fingerprint "
            f"{shorten_fingerprint(fingerprint)}"
        )


def changed_settings(
    section: str, before: Mapping[str, Any], now: Mapping[str, Any], names: Mapping[str, str]
) -> list[str]:
    """Return a description of each setting that differs, with both values.

    A setting of an earlier release that no longer exists does not count, because its value is
    fixed.

    Args:
        section: The section of most of the settings.
        before: The settings of a record.
        now: The settings of the configuration.
        names: The full keys of settings with another section or name.
    """
    return [
        f"{names.get(key, f'{section}.{key}')} is {_format_setting(before, key)} in the folder, "
        f"{_format_setting(now, key)} in the configuration"
        for key in {**before, **now}
        if before.get(key) != now.get(key) and f"{section}.{key}" not in REMOVED_KEYS
    ]


def changed_inputs(before: Inputs, now: Inputs) -> list[str]:
    """Return a description of each text that differs, with its files.

    Args:
        before: The descriptions of the texts in a record.
        now: The present descriptions of the texts.
    """
    return [
        f"data.{name} has changed ({', '.join(file.path for file in now.get(name, ()))})"
        if name in now
        else f"data.{name} is missing in the configuration"
        for name in changed_texts(before, now)
    ]


def shorten_fingerprint(fingerprint: str) -> str:
    """Return the beginning of a fingerprint, for people."""
    return fingerprint[:_FINGERPRINT_SHOWN]


def join_reasons(reasons: Sequence[str]) -> str:
    """Return the first reasons in one line."""
    more = len(reasons) - _REASONS_SHOWN
    return "; ".join([*reasons[:_REASONS_SHOWN], *([f"and {more} more"] if more > 0 else [])])


def _format_setting(settings: Mapping[str, Any], key: str) -> str:
    return format_value(settings[key]) if key in settings else "not set"


def _paths(inputs: Inputs) -> dict[str, list[str]]:
    return {name: [file.path for file in files] for name, files in inputs.items()}

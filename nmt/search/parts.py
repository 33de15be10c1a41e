"""Folder of finished parts beside an output, with the provenance of its answers.

`NAME.parts/manifest.json` records the text, the model and the settings. `000012.part` holds the
answers of block 12, and a last line with their SHA-256. The folder appears with its manifest, and
each part appears when it is complete.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from nmt.data.text import plain_read_errors
from nmt.errors import DataError, UsageError
from nmt.runtime.console import warn
from nmt.runtime.files import (
    atomic_directory,
    plain_disk_errors,
    read_json,
    remove_directory,
    remove_leftovers,
)
from nmt.search.blocks import Block, Survey
from nmt.search.ports import Write, writer

FORMAT = 2

_MANIFEST = "manifest.json"
_PART = "{:06}.part"
_LINES_AT_ONCE = 1 << 10
_CHANGES_SHOWN = 4


@dataclass(frozen=True)
class Parts:
    """Folder of the finished parts of one text.

    Attributes:
        path: The folder.
        text: The checksum, the number of lines and the blocks of the text.
        made_by: The provenance: all that the answers depend on besides the text, by name.
    """

    path: Path
    text: Survey
    made_by: dict[str, Any]

    @classmethod
    def open(cls, path: Path, text: Survey, made_by: dict[str, Any]) -> "Parts":
        """Return the folder of an earlier process, or a new empty one.

        Only one process may call this, before others work on the folder. Damaged parts are removed
        with a warning.

        Args:
            path: The folder.
            text: The survey of the text to translate.
            made_by: The provenance of the answers, by name.

        Raises:
            UsageError: The folder belongs to another text, has another provenance or is unreadable.
        """
        remove_leftovers(path.parent, [path.name])
        if path.exists():
            cls._read(path).remove_if_empty()
        if not path.exists():
            parts = cls(path, text, made_by)
            with atomic_directory(path) as folder:
                (folder / _MANIFEST).write_text(parts._manifest(), encoding="utf-8", newline="\n")
            return parts
        parts = cls.load(path, made_by)
        if (parts.text.sha256, parts.text.lines) != (text.sha256, text.lines):
            raise parts._refusal([f"the text was {_named(parts.text)}, now {_named(text)}"])
        remove_leftovers(path)
        parts._remove_damaged()
        return parts

    @classmethod
    def load(cls, path: Path, made_by: dict[str, Any]) -> "Parts":
        """Return the folder that another process has opened.

        Args:
            path: The folder.
            made_by: The provenance of the answers, by name.

        Raises:
            UsageError: The folder has another provenance or is unreadable.
        """
        parts = cls._read(path)
        there, asked = parts.made_by, json.loads(json.dumps(made_by))
        changes = [
            f"{key} was {there.get(key)}, now {asked.get(key)}"
            for key in sorted(there.keys() | asked.keys())
            if there.get(key) != asked.get(key)
        ]
        if changes:
            raise parts._refusal(changes)
        return parts

    @classmethod
    def _read(cls, path: Path) -> "Parts":
        try:
            manifest = read_json(path / _MANIFEST)
            if manifest["format"] != FORMAT:
                raise ValueError(f"format {manifest['format']}, not {FORMAT}")
            blocks = [Block(*row) for row in manifest["blocks"]]
            if not isinstance(manifest["sha256"], str):
                raise TypeError("no checksum of the text")
            _check_blocks(blocks, manifest["lines"])
            text = Survey(manifest["sha256"], manifest["lines"], blocks)
            return cls(path, text, dict(manifest["made_by"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{path}: is no folder of finished parts that can be gone on with ({error!r}).\n"
                "Remove it, or take another --output."
            ) from error

    def finished(self) -> list[Block]:
        """Return the blocks whose answers are in the folder."""
        return [block for number, block in enumerate(self.text.blocks) if self.has(number)]

    def has(self, number: int) -> bool:
        """Return whether the answers of a block are in the folder."""
        return self._part(number).exists()

    @contextmanager
    def writer(self, number: int) -> Iterator[Write]:
        """Yield a function that writes the answers of a block, as whole lines.

        The part appears when the `with` block ends without an error.
        """
        digest = hashlib.sha256()
        with writer(self._part(number)) as write:

            def write_answers(text: str) -> None:
                digest.update(text.encode("utf-8"))
                write(text)

            yield write_answers
            write(f"{digest.hexdigest()}\n")

    def join(self, write: Write, one_line_each: bool) -> None:
        """Write the answers of all blocks in order.

        Args:
            write: Writes a text to the output.
            one_line_each: Whether there must be exactly one answer line for each line of the text.
                Otherwise there may be more.

        Raises:
            DataError: A part is missing, incomplete or damaged.
        """
        for number, block in enumerate(self.text.blocks):
            lines = 0
            answers = self._answers(number)
            while some := list(islice(answers, _LINES_AT_ONCE)):
                lines += len(some)
                write("".join(some))
            if lines < block.lines or (one_line_each and lines > block.lines):
                raise DataError(
                    f"{self._part(number)}: has {lines} lines, {block.lines} were translated. "
                    "Remove it, and start the same command again."
                )

    def remove(self) -> None:
        """Remove the folder."""
        remove_directory(self.path)

    def remove_if_empty(self) -> None:
        """Remove the folder when no block is finished.

        An empty folder would refuse a corrected text or other settings.
        """
        if not self.finished():
            self.remove()

    def _remove_damaged(self) -> None:
        for number in range(len(self.text.blocks)):
            if not self.has(number):
                continue
            try:
                for _ in self._answers(number):
                    pass
            except DataError:
                path = self._part(number)
                warn(f"{path}: is damaged; its lines are translated again")
                with plain_disk_errors(path):
                    path.unlink()

    def _answers(self, number: int) -> Iterator[str]:
        """Yield the lines of a part with their line ends.

        Raises:
            DataError: The part does not match its checksum. The error comes after the last line.
        """
        path = self._part(number)
        digest = hashlib.sha256()
        last = b""
        try:
            with plain_read_errors(path), path.open("rb") as part:
                for line in part:
                    if last:
                        digest.update(last)
                        yield last.decode("utf-8")
                    last = line
            intact = last == f"{digest.hexdigest()}\n".encode("ascii")
        except UnicodeDecodeError:
            intact = False
        if not intact:
            raise DataError(
                f"{path}: is damaged: what it holds is not what was written. Start the same "
                "command again: it translates these lines anew."
            )

    def _part(self, number: int) -> Path:
        return self.path / _PART.format(number)

    def _manifest(self) -> str:
        record = {
            "format": FORMAT,
            "sha256": self.text.sha256,
            "lines": self.text.lines,
            "made_by": self.made_by,
            "blocks": [astuple(block) for block in self.text.blocks],
        }
        return json.dumps(record, ensure_ascii=False) + "\n"

    def _refusal(self, changes: list[str]) -> UsageError:
        more = len(changes) - _CHANGES_SHOWN
        listed = "; ".join(changes[:_CHANGES_SHOWN]) + (f"; and {more} more" if more > 0 else "")
        return UsageError(
            f"{self.path}: holds parts of another translation: {listed}.\n"
            "Give the earlier command to go on with it. To begin anew, remove the folder or take "
            "another --output."
        )


def _check_blocks(blocks: list[Block], lines: int) -> None:
    """Check that the blocks are contiguous and have `lines` lines in all.

    Raises:
        ValueError: The blocks leave gaps, overlap, are empty or have another number of lines.
        TypeError: A value is no integer.
    """
    end = lines_before = 0
    for block in blocks:
        if any(type(number) is not int for number in astuple(block)):
            raise TypeError("a block without numbers")
        if (block.start, block.lines_before) != (end, lines_before):
            raise ValueError("blocks that do not follow one another")
        if block.end <= block.start or block.lines < 1:
            raise ValueError("an empty block")
        end, lines_before = block.end, lines_before + block.lines
    if lines != lines_before:
        raise ValueError(f"{lines_before} lines in blocks, {lines!r:.40} in all")


def _named(text: Survey) -> str:
    return f"{text.lines} lines (sha256 {text.sha256[:12]})"

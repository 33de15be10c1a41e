"""The store of finished parts beside the output, and the blocks of a long text.

`NAME.parts/manifest.json` records the text, the model and the settings. `000012.part` holds the
answers of block 12, and a last line with their SHA-256. The folder appears with its manifest, and
each part appears when it is complete.
"""

import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from nmt.console import progress, warn
from nmt.errors import DataError, UsageError, describe_damage
from nmt.runtime.atomic_files import (
    atomic_directory,
    read_json,
    remove_directory,
    remove_leftovers,
    wrap_os_errors,
)
from nmt.text.compression import Content, open_content, open_file
from nmt.text.lines import PLAIN_TEXT, ExpectedFormats, check_format, wrap_read_errors
from nmt.translation.line_stream import Write, writer


@dataclass(frozen=True)
class TextBlock:
    """Block of whole lines.

    Attributes:
        start: The first byte, in decompressed text.
        end: The byte after the last, in decompressed text.
        lines_before: The number of lines before the block.
        lines: The number of lines in the block.
    """

    start: int
    end: int
    lines_before: int
    lines: int


@dataclass(frozen=True)
class TextSurvey:
    """Checksum, length and blocks of a text.

    Attributes:
        sha256: The SHA-256 of the decompressed text.
        lines: The number of lines.
        blocks: The blocks, in order.
    """

    sha256: str
    lines: int
    blocks: list[TextBlock]


def survey_text(path: Path, block_bytes: int, expected: ExpectedFormats = PLAIN_TEXT) -> TextSurvey:
    """Read a text once, and divide it into blocks.

    Args:
        path: The text.
        block_bytes: The minimum size of a block.
        expected: The formats that cause no warning besides plain text.

    Returns:
        The survey of the text.

    Raises:
        DataError: The text cannot be read.
    """
    with _content(path) as content:
        check_format(content, expected)
    digest = hashlib.sha256()
    blocks: list[TextBlock] = []
    start = lines_before = 0
    with opened(path) as text, progress(f"count lines of {path}", None, "lines") as bar:
        runs = cut(text, block_bytes)
        while (run := _next(runs, path)) is not None:
            digest.update(run)
            lines = run.count(b"\n") + (not run.endswith(b"\n"))
            blocks.append(TextBlock(start, start + len(run), lines_before, lines))
            start, lines_before = start + len(run), lines_before + lines
            bar.advance(lines)
    return TextSurvey(digest.hexdigest(), lines_before, blocks)


def cut(text: io.BufferedReader, block_bytes: int) -> Iterator[bytes]:
    """Yield a text in runs of whole lines.

    A run has `block_bytes` bytes and the rest of its last line. The last run may be shorter.

    Args:
        text: The text, decompressed.
        block_bytes: The minimum size of a run.
    """
    while run := text.read(block_bytes):
        yield run if run.endswith(b"\n") else run + text.readline()


@contextmanager
def opened(path: Path) -> Iterator[io.BufferedReader]:
    """Yield the decompressed stream of a text, to read blocks of.

    Raises:
        DataError: The text is missing.
    """
    with _content(path) as content:
        yield content.stream


@contextmanager
def _content(path: Path) -> Iterator[Content]:
    with wrap_read_errors(path):
        file = open_file(path)
    with file:
        with wrap_read_errors(path):
            content = open_content(file, str(path))
        yield content


def read_block(text: io.BufferedReader, block: TextBlock, name: str) -> list[bytes]:
    """Return the lines of a block, without their ends.

    Compressed text can only be read forwards. A later block costs the decompression of all that
    lies between, an earlier one that of all from the beginning.

    Args:
        text: The stream of the text.
        block: The block.
        name: The name of the text, for messages.

    Raises:
        DataError: The text has changed since its survey.
    """
    with wrap_read_errors(name):
        text.seek(block.start)
        run = text.read(block.end - block.start)
    lines = run.removesuffix(b"\n").split(b"\n")
    if len(run) != block.end - block.start or len(lines) != block.lines:
        raise DataError(
            f"{name}: the file changed during translation. Do not change it before the end."
        )
    return lines


def in_windows(lines: list[bytes], size: int) -> Iterator[list[bytes]]:
    """Yield the same lines, up to `size` at a time.

    Args:
        lines: The lines.
        size: The maximum number of lines in a window.
    """
    remaining = iter(lines)
    while window := list(islice(remaining, size)):
        yield window


def _next(runs: Iterator[bytes], path: Path) -> bytes | None:
    with wrap_read_errors(path):
        return next(runs, None)


FORMAT = 2

_MANIFEST = "manifest.json"
_PART = "{:06}.part"
_LINES_AT_ONCE = 1 << 10
_CHANGES_SHOWN = 4


@dataclass(frozen=True)
class ShardStore:
    """Folder of the finished parts of one text.

    Attributes:
        path: The folder.
        text: The checksum, the number of lines and the blocks of the text.
        made_by: The provenance: all that the answers depend on besides the text, by name.
    """

    path: Path
    text: TextSurvey
    made_by: dict[str, Any]

    @classmethod
    def open(cls, path: Path, text: TextSurvey, made_by: dict[str, Any]) -> "ShardStore":
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
    def load(cls, path: Path, made_by: dict[str, Any]) -> "ShardStore":
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
    def _read(cls, path: Path) -> "ShardStore":
        try:
            manifest = read_json(path / _MANIFEST)
            if manifest["format"] != FORMAT:
                raise ValueError(f"format {manifest['format']}, not {FORMAT}")
            blocks = [TextBlock(*row) for row in manifest["blocks"]]
            if not isinstance(manifest["sha256"], str):
                raise ValueError("no checksum of the text")
            _check_blocks(blocks, manifest["lines"])
            text = TextSurvey(manifest["sha256"], manifest["lines"], blocks)
            return cls(path, text, dict(manifest["made_by"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(
                f"{path}: cannot resume from this folder of finished parts "
                f"({describe_damage(error)}).\n"
                "Remove it, or choose another --output."
            ) from error

    def finished(self) -> list[TextBlock]:
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
                    f"{self._part(number)}: has {lines} lines, but {block.lines} were translated. "
                    "Remove it and run the same command again."
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
                warn(f"{path}: is damaged; re-translating its lines")
                with wrap_os_errors(path):
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
            with wrap_read_errors(path), path.open("rb") as part:
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
                f"{path}: is damaged: its content changed after it was written. Run the same "
                "command again to re-translate these lines."
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
            f"{self.path}: the parts belong to another translation: {listed}.\n"
            "Run the earlier command to resume it. To start from scratch, remove the folder or "
            "choose another --output."
        )


def _check_blocks(blocks: list[TextBlock], lines: int) -> None:
    """Check that the blocks are contiguous and have `lines` lines in all.

    Raises:
        ValueError: The blocks leave gaps, overlap, are empty or have another number of lines, or
            a value is no integer.
    """
    end = lines_before = 0
    for block in blocks:
        if any(type(number) is not int for number in astuple(block)):
            raise ValueError("a block has values that are not whole numbers")
        if (block.start, block.lines_before) != (end, lines_before):
            raise ValueError("the blocks are not contiguous")
        if block.end <= block.start or block.lines < 1:
            raise ValueError("a block is empty")
        end, lines_before = block.end, lines_before + block.lines
    if lines != lines_before:
        raise ValueError(f"{lines_before} lines in blocks, {lines!r:.40} in all")


def _named(text: TextSurvey) -> str:
    return f"{text.lines} lines (sha256 {text.sha256[:12]})"

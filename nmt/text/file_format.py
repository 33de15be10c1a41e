"""The base class of file formats: identification by the beginning of a file, and advice."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

HEAD_BYTES = 1 << 16
"""The number of bytes at the beginning of a file by which its format is identified."""

_LINES = 200
"""The number of lines whose shape is inspected, at most."""

_FEWEST_LINES = 2
"""The fewest lines that show a shape. A single line with a tab may be ordinary text."""

Treatment = Literal["unpack", "refuse", "report"]
"""The treatment of a file where plain text is expected.

A file is unpacked, refused in every command, or reported. Where `Format.certain` is true, a
reported file is refused as a training corpus.
"""

BOM = b"\xef\xbb\xbf"
"""The byte-order mark that some programs put before UTF-8."""


@dataclass(frozen=True)
class Head:
    """The beginning of a file.

    Attributes:
        data: The first bytes, at most `HEAD_BYTES`.
        whole: Whether the file has no further bytes. False where this is unknown.
    """

    data: bytes
    whole: bool = False

    @cached_property
    def text(self) -> str:
        """The bytes decoded as UTF-8, without a byte-order mark. Invalid bytes are replaced."""
        return self.data.removeprefix(BOM).decode("utf-8", "replace")

    @cached_property
    def lines(self) -> list[str]:
        """The first lines that are not blank and not cut off, without line ends."""
        lines = self.text.split("\n")
        if not self.whole and len(lines) > 1:
            lines.pop()
        stripped = (line.removesuffix("\r") for line in lines)
        return [line for line in stripped if line.strip()][:_LINES]

    @cached_property
    def is_marked_up(self) -> bool:
        """Whether the text begins with a tag."""
        return self.text.lstrip().startswith("<")

    def share(self, sign: Callable[[str], object]) -> float:
        """Return the share of the lines for which `sign` is true; 0 for too few lines."""
        if len(self.lines) < _FEWEST_LINES:
            return 0.0
        return sum(1 for line in self.lines if sign(line)) / len(self.lines)


class Format(ABC):
    """A kind of file that is not plain text.

    Attributes:
        name: The name in the registry.
        title: A description of such a file, with its article.
        treatment: See `Treatment`.
        certain: Whether no plain text has this form. Such a file is refused as a corpus.
    """

    name: str
    title: str
    treatment: Treatment = "report"
    certain: bool = False

    @abstractmethod
    def matches(self, head: Head) -> bool:
        """Return whether a file with this beginning has the format."""

    @abstractmethod
    def advice(self, head: Head) -> "Advice":
        """Return advice on how to extract plain text from a file with this beginning."""


@dataclass(frozen=True)
class Advice:
    """Advice on how to extract plain text from a file.

    Attributes:
        filters: Shell commands that read the file on stdin and write one side of it to stdout.
        text: The advice where no such command helps. `{path}` stands for the file.
    """

    filters: tuple[str, ...] = ()
    text: str = ""

"""What a file format is: how the beginning of a file tells it, and what to do with the file."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

HEAD_BYTES = 1 << 16
"""Bytes at the beginning of a file that tell what it is."""

_LINES = 200
"""Lines whose shape is looked at, at most."""

_FEWEST_LINES = 2
"""A single line has no shape: one with a tab may be just what somebody wants to translate."""

Treatment = Literal["unpack", "refuse", "report"]
"""What to do with a file of a format where plain text is wanted: unpack it, refuse it in every
command, or report it (and refuse it as a training corpus where `Format.certain` is true)."""

BOM = b"\xef\xbb\xbf"
"""The byte-order mark that some programs put before UTF-8."""


@dataclass(frozen=True)
class Head:
    """The beginning of a file.

    Attributes:
        data: The first bytes, at most HEAD_BYTES.
        whole: Whether the file has no further bytes. Unknown counts as False.
    """

    data: bytes
    whole: bool = False

    @cached_property
    def text(self) -> str:
        """The bytes as UTF-8, whatever is not UTF-8 replaced; without a byte-order mark."""
        return self.data.removeprefix(BOM).decode("utf-8", "replace")

    @cached_property
    def lines(self) -> list[str]:
        """The first lines that are not blank, without their ends. A line cut off does not count."""
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
        """Return the share of the lines that have a sign; 0 where there are too few lines."""
        if len(self.lines) < _FEWEST_LINES:
            return 0.0
        return sum(1 for line in self.lines if sign(line)) / len(self.lines)


class Format(ABC):
    """A kind of file that is not plain text.

    Attributes:
        name: The name in the registry.
        title: What a file of this format is, with its article.
        treatment: See `Treatment`.
        certain: Whether no plain text looks like this. Such a file is refused as a corpus.
    """

    name: str
    title: str
    treatment: Treatment = "report"
    certain: bool = False

    @abstractmethod
    def matches(self, head: Head) -> bool:
        """Tell whether a file that begins like this is of the format."""

    @abstractmethod
    def advice(self, head: Head) -> "Advice":
        """Return how to get plain text out of a file that begins like this."""


@dataclass(frozen=True)
class Advice:
    """How to get plain text out of a file.

    Attributes:
        filters: Shell commands that read the file on stdin and write one side of it to stdout.
        text: What to do where no such command helps. `{path}` stands for the file.
    """

    filters: tuple[str, ...] = ()
    text: str = ""

"""What a corpus is: texts of two sides, where their lines are, and what trains on them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from corpora.splitting import Split

MEGABYTE = 1_000_000

Reader = Callable[[str], str | None]
"""What becomes of a line of a source: its text, or None where it holds no sentence."""


@dataclass(frozen=True)
class Download:
    """A file to be fetched, from the first of its addresses that has it."""

    name: str
    urls: tuple[str, ...]
    size: int = 0  # bytes, about

    @property
    def known_as(self) -> frozenset[str]:
        """What the file may be called where somebody has it already."""
        return frozenset([self.name, *(PurePosixPath(url).name for url in self.urls)])


@dataclass(frozen=True)
class SacrebleuSet:
    """A test set that sacreBLEU downloads and checks itself, by its names, such as wmt14/full."""

    name: str
    pair: str  # such as en-de


@dataclass(frozen=True)
class Side:
    """One side of a text, and where its lines are.

    member: its path within the archive; empty where the download is the text itself. Of a test set,
    `src` or `ref`. also: patterns of other names that it may have, line for line, where somebody
    has it already. sha256: of the prepared text, where it is known.
    """

    language: str
    origin: Download | SacrebleuSet
    member: str = ""
    read: Reader = field(default=lambda line: line)
    also: tuple[str, ...] = ()
    sha256: str | None = None


@dataclass(frozen=True)
class Text:
    """A parallel text `name`.LANGUAGE.gz, or those that `split` makes of it.

    lines: its number of lines, where it is known. needed: whether nothing can be done without it;
    test sets may be missing where files come from a folder of the user's.
    """

    name: str
    sides: tuple[Side, Side]
    lines: int | None = None
    split: Split | None = None
    needed: bool = True


@dataclass(frozen=True)
class Corpus:
    """Texts that are prepared together, in a folder of that name, and what trains on them."""

    name: str
    about: str
    licence: str
    site: str
    texts: tuple[Text, ...]
    configs: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()  # what its configurations are to be given by --set

    @property
    def downloads(self) -> tuple[Download, ...]:
        """The files it is made of, each once."""
        origins = (side.origin for text in self.texts for side in text.sides)
        return tuple(dict.fromkeys(each for each in origins if isinstance(each, Download)))

"""Descriptions of corpora: their texts, where the lines are, and the configurations for them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from corpora.splitting import Split

MEGABYTE = 1_000_000

Reader = Callable[[str], str | None]
"""A function from a line of a source to its sentence, or to None where it holds none."""


@dataclass(frozen=True)
class Download:
    """A file to be fetched from the first of its addresses that has it.

    Attributes:
        name: The name of the file in the folder of downloads.
        urls: The addresses.
        size: The approximate size in bytes.
    """

    name: str
    urls: tuple[str, ...]
    size: int = 0

    @property
    def known_as(self) -> frozenset[str]:
        """The names that a copy of the file may have."""
        return frozenset([self.name, *(PurePosixPath(url).name for url in self.urls)])


@dataclass(frozen=True)
class SacrebleuSet:
    """A test set that sacreBLEU downloads and checks.

    Attributes:
        name: The name of the set, such as wmt14/full.
        pair: The languages, such as en-de.
    """

    name: str
    pair: str


@dataclass(frozen=True)
class Side:
    """One side of a text, and where its lines are.

    Attributes:
        language: The language.
        origin: The download or the test set that has the lines.
        member: The path within an archive, empty where the download is the text itself. For a test
            set, `src` or `ref`.
        read: The reader of the lines.
        also: Patterns of file names that copies of the prepared text may have.
        sha256: The checksum of the prepared text, None where it is unknown.
    """

    language: str
    origin: Download | SacrebleuSet
    member: str = ""
    read: Reader = field(default=lambda line: line)
    also: tuple[str, ...] = ()
    sha256: str | None = None


@dataclass(frozen=True)
class Text:
    """A parallel text, or the texts that `split` makes of it.

    Attributes:
        name: The name of the text. Its files are NAME.LANGUAGE.gz.
        sides: Both sides.
        lines: The number of lines, None where it is unknown.
        split: The function that splits it, None for one text.
        needed: Whether the corpus cannot do without it. Test sets may be missing in a folder of the
            user's.
    """

    name: str
    sides: tuple[Side, Side]
    lines: int | None = None
    split: Split | None = None
    needed: bool = True


@dataclass(frozen=True)
class Corpus:
    """Texts that are prepared together in one folder.

    Attributes:
        name: The name of the corpus and of its folder.
        about: The content, for display.
        licence: The licence, for display.
        site: The web page of the publisher.
        texts: The texts.
        configs: The configurations that train on it.
        settings: The changes that these need, in the form of `--set`.
    """

    name: str
    about: str
    licence: str
    site: str
    texts: tuple[Text, ...]
    configs: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()

    @property
    def downloads(self) -> tuple[Download, ...]:
        """The files that it is made of, each once."""
        origins = (side.origin for text in self.texts for side in text.sides)
        return tuple(dict.fromkeys(each for each in origins if isinstance(each, Download)))

"""Files that hold both sides of a corpus: tables, JSON lines, TMX and XLIFF.

Each format is a class here and a line in `PAIR_FORMATS` of `nmt.config.registry`. A reader yields
one pair at a time, so that memory does not grow with the file.
"""

import codecs
import csv
import io
import json
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from textwrap import shorten
from typing import Any

from nmt.config.registry import PAIR_FORMATS
from nmt.config.settings import CorpusSettings
from nmt.config.settings.data import Sides
from nmt.console import format_count, say
from nmt.errors import DataError
from nmt.text.byte_signatures import Head
from nmt.text.characters import clean_output
from nmt.text.compression import Content
from nmt.text.format_detection import LINE_FORMATS, identify
from nmt.text.languages import find_language, is_same_language
from nmt.text.lines import BadUtf8, LinePair, open_unpacked, read_pairs

_WIDE = frozenset(["utf-16"])
_BREAKS = re.compile(r"[ \t]*[\r\n\x0b\x0c\x85\u2028\u2029]+[ \t\r\n]*")
_REFUSED = re.compile("[\0\ud800-\udfff]")
_SHOWN = 8
_SHOWN_WIDTH = 50
_SNIFFED_LINES = 50


def read_corpus_pairs(
    corpora: Sequence[CorpusSettings], on_bad_utf8: BadUtf8 = "error", first: int = 1
) -> Iterator[LinePair]:
    """Yield the pairs of some corpora, file by file.

    Args:
        corpora: The corpora.
        on_bad_utf8: See `read_lines`. Files with both sides must be UTF-8.
        first: The number of the first pair.

    Raises:
        DataError: See `read_pairs` and `PairFile.read`.
    """
    number = first - 1
    for corpus in corpora:
        before = number
        if corpus.pairs:
            for file in pair_files(corpus):
                for source, target in file.read():
                    number += 1
                    yield LinePair(number, source, target)
        else:
            for pair in read_pairs(corpus.source, corpus.target, on_bad_utf8):
                number = before + pair.line
                yield pair if before == 0 else LinePair(number, pair.source, pair.target)


def sample_corpus_pairs(
    corpora: Sequence[CorpusSettings], on_bad_utf8: BadUtf8, max_pairs: int
) -> list[tuple[str, str]]:
    """Return evenly spread pairs of some corpora that have text on both sides.

    All corpora are read. The sample is a function of their texts.

    Args:
        corpora: The corpora.
        on_bad_utf8: See `read_corpus_pairs`.
        max_pairs: The number of pairs at most. There are at least half as many in a larger corpus.

    Raises:
        DataError: See `read_corpus_pairs`.
    """
    sample: list[tuple[str, str]] = []
    step, count = 1, 0
    for pair in read_corpus_pairs(corpora, on_bad_utf8):
        if not (pair.source and pair.source.strip() and pair.target and pair.target.strip()):
            continue
        if count % step == 0:
            sample.append((pair.source, pair.target))
        count += 1
        if len(sample) > max_pairs:
            sample, step = sample[::2], 2 * step
    return sample


def pair_files(corpus: CorpusSettings) -> "list[PairFile]":
    """Return the files of a corpus that hold both sides."""
    return [PairFile(path, corpus.format, corpus.sides, corpus.languages) for path in corpus.pairs]


@dataclass(frozen=True)
class PairFile:
    """A file with both sides of a corpus.

    Attributes:
        path: The file.
        format: The name of its format in `PAIR_FORMATS`. None: the file itself tells.
        sides: Where source and target stand. None: see `languages`.
        languages: The names of the languages, by which sides are found that are not given.
    """

    path: Path
    format: str | None = None
    sides: Sides | None = None
    languages: Sides | None = None

    def read(self, reports_omitted: bool = False) -> Iterator[tuple[str, str]]:
        """Yield the pairs, each text without line breaks.

        Args:
            reports_omitted: Whether to report how many units lack a side.

        Raises:
            DataError: The file is missing, damaged or not of the format, a row lacks a side, or the
                sides are not in the file.
        """
        with self._reader() as reader:
            for source, target in reader.pairs():
                yield reader.checked(source), reader.checked(target)
            if reports_omitted and reader.omitted:
                say(
                    f"{self.path}: {reader.omitted:,} of {reader.units:,} units lack a side and "
                    "are left out."
                )

    def recognise(self) -> "RecognisedFile":
        """Return the file with the format and the sides that its beginning shows.

        Raises:
            DataError: See `read`.
        """
        with self._reader() as reader:
            first = next(reader.pairs(), None)
            if first is None:
                raise DataError(f"{self.path}: has no pair.")
            return RecognisedFile(self.path, reader.format, reader.sides, first)

    @contextmanager
    def _reader(self) -> "Iterator[PairReader]":
        with open_unpacked(self.path, _WIDE) as content:
            name = self.format or find_format(content)
            if name is None:
                raise DataError(
                    f"{self.path}: is none of {', '.join(PAIR_FORMATS.names())}. Name the format, "
                    "or give two files of plain text by `source` and `target`."
                )
            reader: PairReader = PAIR_FORMATS.resolve(name)(self, content.stream)
            reader.format = name
            if self.sides is not None and _same(*self.sides):
                raise DataError(
                    f"{self.path}: source and target are both {self.sides[0]!r}. Name two sides."
                )
            yield reader


@dataclass(frozen=True)
class RecognisedFile:
    """A file with both sides, as its beginning shows it.

    Attributes:
        path: The file.
        format: The name of its format.
        sides: Where source and target stand.
        first: Its first pair.
    """

    path: Path
    format: str
    sides: Sides | None
    first: tuple[str, str]

    @property
    def description(self) -> str:
        """The format and the sides, for people."""
        sides = "" if self.sides is None else f"; source {self.sides[0]}, target {self.sides[1]}"
        source, target = (
            clean_output(shorten(text, _SHOWN_WIDTH, placeholder=" ...")) for text in self.first
        )
        return f"{PAIR_FORMATS.kinds[self.format].summary}{sides}; first pair: {source} | {target}"


def find_format(content: Content) -> str | None:
    """Return the name in `PAIR_FORMATS` of the format of a file, None for any other.

    XML may be in UTF-16, as many programs write it.
    """
    data = content.head.data
    for mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        if data.startswith(mark):
            data = data[: len(data) // 2 * 2].decode("utf-16", "ignore").encode()
    found = identify(Head(data, content.head.is_whole), LINE_FORMATS)
    return found.name if found is not None and found.name in PAIR_FORMATS.kinds else None


class PairReader(ABC):
    """Reader of one format.

    Args:
        file: The file.
        stream: Its unpacked bytes.
    """

    def __init__(self, file: PairFile, stream: io.BufferedReader) -> None:
        self.file = file
        self.stream = stream
        self.line = 0
        self.format = ""
        self.sides: Sides | None = file.sides
        self.units = self.omitted = 0

    @abstractmethod
    def pairs(self) -> Iterator[tuple[str, str]]:
        """Yield source and target of each pair, and keep the line in `self.line`."""

    def error(self, problem: str) -> DataError:
        """Return an error at the present line."""
        return DataError(f"{self.file.path}: line {self.line}: {problem}")

    def checked(self, text: str) -> str:
        """Return a text without line breaks.

        Raises:
            DataError: It has a NUL character or half of a surrogate pair.
        """
        if text.isprintable():
            return text
        if (found := _REFUSED.search(text)) is not None:
            name = "NUL character" if found[0] == "\0" else "half of a surrogate pair"
            raise self.error(f"{name}. Remove it.")
        return _BREAKS.sub(" ", text.strip("\r\n"))

    def lines(self) -> Iterator[str]:
        """Yield the lines as text, with their line ends.

        Raises:
            DataError: A line is not UTF-8.
        """
        for number, raw in enumerate(self.stream, start=1):
            self.line = number
            try:
                yield raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise self.error(
                    f"not valid UTF-8 (byte 0x{raw[error.start]:02X}). Convert the file to UTF-8."
                ) from error


class TableReader(PairReader):
    """Rows of cells. A side is the name of a column in the first row, or a number from 1."""

    @abstractmethod
    def rows(self) -> Iterator[list[str]]:
        """Yield the cells of each row."""

    def pairs(self) -> Iterator[tuple[str, str]]:
        """See `PairReader.pairs`."""
        rows = self.rows()
        first = next(rows, None)
        if first is None:
            raise DataError(f"{self.file.path}: the file is empty: it has no row.")
        source, target, has_header = self._columns(first)
        width = len(first)
        if not has_header:
            yield first[source], first[target]
        for row in rows:
            if len(row) != width:
                row = self._fitted(row, width)
            yield row[source], row[target]

    def _fitted(self, row: list[str], width: int) -> list[str]:
        """Return a row of another width, which may differ in empty cells at its end alone."""
        if any(cell.strip() for cell in row[width:]) or len(row) < width:
            columns = format_count(len(row), "column", "columns")
            raise self.error(
                f"has {columns}, and the first row has {width}. "
                "Make them equal (a tab or quotation mark within a text divides it)."
            )
        return row[:width]

    def _columns(self, first: list[str]) -> tuple[int, int, bool]:
        """Return the positions of both columns, and whether the first row names the columns."""
        sides, languages = self.file.sides, self.file.languages
        names = [cell.strip().casefold() for cell in first]
        if sides is None and languages is not None:
            wanted = [language.casefold() for language in languages]
            if wanted[0] != wanted[1] and all(names.count(name) == 1 for name in wanted):
                sides = languages
        if sides is None:
            sides = _find_headings(first, languages)
        if sides is None:
            if len(first) != len(BOTH):
                raise DataError(
                    f"{self.file.path}: has {len(first)} columns: {listed(first)}. "
                    "Say which are source and target, such as `sides: [1, 2]`."
                )
            self.sides = ("1", "2")
            return 0, 1, False
        self.sides = sides
        if all(side.isascii() and side.isdigit() for side in sides):
            source, target = (int(side) - 1 for side in sides)
            for column in (source, target):
                if not 0 <= column < len(first):
                    raise DataError(
                        f"{self.file.path}: has no column {column + 1}: its columns are 1 to "
                        f"{len(first)}: {listed(first)}."
                    )
            return source, target, False
        for side in sides:
            if names.count(side.casefold()) > 1:
                raise DataError(
                    f"{self.file.path}: several columns are named {side!r}. Remove the first row "
                    "from the file, and give the columns by number."
                )
        found = [names.index(side.casefold()) if side.casefold() in names else -1 for side in sides]
        for side, position in zip(sides, found, strict=True):
            if position < 0:
                raise DataError(
                    f"{self.file.path}: has no column {side!r}; the first row is {listed(first)}. "
                    "Name two of these, or give the numbers of the columns."
                )
        return found[0], found[1], True


def _find_headings(first: Sequence[str], languages: Sides | None) -> Sides | None:
    """Return the cells of a first row that name source and target, None where they are texts.

    Args:
        first: The first row.
        languages: The names of source and target language; None where they are unknown.
    """
    cells = [cell.strip() for cell in first]
    if len(cells) != len(BOTH):
        return None
    names = [cell.casefold() for cell in cells]
    if names in (["source", "target"], ["src", "tgt"], ["src", "trg"]):
        return cells[0], cells[1]
    if not all(map(_is_language_name, names)):
        return None
    if languages is None or languages == BOTH:
        return cells[0], cells[1]
    for source, target in (cells, cells[::-1]):
        if is_same_language(source, languages[0]) and is_same_language(target, languages[1]):
            return source, target
    return None


def _is_language_name(name: str) -> bool:
    language = find_language(name)
    return language is not None and re.split("[-_]", name)[0] in (
        language.code,
        language.name.casefold(),
    )


class TsvReader(TableReader):
    """Cells with tabs between them, without quotation marks."""

    def rows(self) -> Iterator[list[str]]:
        """See `TableReader.rows`."""
        for line in self.lines():
            if text := line.rstrip("\r\n"):
                yield text.split("\t")


class CsvReader(TableReader):
    """Cells with commas, semicolons or tabs between them, some in quotation marks."""

    def rows(self) -> Iterator[list[str]]:
        """See `TableReader.rows`."""
        lines = self.lines()
        first = list(islice(lines, _SNIFFED_LINES))
        rows = csv.reader(chain(first, lines), delimiter=find_delimiter(first), strict=True)
        start = 1
        try:
            for row in rows:
                start = rows.line_num + 1
                self.line = rows.line_num
                if row:
                    yield row
        except csv.Error as error:
            self.line = start
            raise self.error(
                "a cell in quotation marks does not end properly, or is longer than "
                f"{csv.field_size_limit():,} characters ({error}). "
                'Write a quotation mark within a cell as "".'
            ) from error


def find_delimiter(lines: Sequence[str]) -> str:
    """Return the delimiter of a table: the one with which most rows have one number of cells.

    Of several such, a space after the delimiter counts against it, because prose has one.

    Args:
        lines: The first lines of the table.
    """

    def rank(delimiter: str) -> tuple[float, float]:
        widths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if row)
        if not widths:
            return 0.0, 0.0
        (width, count), *_ = widths.most_common(1)
        text = "".join(lines)
        spaced = text.count(f"{delimiter} ") / max(1, text.count(delimiter))
        return (count / widths.total() if width > 1 else 0.0), -spaced

    return max(",;\t", key=rank)


class JsonLinesReader(PairReader):
    """JSON objects, one a line. A side is a field; `translation.en` is a field within a field."""

    def pairs(self) -> Iterator[tuple[str, str]]:
        """See `PairReader.pairs`."""
        for line in self.lines():
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise self.error(f"is no JSON ({error}). Write one object a line.") from error
            if not isinstance(record, dict):
                raise self.error("is no JSON object. Write one object a line.")
            if self.sides is None:
                self.sides = self._fields(record)
            yield self._text(record, self.sides[0]), self._text(record, self.sides[1])
        if self.line == 0:
            raise DataError(f"{self.file.path}: the file is empty.")

    def _text(self, record: dict[str, Any], side: str) -> str:
        """Return the text of a field."""
        value: Any = record
        if side in record:
            value = record[side]
        else:
            for part in side.split("."):
                value = value.get(part) if isinstance(value, dict) else None
        if not isinstance(value, str):
            problem = "has no field" if value is None else "has no text in the field"
            raise self.error(f"{problem} {side!r}; its fields are {listed(_fields(record))}.")
        return value

    def _fields(self, record: dict[str, Any]) -> Sides:
        """Return the fields of both sides in the first record, where they are not given."""
        texts = _fields(record)
        if self.file.languages is not None:
            found = [
                [text for text in texts if text.split(".")[-1] == language]
                for language in self.file.languages
            ]
            if all(len(each) == 1 for each in found):
                return found[0][0], found[1][0]
        if len(texts) != len(BOTH):
            raise self.error(
                f"has the fields {listed(texts)}. "
                "Say which are source and target, such as `sides: [en, de]`."
            )
        return texts[0], texts[1]


def _fields(record: dict[str, Any], prefix: str = "") -> list[str]:
    """Return the fields of a record that hold text, those within fields with a point."""
    names: list[str] = []
    for key, value in record.items():
        if isinstance(value, str):
            names.append(f"{prefix}{key}")
        elif isinstance(value, dict) and not prefix:
            names += _fields(value, f"{key}.")
    return names


BOTH = ("source", "target")


def listed(names: Sequence[str]) -> str:
    """Return names for a message, the first few of many."""
    shown = ", ".join(f"{name!r:.40}" for name in names[:_SHOWN])
    return shown + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _same(source: str, target: str) -> bool:
    return source.strip().casefold() == target.strip().casefold()

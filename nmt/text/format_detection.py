"""File formats identified by lines of text, such as tables, and the registry of all formats.

The suffix of a file name does not count. `identify` inspects the beginning of a file and returns
its format, or None for plain text. A format is a class (`nmt.text.byte_signatures`) or an
instance of a general class. It is an entry of the table there or in this module.
"""

import csv
import json
import re
import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Any

from nmt.text.byte_signatures import BYTE_FORMATS, COMPRESSIONS, Advice, Compression, Format, Head

_NEARLY_ALL = 0.95
_MOST = 0.8
_HALF = 0.5


class OldMac(Format):
    """Text whose lines end with carriage returns alone, which other programs read as one line."""

    name = "old-mac"
    title = "text with carriage returns (\\r) as line ends, so it is one line"
    certain = True

    _LONE = re.compile(rb"\r(?!\n|\Z)")

    def matches(self, head: Head) -> bool:
        """See `Format.matches`."""
        lone, others = len(self._LONE.findall(head.data)), head.data.count(b"\n")
        if others == 0 and head.data.endswith(b"\r"):
            lone += 1
        return lone >= 2 and others <= max(1, lone / 100)

    def advice(self, head: Head) -> Advice:
        """See `Format.advice`."""
        return Advice((r"tr '\r' '\n'",))


class TsvFormat(Format):
    """A table with tabs between its columns."""

    name = "tsv"
    title = "a tab-separated table (TSV)"

    def matches(self, head: Head) -> bool:
        """Return whether nearly all lines have a tab, half of them between cells with text."""
        between = head.share(lambda line: "\t" in line.strip())
        return between >= _HALF and head.share(lambda line: "\t" in line) >= _NEARLY_ALL

    def advice(self, head: Head) -> Advice:
        """See `Format.advice`."""
        rows = [line.split("\t") for line in head.lines]
        return Advice(tuple(f"cut -f{column + 1}" for column in _text_columns(rows)))


class CsvFormat(Format):
    """A table with commas or semicolons between its columns, whose cells may be quoted."""

    name = "csv"
    title = "a table separated by commas or semicolons (CSV)"

    _FEWEST_ROWS = 3

    def matches(self, head: Head) -> bool:
        """See `Format.matches`."""
        return self._delimiter(head) is not None

    def advice(self, head: Head) -> Advice:
        """See `Format.advice`."""
        delimiter = self._delimiter(head) or ","
        delimiter_argument = "" if delimiter == "," else f"delimiter='{delimiter}', "
        rows = f"csv.reader(sys.stdin, {delimiter_argument}skipinitialspace=True)"
        columns = _text_columns(_csv_rows(head, delimiter))
        return Advice(
            tuple(
                _python_command(
                    "csv, sys",
                    _join_line(f"(row + [str()] * {column + 1})[{column}]", f"row in {rows}"),
                )
                for column in columns
            )
        )

    def _delimiter(self, head: Head) -> str | None:
        return next((each for each in ",;" if self._is_delimiter(head, each)), None)

    def _is_delimiter(self, head: Head, delimiter: str) -> bool:
        """Return whether nearly all rows have one number of cells, and are not prose."""
        # A sign of a table in each line: a cell in quotes, or no space after a delimiter.
        quoted = re.compile(rf'^"|{delimiter}"')
        spaced = re.compile(rf"{delimiter}\s|{delimiter}$")
        if head.share(lambda line: quoted.search(line) or not spaced.search(line)) < _MOST:
            return False
        if head.share(lambda line: delimiter in line) < _MOST:
            return False
        sizes = Counter(len(row) for row in _csv_rows(head, delimiter) if row)
        if not sizes:
            return False
        (size, count), *_ = sizes.most_common(1)
        return size > 1 and count >= self._FEWEST_ROWS and count >= _NEARLY_ALL * sizes.total()


class JsonLines(Format):
    """A JSON object or array in each line."""

    name = "jsonl"
    title = "a JSON Lines file (JSONL)"

    _FEWEST = 2
    _DECODED = 50
    _ROWS = "line in sys.stdin if line.strip()"

    def matches(self, head: Head) -> bool:
        """See `Format.matches`."""
        lines = head.lines[: self._DECODED]
        if len(lines) < self._FEWEST or not all(line.strip()[0] in "{[" for line in lines):
            return False
        return all(isinstance(_decoded_json(line), dict | list) for line in lines)

    def advice(self, head: Head) -> Advice:
        """See `Format.advice`."""
        leaves = _text_leaves(_decoded_json(head.lines[0]))
        return Advice(
            tuple(
                _python_command("json, sys", _join_line(f"str(json.loads(line){leaf})", self._ROWS))
                for leaf in leaves[:2] or ["['KEY']"]
            )
        )


class JsonDocument(Format):
    """One JSON value over many lines."""

    name = "json"
    title = "a JSON document"

    _LINE = re.compile(r'\s*(?:"(?:[^"\\]|\\.)*"\s*(?::.*|,?)|[\]\[{}]+,?(?:\s*[\[{])?)\s*')
    _BEGIN = re.compile(r'\s*(?:\[\s*[\[{]\s*|\{\s*)"')
    _KEY = re.compile(r'"((?:[^"\\]|\\.)*)"\s*:\s*"')

    def matches(self, head: Head) -> bool:
        """See `Format.matches`."""
        if head.text.lstrip()[:1] not in ("{", "["):
            return False
        if not head.is_whole and "\n" not in head.text:
            return self._BEGIN.match(head.text) is not None
        if head.is_whole and isinstance(_decoded_json(head.text), dict | list):
            return len(head.lines) > 1 or head.text.lstrip().startswith("[{")
        return head.share(self._LINE.fullmatch) >= _MOST

    def advice(self, head: Head) -> Advice:
        """See `Format.advice`."""
        match = self._KEY.search(head.text)
        leaf = f"['{match[1] if match and _is_plain_key(match[1]) else 'KEY'}']"
        rows = "row in json.load(sys.stdin)"
        return Advice((_python_command("json, sys", _join_line(f"str(row{leaf})", rows)),))


class Markup(Format):
    """A document of XML, SGML or HTML, identified by its beginning.

    Args:
        name: The name in the registry.
        title: A description of such a file, with its article.
        begin: A regular expression for the beginning, after whitespace.
        filters: A function from the text to the filters of the advice. See `Advice`.
        text: The text of the advice. See `Advice`.
    """

    certain = True

    PROLOGUE = r"(?:<\?xml\b.*?\?>\s*|<!--.*?-->\s*|<!DOCTYPE\b[^>\[]*(?:\[.*?\]\s*)?>\s*)*"

    def __init__(
        self,
        name: str,
        title: str,
        begin: str,
        filters: Callable[[str], tuple[str, ...]] = lambda text: (),
        text: str = "",
    ) -> None:
        self.name, self.title = name, title
        self._begin = rf"\s*(?:{begin})"
        self._filters, self._text = filters, text

    def matches(self, head: Head) -> bool:
        """See `Format.matches`."""
        if not head.is_marked_up:
            return False
        return re.match(self._begin, head.text, re.DOTALL | re.IGNORECASE) is not None

    def advice(self, head: Head) -> Advice:
        """See `Format.advice`."""
        return Advice(self._filters(head.text), self._text)


class Segments(Format):
    """SGML segments without their document, such as `<seg id="1">...</seg>`."""

    name = "sgm-lines"
    title = "SGML segments (<seg>)"

    def matches(self, head: Head) -> bool:
        """See `Format.matches`."""
        if not head.is_marked_up or "<seg" not in head.text:
            return False
        tag = re.compile(r"\s*</?(?:seg|doc|p|hl)\b")
        return head.share(tag.match) >= _MOST

    def advice(self, head: Head) -> Advice:
        """See `Format.advice`."""
        return Advice((_SED_SEGMENTS,))


class LinePattern(Format):
    """A format identified by lines that match a regular expression.

    Args:
        name: The name in the registry.
        title: A description of such a file, with its article.
        pattern: A regular expression that matches at the beginning of a line.
        share: The least share of the lines that must match.
        filters: The filters of the advice. See `Advice`.
        text: The text of the advice. See `Advice`.
    """

    def __init__(
        self,
        name: str,
        title: str,
        pattern: str,
        share: float,
        filters: tuple[str, ...] = (),
        text: str = "",
    ) -> None:
        self.name, self.title = name, title
        self._pattern = pattern
        self._share, self._advice = share, Advice(filters, text)

    def matches(self, head: Head) -> bool:
        """See `Format.matches`."""
        return head.share(re.compile(self._pattern).match) >= self._share

    def advice(self, head: Head) -> Advice:
        """See `Format.advice`."""
        return self._advice


def _python_command(modules: str, rows: str) -> str:
    """Return a command that prints the results of a comprehension, one a line."""
    return f'python3 -X utf8 -c "import {modules}; [print({rows}]"'


def _join_line(value: str, loop: str) -> str:
    """Return the rest of `[print(`: a text joined into one line, and the loop over all texts."""
    return f"' '.join({value}.split())) for {loop}"


_SED_SEGMENTS = r"sed -n 's/.*<seg[^>]*>[[:space:]]*\(.*[^[:space:]]\)[[:space:]]*<\/seg>.*/\1/p'"


def _tmx_filters(text: str) -> tuple[str, ...]:
    codes = re.findall(r"""<tuv\b[^>]*?\blang=["']([\w-]+)["']""", text)
    languages = list(dict.fromkeys(codes))[:2] or ["LANGUAGE"]
    imports = "sys, xml.etree.ElementTree as x"
    segment = "''.join(v.find('seg').itertext())"
    return tuple(
        _python_command(
            imports,
            _join_line(
                segment,
                f"v in x.parse(sys.stdin.buffer).iter('tuv') if '{code}' in v.attrib.values()",
            ),
        )
        for code in languages
    )


def _xliff_filters(text: str) -> tuple[str, ...]:
    imports = "sys, xml.etree.ElementTree as x"
    return tuple(
        _python_command(
            imports,
            _join_line(
                "''.join(v.itertext())", f"v in x.parse(sys.stdin.buffer).findall('.//{{*}}{side}')"
            ),
        )
        for side in ("source", "target")
    )


def _text_columns(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the columns with text, judged by their letters: at least one, at most two.

    Numbers, dates and language codes are not text: their cells have no letters, or few distinct
    values.
    """
    size = Counter(map(len, rows)).most_common(1)[0][0] if rows else 1
    rows = [row for row in rows if len(row) >= size]
    scored = []
    for column in range(size):
        cells = [row[column] for row in rows]
        letters = sum(map(str.isalpha, "".join(cells))) / max(1, len(cells))
        distinct = len(set(cells)) / max(1, len(cells))
        if letters >= 1 and (distinct > 0.2 or size <= 2):
            scored.append((letters, column))
    best = sorted(sorted(scored, reverse=True)[:2], key=lambda each: each[1])
    return [column for _, column in best] or [0]


def _csv_rows(head: Head, delimiter: str) -> list[list[str]]:
    try:
        return list(csv.reader(head.lines, delimiter=delimiter, skipinitialspace=True))
    except csv.Error:  # such as a cell of more than 131,072 characters
        return []


def _decoded_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _text_leaves(value: Any, path: str = "") -> list[str]:
    """Return the Python path of each text within a JSON value, such as `['translation']['en']`."""
    if isinstance(value, str):
        return [path] if any(map(str.isalpha, value)) else []
    if isinstance(value, dict):
        items = [(f"['{key}']", item) for key, item in value.items() if _is_plain_key(key)]
    elif isinstance(value, list):
        items = [(f"[{index}]", item) for index, item in enumerate(value[:9])]
    else:
        return []
    return [leaf for step, item in items for leaf in _text_leaves(item, path + step)]


def _is_plain_key(key: str) -> bool:
    """Return whether a key needs no escaping in a shell command in double quotes."""
    return re.fullmatch(r"[\w. -]+", key) is not None


LINE_FORMATS: tuple[Format, ...] = (
    OldMac(),
    Markup("tmx", "a translation memory (TMX)", rf"{Markup.PROLOGUE}<tmx\b", _tmx_filters),
    Markup("xliff", "an XLIFF document", rf"{Markup.PROLOGUE}<xliff\b", _xliff_filters),
    Markup(
        "sgm",
        "a test set in SGML",
        rf"{Markup.PROLOGUE}<(?:refset|srcset|tstset|mteval)\b",
        lambda text: (_SED_SEGMENTS,),
    ),
    Markup(
        "html",
        "an HTML page",
        rf"{Markup.PROLOGUE}<(?:html|head|body)\b|<!doctype\s+html\b",
        text="Extract its text, one sentence per line. If you wanted to download a text file, "
        "check the address.",
    ),
    Markup(
        "xml",
        "an XML document",
        r"<\?xml\b[^>]*\?>",
        text="Extract the text of its elements, one sentence per line.",
    ),
    JsonLines(),
    JsonDocument(),
    Segments(),
    LinePattern(
        "gettext",
        "a gettext catalogue (PO)",
        r'(?:msgid|msgstr|msgid_plural|msgctxt)(?:\[\d\])? "',
        0.2,
        text="Convert it to two text files, for example with po2csv, and give these.",
    ),
    LinePattern(
        "subtitles",
        "a subtitle file",
        r"\d+:\d\d(?::\d\d)?[.,]\d+ --> ",
        0.15,
        ("sed -E '/^[0-9]+\\r?$/d; / --> /d; /^WEBVTT/d; /^\\r?$/d'",),
    ),
    LinePattern(
        "fast_align",
        "a text of both languages separated by |||",
        r"(?:(?! \|\|\| ).)*\S \|\|\| \S(?:(?! \|\|\| ).)*$",
        0.95,
        ("sed 's/ ||| .*//'", "sed 's/.* ||| //'"),
    ),
    TsvFormat(),
    CsvFormat(),
    LinePattern(
        "mixed-line-ends",
        "text with carriage returns (\\r) within lines; nmt does not treat them as line ends",
        r"[^\r]*\r+[^\r]",
        0.05,
        (r"sed 's/\r$//; s/\r/\n/g'",),
    ),
)
"""The formats identified by lines. The first that matches counts."""

_DROPPED_SUFFIXES = frozenset(
    (".txt", ".tsv", ".csv", ".tab", ".json", ".jsonl", ".tmx", ".xlf", ".xliff", ".sgm", ".xml")
) | {each.suffix for each in COMPRESSIONS}
"""The suffixes that a new file name drops. Others, such as `.en`, stay."""

FORMATS = (*BYTE_FORMATS, *LINE_FORMATS)
"""All formats except plain text."""


def identify(head: Head, formats: Sequence[Format] = FORMATS) -> Format | None:
    """Return the format of a file, or None where it has none of the given formats.

    Args:
        head: The beginning of the file.
        formats: The formats to try, in this order.
    """
    if not head.data:
        return None
    return next((each for each in formats if each.matches(head)), None)


def describe_format_problem(
    format_: Format, head: Head, name: str, compressions: Sequence[Compression] = ()
) -> str:
    """Return a message about a file's format and how to get plain text, in one to three lines.

    Args:
        format_: The format of the file.
        head: The beginning of the file.
        name: The path of the file, or `stdin`.
        compressions: The compressions of the file, the outermost first.
    """
    verb = "is" if format_.certain else "looks like"
    advice = format_.advice(head)
    lines = [f"{name}: {verb} {format_.title}."]
    if advice.text:
        path = "FILE" if name == "stdin" else shlex.quote(name)
        lines[0] += f" {advice.text.format(path=path)}"
    if len(advice.filters) == 1:
        lines.append(f"Convert it: {_command(advice.filters[0], name, compressions, 'new')}")
    else:
        for number, filter_ in enumerate(advice.filters, start=1):
            lines.append(f"Split it: {_command(filter_, name, compressions, str(number))}")
    return "\n".join(lines)


def _command(filter_: str, name: str, compressions: Sequence[Compression], suffix: str) -> str:
    """Return a shell command that applies a filter to a file and writes a new file beside it."""
    if name == "stdin":
        return f"{filter_} | nmt ..."
    stem = PurePath(name)
    for _ in range(len(compressions) + 1):
        stem = stem.with_suffix("") if stem.suffix in _DROPPED_SUFFIXES else stem
    new, old = shlex.quote(f"{stem}.{suffix}.txt"), shlex.quote(name)
    if not compressions:
        return f"{filter_} < {old} > {new}"
    first, *others = [f"{each.tool} -dc" for each in compressions]
    return " | ".join([f"{first} < {old}", *others, f"{filter_} > {new}"])


def compression_of(name: str) -> Compression | None:
    """Return the compression that the suffix of a file name stands for, or None."""
    return next((each for each in COMPRESSIONS if name.endswith(each.suffix)), None)

"""File formats identified by their first bytes: compressed files, archives, documents."""

import re
import unicodedata
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

HEAD_BYTES = 1 << 16
"""The number of bytes at the beginning of a file by which its format is identified."""

_MAX_LINES = 200
"""The number of lines whose shape is inspected, at most."""

_MIN_LINES = 2
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
        is_whole: Whether the file has no further bytes. False where this is unknown.
    """

    data: bytes
    is_whole: bool = False

    @cached_property
    def text(self) -> str:
        """The bytes decoded as UTF-8, without a byte-order mark. Invalid bytes are replaced."""
        return self.data.removeprefix(BOM).decode("utf-8", "replace")

    @cached_property
    def lines(self) -> list[str]:
        """The first lines that are not blank and not cut off, without line ends."""
        lines = self.text.split("\n")
        if not self.is_whole and len(lines) > 1:
            lines.pop()
        stripped = (line.removesuffix("\r") for line in lines)
        return [line for line in stripped if line.strip()][:_MAX_LINES]

    @cached_property
    def is_marked_up(self) -> bool:
        """Whether the text begins with a tag."""
        return self.text.lstrip().startswith("<")

    def share(self, predicate: Callable[[str], object]) -> float:
        """Return the share of the lines for which `predicate` is true; 0 for too few lines."""
        if len(self.lines) < _MIN_LINES:
            return 0.0
        return sum(1 for line in self.lines if predicate(line)) / len(self.lines)


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


class ByteSignature(Format):
    """A format identified by fixed first bytes.

    Args:
        name: The name in the registry.
        title: A description of such a file, with its article.
        magics: The byte sequences with which files of this format begin.
        text: The advice. `{path}` stands for the file.
        pattern: A regular expression that the first bytes match too, where `magics` are ambiguous.
    """

    treatment: Treatment = "refuse"
    certain = True

    def __init__(
        self, name: str, title: str, magics: Sequence[bytes], text: str, pattern: bytes = b""
    ) -> None:
        self.name, self.title = name, title
        self._magics, self._text, self._pattern = tuple(magics), text, pattern

    def matches(self, head: Head) -> bool:
        """See `Format.matches`."""
        if not head.data.startswith(self._magics):
            return False
        return re.match(self._pattern, head.data, re.DOTALL) is not None

    def advice(self, head: Head) -> Advice:
        """See `Format.advice`."""
        return Advice(text=self._text)


class Compression(Format):
    """A compressed file, which is unpacked on reading.

    Args:
        name: The name in the registry and in messages.
        suffix: The suffix of file names, with its point.
        magics: The byte sequences with which files of this format begin.
        tool: The program that unpacks a file to stdout with `-dc`.
    """

    treatment: Treatment = "unpack"
    certain = True

    def __init__(self, name: str, suffix: str, magics: Sequence[bytes], tool: str) -> None:
        self.name, self.title = name, f"a {name} file"
        self.suffix, self.magics, self.tool = suffix, tuple(magics), tool

    def matches(self, head: Head) -> bool:
        """See `Format.matches`."""
        return head.data.startswith(self.magics)

    def may_begin(self, data: bytes) -> bool:
        """Return whether these bytes are a proper prefix of a magic sequence of this format."""
        return any(len(data) < len(magic) and magic.startswith(data) for magic in self.magics)

    def advice(self, head: Head) -> Advice:
        """See `Format.advice`."""
        return Advice(text=f"Unpack it: {self.tool} -d {{path}}")


class Utf16(Format):
    """Text in UTF-16 or UTF-32, with or without a byte-order mark."""

    name = "utf-16"
    title = "text in UTF-16 or UTF-32, not in UTF-8"
    treatment: Treatment = "refuse"
    certain = True

    def matches(self, head: Head) -> bool:
        """See `Format.matches`."""
        return _wide_encoding(head) is not None

    def advice(self, head: Head) -> Advice:
        """See `Format.advice`."""
        return Advice((f"iconv -f {_wide_encoding(head) or 'UTF-16'} -t UTF-8",))


class Binary(Format):
    """Any other binary file: many control characters, or some beside invalid UTF-8."""

    name = "binary"
    title = "a binary file, not text"
    treatment: Treatment = "refuse"
    certain = True

    _FEWEST_BYTES = 256
    _CONTROLS = bytes([*range(9), *range(14, 27), *range(28, 32), 127])
    _SHARE_BESIDE_BAD_UTF8 = 0.05
    _SHARE = 0.5

    def matches(self, head: Head) -> bool:
        """See `Format.matches`."""
        if len(head.data) < self._FEWEST_BYTES:
            return False
        share = 1.0 - len(head.data.translate(None, self._CONTROLS)) / len(head.data)
        if share < self._SHARE_BESIDE_BAD_UTF8:
            return False
        return not _is_utf8(head.data) or share >= self._SHARE

    def advice(self, head: Head) -> Advice:
        """See `Format.advice`."""
        return Advice(text="Give plain text in UTF-8.")


_WIDE_BOMS = (
    (b"\xff\xfe\0\0", "UTF-32", "UTF-32LE"),
    (b"\0\0\xfe\xff", "UTF-32", "UTF-32BE"),
    (b"\xff\xfe", "UTF-16", "UTF-16LE"),
    (b"\xfe\xff", "UTF-16", "UTF-16BE"),
)
_WIDE = ("UTF-32LE", "UTF-32BE", "UTF-16LE", "UTF-16BE")
_MIN_ZEROS = 4
_SHARE_OF_ZEROS = 0.02
_SHARE_OF_ODD_CHARACTERS = 0.005


def _wide_encoding(head: Head) -> str | None:
    """Return the encoding of a text in UTF-16 or UTF-32, or None for other bytes.

    Without a byte-order mark the text must have zero bytes, as spaces and line ends have in these
    encodings. Bytes that are valid UTF-8 too must have many.
    """
    data = head.data
    for mark, name, encoding in _WIDE_BOMS:
        if data.startswith(mark):
            spaces = _count_spaces(data, encoding, head.is_whole)
            if spaces or (spaces == 0 and not _is_utf8(data[len(mark) :])):
                return name
    zeros = data.count(0)
    if not zeros or (_is_utf8(data) and zeros < max(_MIN_ZEROS, _SHARE_OF_ZEROS * len(data))):
        return None
    # In the wrong byte order, spaces and line ends are other characters.
    counts = {encoding: _count_spaces(data, encoding, head.is_whole) or 0 for encoding in _WIDE}
    likely = max(counts, key=lambda encoding: counts[encoding])
    return likely if counts[likely] else None


def _is_utf8(data: bytes) -> bool:
    """Return whether bytes are valid UTF-8, except for a character that is cut off at their end."""
    return "\ufffd" not in data.decode("utf-8", "replace")[:-1]


def _count_spaces(data: bytes, encoding: str, is_whole: bool) -> int | None:
    """Return the number of spaces and line ends, or None where the bytes are no such text.

    Args:
        data: The first bytes of the text.
        encoding: UTF-16 or UTF-32, with the byte order.
        is_whole: Whether the text has no further bytes.
    """
    width = 4 if encoding.startswith("UTF-32") else 2
    if is_whole and len(data) % width:
        return None
    text = data[: len(data) // width * width].decode(encoding, "replace").removeprefix("\ufeff")
    body = text if is_whole else text[:-1]  # half of a surrogate pair may stand at the end
    if "\ufffd" in body:
        return None
    categories = Counter(map(unicodedata.category, body))
    unusual = (
        categories["Cc"] - sum(map(body.count, "\t\n\r")) + categories["Cn"] + categories["Co"]
    )
    return (
        None
        if unusual > _SHARE_OF_ODD_CHARACTERS * len(body)
        else body.count(" ") + body.count("\n")
    )


_BLOCK_OR_END = (b"1AY&SY", b"\x17rE8P\x90")
GZIP = Compression("gzip", ".gz", [b"\x1f\x8b"], "gzip")
XZ = Compression("xz", ".xz", [b"\xfd7zXZ\0"], "xz")
LZMA = Compression("lzma", ".lzma", [b"\x5d\0\0"], "xz")
BZIP2 = Compression(
    "bzip2",
    ".bz2",
    [b"BZh%d" % level + mark for level in range(1, 10) for mark in _BLOCK_OR_END],
    "bzip2",
)
ZSTD = Compression(
    "zstd",
    ".zst",
    [b"\x28\xb5\x2f\xfd", *(bytes([0x50 + kind]) + b"\x2a\x4d\x18" for kind in range(16))],
    "zstd",
)

COMPRESSIONS = (GZIP, XZ, LZMA, BZIP2, ZSTD)

_AS_TEXT = "Save it as plain text in UTF-8, one sentence a line"
_MODEL = "It has no text. Give a text file."
_ZIP = b"PK\x03\x04"


def _extract(command: str) -> str:
    return f"Extract the text: {command} {{path}}. Then give the extracted file."


BYTE_FORMATS: tuple[Format, ...] = (
    *COMPRESSIONS,
    # Documents and models that are zip archives come before zip.
    ByteSignature(
        "docx",
        "a Word document",
        [_ZIP],
        f"{_AS_TEXT}.",
        rb".{30,4000}word/(?:document|styles|settings|theme|_rels)",
    ),
    ByteSignature(
        "xlsx",
        "an Excel workbook",
        [_ZIP],
        f"{_AS_TEXT}.",
        rb".{30,4000}xl/(?:workbook|worksheets|styles|theme|_rels)",
    ),
    ByteSignature(
        "pptx",
        "a PowerPoint document",
        [_ZIP],
        f"{_AS_TEXT}.",
        rb".{30,4000}ppt/(?:presentation|slides|theme|_rels)",
    ),
    ByteSignature(
        "opendocument",
        "an OpenDocument file",
        [_ZIP],
        f"{_AS_TEXT}.",
        rb".{30}mimetypeapplication/vnd\.oasis",
    ),
    ByteSignature(
        "epub", "an e-book (EPUB)", [_ZIP], f"{_AS_TEXT}.", rb".{30}mimetypeapplication/epub"
    ),
    ByteSignature("pytorch", "a PyTorch file", [_ZIP], _MODEL, rb".{30,300}data\.pkl"),
    ByteSignature("npz", "NumPy arrays", [_ZIP], _MODEL, rb".{30,300}\.npy"),
    ByteSignature("zip", "a zip archive", [_ZIP, b"PK\x05\x06", b"PK\x07\x08"], _extract("unzip")),
    ByteSignature("tar", "a tar archive", [b""], _extract("tar -xf"), rb".{257}ustar"),
    ByteSignature("7z", "a 7-Zip archive", [b"7z\xbc\xaf\x27\x1c"], _extract("7z x")),
    ByteSignature("rar", "a RAR archive", [b"Rar!\x1a\x07"], _extract("unrar x")),
    ByteSignature("lz4", "an LZ4 file", [b"\x04\x22\x4d\x18"], "Unpack it: lz4 -d {path}"),
    ByteSignature("lzip", "an lzip file", [b"LZIP\x01"], "Unpack it: lzip -d {path}"),
    ByteSignature(
        "compress", "a compress file (.Z)", [b"\x1f\x9d"], "Unpack it: uncompress {path}"
    ),
    ByteSignature(
        "pdf",
        "a PDF document",
        [b"%PDF-1.", b"%PDF-2."],
        "Extract the text: pdftotext {path}",
    ),
    ByteSignature("rtf", "a document in RTF", [rb"{\rtf1", rb"{\rtf0"], f"{_AS_TEXT}."),
    ByteSignature(
        "doc", "an old Office document", [b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"], f"{_AS_TEXT}."
    ),
    ByteSignature(
        "pickle",
        "a pickled Python object",
        [b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"],
        _MODEL,
    ),
    ByteSignature("numpy", "NumPy arrays", [b"\x93NUMPY"], _MODEL),
    ByteSignature("safetensors", "a safetensors file", [b""], _MODEL, rb".{4}\0{4}\{\""),
    ByteSignature("parquet", "a Parquet table", [b"PAR1"], "Export its texts.", rb"PAR1[\0-\x1f]"),
    ByteSignature("arrow", "an Arrow table", [b"ARROW1\0\0"], "Export its texts."),
    ByteSignature("hdf5", "an HDF5 file", [b"\x89HDF\r\n\x1a\n"], _MODEL),
    ByteSignature("sqlite", "an SQLite database", [b"SQLite format 3\0"], "Export its texts."),
    ByteSignature(
        "image", "an image", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a"], _MODEL
    ),
    ByteSignature(
        "sentencepiece",
        "a SentencePiece model",
        [b"\n"],
        _MODEL,
        rb"\n[\1-\x7f]\n[\1-\x7f]<(?:unk|pad|s)>",
    ),
    ByteSignature(
        "nmt-data", "a file that nmt binarize made", [b"nmt-idx\0", b"nmt-lnk\0"], _MODEL
    ),
    ByteSignature(
        "git-lfs",
        "a pointer of Git LFS, not the file itself",
        [b"version https://git-lfs.github.com/spec/"],
        "Fetch the file: git lfs pull",
    ),
    Utf16(),
    Binary(),
)
"""The formats identified by bytes. The first that matches counts."""

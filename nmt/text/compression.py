"""Streams that unpack compressed files in bounded memory, identified by their first bytes."""

import bz2
import gzip
import io
import lzma
import os
import stat
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from nmt.errors import DataError, install_command
from nmt.text.byte_signatures import (
    BYTE_FORMATS,
    BZIP2,
    COMPRESSIONS,
    GZIP,
    HEAD_BYTES,
    LZMA,
    XZ,
    ZSTD,
    Compression,
    Format,
    Head,
)
from nmt.text.format_detection import (
    LINE_FORMATS,
    compression_of,
    describe_format_problem,
    identify,
)

_BUFFER_BYTES = HEAD_BYTES
_BLOCK_BYTES = 1 << 16
_ZSTD_BLOCK_BYTES = 1 << 8
_ZSTD_UNPACKED_BYTES = 1 << 18
_MAX_LAYERS = 3
_ZSTD_WINDOW = 1 << 31


@dataclass(frozen=True)
class Content:
    """The unpacked content of a file.

    Attributes:
        name: The name of the file for messages, or `stdin`.
        stream: The unpacked bytes.
        compressions: The compressions of the file, the outermost first.
        head: The beginning of the unpacked content.
        identity: The device, inode, size and modification time of the file, by which it is
            recognised. None for anything but a regular file.
    """

    name: str
    stream: io.BufferedReader
    compressions: tuple[Compression, ...]
    head: Head
    identity: tuple[int, ...] | None

    @cached_property
    def format(self) -> Format | None:
        """The format of the unpacked content, None for plain text."""
        return identify(self.head, LINE_FORMATS)


def open_file(path: Path) -> io.BufferedReader:
    """Return a file opened for `open_content`.

    Raises:
        OSError: The file cannot be opened.
    """
    return io.BufferedReader(io.FileIO(path), _BUFFER_BYTES)


def open_content(
    file: io.BufferedReader, name: str, allowed: frozenset[str] = frozenset()
) -> Content:
    """Return the content of an open file or pipe, unpacked where its bytes are compressed.

    The stream is the file itself where it is not compressed and is seekable. A pipe is read only
    until its first bytes show whether it is compressed.

    Args:
        file: A file opened for reading, at any position.
        name: The name of the file for messages, or `stdin`.
        allowed: The names of formats of `BYTE_FORMATS` that are not refused.

    Raises:
        DataError: The file is not text, or has a compression that cannot be read here. Damage
            within compressed data raises DataError with the line only on reading.
    """
    stream, head = _read_head(file)
    compressions: list[Compression] = []
    while isinstance(format_ := identify(head, BYTE_FORMATS), Compression):
        if len(compressions) == _MAX_LAYERS:
            raise DataError(f"{name}: is compressed more than {_MAX_LAYERS} times. Decompress it.")
        raw = _UnpackedStream(stream, format_, name)
        compressions.append(format_)
        stream = io.BufferedReader(raw, _BUFFER_BYTES)
        head = _peek_head(stream)
    if format_ is not None and format_.name not in allowed:
        raise DataError(describe_format_problem(format_, head, name, compressions))
    return Content(name, stream, tuple(compressions), head, _identity(file))


class Sink(Protocol):
    """A writer of bytes."""

    def write(self, data: bytes, /) -> Any:
        """Write bytes.

        Returns:
            A value that depends on the writer.
        """


def open_compressed_writer(file: Any, name: str) -> AbstractContextManager[Sink]:
    """Return a context manager that compresses bytes into a file, as the suffix of its name says.

    The same bytes give the same file each time. The context manager leaves `file` open.

    Args:
        file: A binary file opened for writing.
        name: The name of the file, which chooses the compression.

    Raises:
        DataError: The name ends in `.zst`, and the package for it is not installed.
    """
    compression = compression_of(name)
    if compression is GZIP:
        return gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0)
    if compression is XZ:
        return lzma.LZMAFile(file, "wb")
    if compression is LZMA:
        return lzma.LZMAFile(file, "wb", format=lzma.FORMAT_ALONE)
    if compression is BZIP2:
        return bz2.BZ2File(file, "wb")
    if compression is ZSTD:
        _require_zstandard(name)
        import zstandard

        return zstandard.ZstdCompressor().stream_writer(file, closefd=False)
    return nullcontext(file)


def _identity(file: io.BufferedReader) -> tuple[int, ...] | None:
    try:
        status = os.fstat(file.fileno())
    except OSError:  # it is in memory
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _read_head(file: io.BufferedReader) -> tuple[io.BufferedReader, Head]:
    """Return a stream of the whole file, and the beginning of the file."""
    if file.seekable():
        position = file.tell()
        data = file.read(HEAD_BYTES)
        file.seek(position)
        return file, Head(data, is_whole=len(data) < HEAD_BYTES)
    data = file.read1(HEAD_BYTES)
    while data and any(each.may_begin(data) for each in COMPRESSIONS):
        more = file.read1(HEAD_BYTES)
        if not more:
            break
        data += more
    return io.BufferedReader(_PrefixedStream(data, file), _BUFFER_BYTES), Head(data)


def _peek_head(stream: io.BufferedReader) -> Head:
    data = stream.peek(HEAD_BYTES)[:HEAD_BYTES]
    return Head(data)


class _PrefixedStream(io.RawIOBase):
    """The bytes of a pipe that were read already, followed by the rest of the pipe."""

    def __init__(self, data: bytes, rest: io.BufferedReader) -> None:
        self._data, self._rest = data, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._data or self._rest.read1(len(buffer))
        buffer[: len(data)] = data[: len(buffer)]
        self._data = self._data[len(buffer) :]
        return min(len(data), len(buffer))


class _Decompressor(Protocol):
    """A decompressor of one member of a compressed file, with the interface of bz2 and lzma."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _UnpackedStream(io.RawIOBase):
    """The content of all members of a compressed file, one after the other.

    It is seekable where the file is. To seek backwards, it unpacks the file from the start again.
    """

    def __init__(self, file: io.BufferedReader, compression: Compression, name: str) -> None:
        self._file, self._compression, self._name = file, compression, name
        self._start = file.tell() if file.seekable() else 0
        self._open = _DECOMPRESSORS[compression.name]
        self._restart()
        if compression is ZSTD:
            _require_zstandard(name)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._file.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_CUR:
            offset += self._position
        elif whence != io.SEEK_SET:
            raise io.UnsupportedOperation("the end of compressed data is not known")
        if offset < self._position:
            self._file.seek(self._start)
            self._restart()
        while self._position < offset and self._read(min(_BLOCK_BYTES, offset - self._position)):
            pass
        return self._position

    def readinto(self, buffer: Any) -> int:
        data = self._read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def _restart(self) -> None:
        self._position = self._lines = 0
        self._buffered = b""
        self._member: _Decompressor | None = None

    def _read(self, size: int) -> bytes:
        data = self._unpack(size)
        self._position += len(data)
        self._lines += data.count(b"\n")
        return data

    def _unpack(self, size: int) -> bytes:
        while True:
            if self._member is None:
                if not self._find_member():
                    return b""
                self._member = self._open()
            data = self._decompress(self._member, size)
            if self._member.eof:
                self._buffered = self._member.unused_data
                self._member = None
            if data:
                return data

    def _find_member(self) -> bool:
        """Skip zero bytes between members, and return whether another member follows."""
        while not (rest := self._buffered.lstrip(b"\0")):
            block = self._file.read1(_BLOCK_BYTES)
            if not block:
                return False
            self._buffered = block
        self._buffered = rest
        return True

    def _decompress(self, member: _Decompressor, size: int) -> bytes:
        block, self._buffered = self._buffered, b""
        at_end = False
        if not block and member.needs_input:
            block = self._file.read1(_BLOCK_BYTES)
            at_end = not block
        try:
            data = member.decompress(block, size)
        except _decompression_errors() as error:
            raise self._damage_error(f"{error}, at line {self._lines + 1}") from error
        if at_end and not data and not member.eof:
            raise self._damage_error(f"cut off at line {self._lines + 1}")
        return data

    def _damage_error(self, reason: str) -> DataError:
        return DataError(
            f"{self._name}: damaged {self._compression.name} file: {reason}. Copy or compress it "
            "again."
        )


class _Zlib:
    """One member of a gzip file."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


class _Zstandard:
    """One frame of a zstd file.

    The package holds all output of a block in memory. The block size is therefore adapted so that a
    block unpacks to about `_ZSTD_UNPACKED_BYTES`.
    """

    def __init__(self) -> None:
        import zstandard

        self._inner = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
        self._buffered = self._output = b""
        self._block = _ZSTD_BLOCK_BYTES

    @property
    def eof(self) -> bool:
        return bool(self._inner.eof) and not self._output

    @property
    def needs_input(self) -> bool:
        return not self._buffered and not self._output

    @property
    def unused_data(self) -> bytes:
        return bytes(self._inner.unused_data) + self._buffered

    def decompress(self, data: bytes, max_length: int) -> bytes:
        self._buffered += data
        while not self._output and self._buffered and not self._inner.eof:
            block, self._buffered = self._buffered[: self._block], self._buffered[self._block :]
            self._output = self._inner.decompress(block)
            is_much = len(self._output) > _ZSTD_UNPACKED_BYTES
            self._block = max(1, self._block // 2) if is_much else self._block * 2
        output, self._output = self._output[:max_length], self._output[max_length:]
        return output


_DECOMPRESSORS: dict[str, Callable[[], _Decompressor]] = {
    GZIP.name: _Zlib,
    XZ.name: lzma.LZMADecompressor,
    LZMA.name: lzma.LZMADecompressor,
    BZIP2.name: bz2.BZ2Decompressor,
    ZSTD.name: _Zstandard,
}


def _require_zstandard(name: str) -> None:
    try:
        import zstandard  # noqa: F401
    except ImportError:
        raise DataError(
            f"{name}: zstd files need the package zstandard. Install it with "
            f"{install_command('zst')}, or decompress the file with `zstd -d`."
        ) from None


def _decompression_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions that the decompression packages raise, of which one may be missing."""
    errors = (zlib.error, lzma.LZMAError, OSError, ValueError)
    try:
        import zstandard
    except ImportError:
        return errors
    return (*errors, zstandard.ZstdError)

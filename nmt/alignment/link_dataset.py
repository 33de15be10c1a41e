"""Links between the tokens of a corpus' pairs in a memory-mapped file, opened in constant time.

The file has three parts:

- a header of 192 bytes
- the links of pair 0, pair 1, ...: the source and the target position of each link, two
  little-endian uint16 or uint32
- the end of each pair's links, counted in links (uint64), after a zero
"""

import hashlib
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nmt.errors import DataError
from nmt.runtime.atomic_files import atomic_file

_MAGIC = b"nmt-lnk\0"
_VERSION = 1
_HEADER = struct.Struct("<8sIIQQ32s32s32s")
_HEADER_SIZE = 192  # the struct, zeros, and the CRC-32 of all before it in the last four bytes
_END: np.dtype[np.uint64] = np.dtype("<u8")
_POSITION_TYPES: dict[int, np.dtype[Any]] = {2: np.dtype("<u2"), 4: np.dtype("<u4")}
_BLOCK = 1 << 20


@dataclass(frozen=True)
class LinksProvenance:
    """The provenance of links, as SHA-256 in hexadecimal.

    Attributes:
        corpus: The fingerprint of the corpus.
        method: The fingerprint of everything else that the links depend on.
    """

    corpus: str
    method: str


class PairLinks:
    """The links of the pairs of a corpus."""

    def __init__(self, path: Path, header: "_LinksHeader") -> None:
        self._path = path
        self._header = header
        size = 2 * header.links * header.position_type.itemsize
        self._positions = _memory_map(
            path, header.position_type, _HEADER_SIZE, 2 * header.links
        ).reshape(-1, 2)
        self._ends = _memory_map(path, _END, _HEADER_SIZE + size, header.pairs + 1)

    @classmethod
    def open(cls, path: Path) -> "PairLinks":
        """Return the links of a file, in constant time.

        Only the header is read; `verify` reads all.

        Raises:
            DataError: The file is missing, truncated or of another version.
        """
        header = _read_header(path)
        expected = header.size
        if (size := path.stat().st_size) != expected:
            raise _damaged(path, f"it has {size} bytes instead of {expected}")
        opened = cls(path, header)
        if opened._ends[0] or opened._ends[-1] != header.links:
            raise _damaged(path, "its index does not match its header")
        return opened

    def __len__(self) -> int:
        return self._header.pairs

    @property
    def provenance(self) -> LinksProvenance:
        """The provenance of the links."""
        return self._header.provenance

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the header, in hexadecimal, which covers the whole content."""
        return hashlib.sha256(self._header.to_bytes()).hexdigest()

    @property
    def total(self) -> int:
        """The number of links of all pairs."""
        return self._header.links

    def links(self, pair: int) -> NDArray[np.integer]:
        """Return the source and target positions of a pair's links, `[links, 2]`, read-only."""
        if not 0 <= pair < len(self):
            raise IndexError(f"pair {pair} of the links of {len(self)}")
        return self._positions[int(self._ends[pair]) : int(self._ends[pair + 1])]

    def verify(self, lengths: NDArray[np.integer]) -> None:
        """Read the whole file and check it.

        Args:
            lengths: The lengths of sources and targets, `[pairs, 2]`.

        Raises:
            DataError: A byte differs from what was written, or a link has no token.
        """
        digest = hashlib.sha256()
        with self._path.open("rb") as file:
            file.seek(_HEADER_SIZE)
            for block in iter(partial(file.read, _BLOCK), b""):
                digest.update(block)
        if digest.digest() != self._header.content_digest:
            raise _damaged(self._path, "its checksum is wrong")
        if (self._ends[1:] < self._ends[:-1]).any():
            raise _damaged(self._path, "its pairs are not contiguous")
        ends = self._ends.astype(np.int64)
        counts = ends[1:] - ends[:-1]
        for begin in range(0, len(self), _BLOCK):
            pair_range = slice(begin, begin + _BLOCK)
            limits = np.repeat(lengths[pair_range], counts[pair_range], axis=0)
            first = int(self._ends[begin])
            if (self._positions[first : first + len(limits)] >= limits).any():
                raise _damaged(self._path, "it has links to tokens that do not exist")


def write_links(
    path: Path, pair_links: Iterable[NDArray[np.integer]], longest: int, provenance: LinksProvenance
) -> None:
    """Write the links of each pair as a stream, atomically.

    Args:
        path: The file to write.
        pair_links: The links of each pair, `[links, 2]`.
        longest: A number above every position, which decides between uint16 and uint32.
        provenance: The provenance of the links.

    Raises:
        ResourceError: The disk does not take the file.
    """
    position_type = _POSITION_TYPES[2 if longest <= 1 << 16 else 4]
    digest = hashlib.sha256()
    counts: list[int] = []
    with atomic_file(path) as file:
        file.write(bytes(_HEADER_SIZE))
        for links in pair_links:
            data = np.ascontiguousarray(links, position_type).tobytes()
            file.write(data)
            digest.update(data)
            counts.append(len(links))
        ends = np.zeros(len(counts) + 1, _END)
        ends[1:] = np.cumsum(counts)
        file.write(ends.tobytes())
        digest.update(ends.tobytes())
        header = _LinksHeader(
            position_type, len(counts), int(ends[-1]), provenance, digest.digest()
        )
        file.seek(0)
        file.write(header.to_bytes())


@dataclass(frozen=True)
class _LinksHeader:
    position_type: np.dtype[Any]
    pairs: int
    links: int
    provenance: LinksProvenance
    content_digest: bytes

    @property
    def size(self) -> int:
        """The number of bytes of the whole file."""
        position_bytes = 2 * self.links * self.position_type.itemsize
        return _HEADER_SIZE + position_bytes + (self.pairs + 1) * _END.itemsize

    def to_bytes(self) -> bytes:
        digests = (bytes.fromhex(self.provenance.corpus), bytes.fromhex(self.provenance.method))
        fields = (
            self.position_type.itemsize,
            self.pairs,
            self.links,
            *digests,
            self.content_digest,
        )
        data = _HEADER.pack(_MAGIC, _VERSION, *fields).ljust(_HEADER_SIZE - 4, b"\0")
        return data + zlib.crc32(data).to_bytes(4, "little")


def _read_header(path: Path) -> _LinksHeader:
    try:
        with path.open("rb") as file:
            data = file.read(_HEADER_SIZE)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}.") from error
    if len(data) < _HEADER_SIZE or not data.startswith(_MAGIC):
        raise _damaged(path, "it is not a file of links")
    if zlib.crc32(data[:-4]).to_bytes(4, "little") != data[-4:]:
        raise _damaged(path, "its header has a wrong checksum")
    _, version, width, pairs, links, corpus, method, content_digest = _HEADER.unpack_from(data)
    if version != _VERSION:
        raise DataError(f"{path}: format version {version}, but this nmt reads {_VERSION}.")
    if width not in _POSITION_TYPES:
        raise _damaged(path, f"its positions have {width} bytes")
    return _LinksHeader(
        _POSITION_TYPES[width],
        pairs,
        links,
        LinksProvenance(corpus.hex(), method.hex()),
        content_digest,
    )


def _memory_map(path: Path, dtype: np.dtype[Any], offset: int, count: int) -> NDArray[Any]:
    if count == 0:  # an empty range cannot be mapped
        return np.empty(0, dtype)
    return np.memmap(path, dtype, mode="r", offset=offset, shape=(count,)).view(np.ndarray)


def _damaged(path: Path, reason: str) -> DataError:
    return DataError(f"{path}: damaged: {reason}.")

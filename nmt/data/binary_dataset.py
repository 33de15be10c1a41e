"""Binary datasets: memory-mapped token ids, opened in constant time however large.

`PREFIX.bin` has only token ids: source 0, target 0, source 1, target 1, ... in little-endian uint16
or uint32. `PREFIX.idx` is a header of 128 bytes, then a row of three uint64 for each pair. A row
has the end of the source, the end of the target, and the line of the original text. Ends are in
tokens from the start of the .bin. A row of zeros stands before the first pair.
"""

import hashlib
import struct
import zlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from nmt.errors import DataError
from nmt.runtime.atomic_files import atomic_file, sha256

_MAGIC = b"nmt-idx\0"
_VERSION = 1
_HEADER = struct.Struct("<8sIIQQ32s32s")
_HEADER_SIZE = 128  # the struct, zeros, and the CRC-32 of all before it in the last four bytes
_ROW: np.dtype[np.uint64] = np.dtype("<u8")
_BLOCK = 1 << 16  # pairs checked together
_TOKEN_TYPES: dict[int, np.dtype[Any]] = {2: np.dtype("<u2"), 4: np.dtype("<u4")}


class Corpus:
    """The token ids of the pairs of a corpus, without BOS and EOS. It can be pickled."""

    def __init__(self, prefix: Path, header: "_CorpusHeader") -> None:
        self._prefix = prefix
        self._header = header
        self._tokens: NDArray[np.integer] = _map_array(
            _bin_path(prefix), header.token_type, 0, header.tokens
        )
        rows = _map_array(_idx_path(prefix), _ROW, _HEADER_SIZE, 3 * (header.pairs + 1))
        self._rows = rows.reshape(header.pairs + 1, 3)

    @classmethod
    def open(cls, prefix: Path) -> "Corpus":
        """Return the corpus of PREFIX.bin and PREFIX.idx, in constant time.

        Only the header is read; `verify` reads all.

        Raises:
            DataError: The files are missing, truncated or of another version.
        """
        header = _read_header(prefix)
        _check_size(_bin_path(prefix), header.tokens * header.token_type.itemsize)
        _check_size(_idx_path(prefix), _HEADER_SIZE + 3 * (header.pairs + 1) * _ROW.itemsize)
        corpus = cls(prefix, header)
        if corpus._rows[0].any() or int(corpus._rows[-1, 1]) != header.tokens:
            raise _damage_error(_idx_path(prefix), "its index does not match its header")
        return corpus

    def __len__(self) -> int:
        return self._header.pairs

    def source(self, pair: int) -> NDArray[np.integer]:
        """Return the token ids of the source side of a pair, `[source_len]`, read-only."""
        pair = self._check_index(pair)
        return self._tokens[int(self._rows[pair, 1]) : int(self._rows[pair + 1, 0])]

    def target(self, pair: int) -> NDArray[np.integer]:
        """Return the token ids of the target side of a pair, `[target_len]`, read-only."""
        pair = self._check_index(pair)
        return self._tokens[int(self._rows[pair + 1, 0]) : int(self._rows[pair + 1, 1])]

    @cached_property
    def source_lengths(self) -> NDArray[np.int64]:
        """The number of tokens of each source side, `[pairs]`."""
        lengths: NDArray[np.int64] = (self._rows[1:, 0] - self._rows[:-1, 1]).astype(np.int64)
        return lengths

    @cached_property
    def target_lengths(self) -> NDArray[np.int64]:
        """The number of tokens of each target side, `[pairs]`."""
        lengths: NDArray[np.int64] = (self._rows[1:, 1] - self._rows[1:, 0]).astype(np.int64)
        return lengths

    def lengths_of(self, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of source and target tokens of some pairs, `[n, 2]`.

        Nothing else of the index is read.
        """
        rows = self._rows[pairs + 1, :2].astype(np.int64)
        begins = self._rows[pairs, 1].astype(np.int64)
        return np.stack([rows[:, 0] - begins, rows[:, 1] - rows[:, 0]], axis=1)

    @property
    def line_numbers(self) -> NDArray[np.uint64]:
        """The line of each pair in the text, from 1, over all files of the corpus, `[pairs]`."""
        lines: NDArray[np.uint64] = self._rows[1:, 2]
        return lines

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the header, in hexadecimal, which covers the whole content."""
        return self._header.fingerprint

    def verify(self) -> None:
        """Read both files wholly and check them.

        Raises:
            DataError: A byte differs from what was written, or the index is invalid.
        """
        if sha256(_bin_path(self._prefix)) != self._header.tokens_sha.hex():
            raise _damage_error(_bin_path(self._prefix), "its checksum is wrong")
        if hashlib.sha256(self._rows.reshape(-1).data).digest() != self._header.rows_sha:
            raise _damage_error(_idx_path(self._prefix), "its checksum is wrong")
        ends = self._rows[:, :2].reshape(-1)
        if (ends[1:] < ends[:-1]).any():
            raise _damage_error(_idx_path(self._prefix), "its pairs are not contiguous")

    def check_ids(self, source_size: int, target_size: int) -> None:
        """Read all tokens and check that they are in the vocabularies.

        Args:
            source_size: The size of the source vocabulary.
            target_size: The size of the target vocabulary.

        Raises:
            DataError: A token is outside its vocabulary.
        """
        sizes = np.array([source_size, target_size])
        for begin in range(0, len(self), _BLOCK):
            ends = self._rows[begin : begin + _BLOCK + 1, :2].reshape(-1)[1:].astype(np.int64)
            lengths = np.diff(ends)
            limits = np.repeat(np.resize(sizes, len(lengths)), lengths)
            if (self._tokens[int(ends[0]) : int(ends[-1])] >= limits).any():
                raise _damage_error(_bin_path(self._prefix), "it has tokens outside the vocabulary")

    def _check_index(self, pair: int) -> int:
        if not 0 <= pair < len(self):
            raise IndexError(f"pair {pair} of a corpus of {len(self)}")
        return pair

    def __reduce__(self) -> tuple[Any, ...]:
        return Corpus.open, (self._prefix,)


class CorpusWriter:
    """A writer of a corpus as a stream.

    Both files appear when the `with` block ends without an error. It raises ResourceError when the
    disk is full or the folder is not writable.
    """

    def __init__(self, prefix: Path, vocabulary_size: int) -> None:
        """Create a writer.

        Args:
            prefix: The prefix of both files.
            vocabulary_size: A number above every token id, which decides between uint16 and uint32.
        """
        self._prefix = prefix
        self._token_type = _TOKEN_TYPES[2 if vocabulary_size <= 1 << 16 else 4]
        self._stack = ExitStack()
        self._pairs = 0
        self._tokens = 0
        self._tokens_sha = hashlib.sha256()
        self._rows_sha = hashlib.sha256()

    def __enter__(self) -> "CorpusWriter":
        # The index is renamed last: without it there is no corpus.
        self._idx_file: IO[bytes] = self._stack.enter_context(atomic_file(_idx_path(self._prefix)))
        self._bin_file: IO[bytes] = self._stack.enter_context(atomic_file(_bin_path(self._prefix)))
        self._idx_file.write(bytes(_HEADER_SIZE))
        self._write_rows(np.zeros((1, 3), _ROW))
        return self

    def add(self, line_number: int, source_ids: Sequence[int], target_ids: Sequence[int]) -> None:
        """Write one pair.

        Args:
            line_number: The line of the text, from 1.
            source_ids: The source tokens, without EOS.
            target_ids: The target tokens, without BOS and EOS.
        """
        self.add_block(
            np.array([line_number], np.int64),
            np.array([*source_ids, *target_ids], np.int64),
            np.array([[len(source_ids), len(target_ids)]], np.int64),
        )

    def add_block(
        self,
        line_numbers: NDArray[np.integer],
        tokens: NDArray[np.integer],
        lengths: NDArray[np.integer],
    ) -> None:
        """Write many pairs at once.

        Args:
            line_numbers: The lines of the text, from 1, `[n]`.
            tokens: The tokens of source 0, target 0, source 1, ..., `[lengths.sum()]`.
            lengths: The number of source and of target tokens, `[n, 2]`.
        """
        packed = np.ascontiguousarray(tokens, self._token_type)
        if not np.array_equal(packed, tokens):
            raise ValueError(f"token ids do not fit {self._token_type}")
        rows = np.empty((len(line_numbers), 3), _ROW)
        rows[:, :2] = self._tokens + np.cumsum(lengths.reshape(-1)).reshape(-1, 2)
        rows[:, 2] = line_numbers
        self._bin_file.write(packed.tobytes())
        self._tokens_sha.update(packed.tobytes())
        self._write_rows(rows)
        self._pairs += len(line_numbers)
        self._tokens += len(packed)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            header = _CorpusHeader(
                self._token_type,
                self._pairs,
                self._tokens,
                self._tokens_sha.digest(),
                self._rows_sha.digest(),
            )
            self._idx_file.seek(0)
            self._idx_file.write(header.packed())
        self._stack.__exit__(kind, error, trace)

    def _write_rows(self, rows: NDArray[np.uint64]) -> None:
        data = rows.tobytes()
        self._idx_file.write(data)
        self._rows_sha.update(data)


@dataclass(frozen=True)
class _CorpusHeader:
    token_type: np.dtype[Any]
    pairs: int
    tokens: int
    tokens_sha: bytes
    rows_sha: bytes

    def packed(self) -> bytes:
        fields = (self.token_type.itemsize, self.pairs, self.tokens, self.tokens_sha, self.rows_sha)
        data = _HEADER.pack(_MAGIC, _VERSION, *fields).ljust(_HEADER_SIZE - 4, b"\0")
        return data + zlib.crc32(data).to_bytes(4, "little")

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.packed()).hexdigest()


def _read_header(prefix: Path) -> _CorpusHeader:
    path = _idx_path(prefix)
    try:
        with path.open("rb") as file:
            data = file.read(_HEADER_SIZE)
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{path}: cannot be read: {reason}; re-run `nmt binarize`.") from error
    if len(data) < _HEADER_SIZE or not data.startswith(_MAGIC):
        raise _damage_error(path, "it is not an index file")
    if zlib.crc32(data[:-4]).to_bytes(4, "little") != data[-4:]:
        raise _damage_error(path, "its header has a wrong checksum")
    _, version, width, pairs, tokens, tokens_sha, rows_sha = _HEADER.unpack_from(data)
    if version != _VERSION:
        raise DataError(
            f"{path}: format version {version}, but this nmt reads {_VERSION}; re-run `nmt "
            "binarize`."
        )
    if width not in _TOKEN_TYPES:
        raise _damage_error(path, f"its tokens have {width} bytes")
    return _CorpusHeader(_TOKEN_TYPES[width], pairs, tokens, tokens_sha, rows_sha)


def _check_size(path: Path, expected: int) -> None:
    size = path.stat().st_size if path.is_file() else None
    if size != expected:
        problem = "is missing" if size is None else f"has {size} bytes instead of {expected}"
        raise _damage_error(path, f"it {problem}")


def _map_array(path: Path, dtype: np.dtype[Any], offset: int, count: int) -> NDArray[Any]:
    if count == 0:  # an empty file cannot be mapped
        return np.empty(0, dtype)
    mapped = np.memmap(path, dtype, mode="r", offset=offset, shape=(count,))
    # Slices of a plain array are much cheaper than those of a memmap.
    return mapped.view(np.ndarray)


def _damage_error(path: Path, reason: str) -> DataError:
    return DataError(f"{path}: damaged: {reason}; re-run `nmt binarize`.")


def _bin_path(prefix: Path) -> Path:
    return prefix.with_name(prefix.name + ".bin")


def _idx_path(prefix: Path) -> Path:
    return prefix.with_name(prefix.name + ".idx")

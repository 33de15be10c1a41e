"""Tokenization of many pairs in several processes, in order and in bounded memory.

The text is divided into the same chunks for any number of processes. Each encoded chunk is a pure
function of its text, and so is the result.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from nmt.data.hashing import pair_key, text_hashes
from nmt.errors import ResourceError
from nmt.runtime.process import delay_signals, unblock_signals
from nmt.runtime.processor import count_cores
from nmt.text.characters import has_control_characters
from nmt.text.lines import LinePair
from nmt.tokenizers.tokenizer import UNK, TokenizerPair

_CHUNK_PAIRS = 2_000
_CHUNK_CHARACTERS = 1_000_000
_MAX_PENDING_PER_WORKER = 3
_MIN_PAIRS_FOR_WORKERS = 50_000
"""The number of pairs below which tokenization ends before a second process has started."""


@dataclass(frozen=True)
class Chunk:
    """Consecutive pairs of a text.

    Attributes:
        lines: The lines of the pairs, from 1.
        sources: The source texts.
        targets: The target texts.
        unreadable: The lines that are left out because they are not UTF-8.
    """

    lines: list[int] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    unreadable: list[int] = field(default_factory=list)

    def select(self, mask: NDArray[np.bool_]) -> "Chunk":
        """Return the pairs in `mask`, `[n]`."""
        return Chunk(
            list(compress(self.lines, mask)),
            list(compress(self.sources, mask)),
            list(compress(self.targets, mask)),
        )


@dataclass(frozen=True)
class EncodedChunk:
    """The n encoded pairs of a chunk.

    Attributes:
        tokens: The tokens of source 0, target 0, source 1, ..., `[lengths.sum()]`.
        lengths: The number of source and target tokens, `[n, 2]`.
        unknown: The number of unknown source and target tokens, `[n, 2]`.
        pair_hashes: The hash of each pair, `[n]`.
        source_hashes: The hash of each source, `[n]`.
        identical: Whether both sides have the same text, `[n]`.
        has_controls: Whether the text has a control character or an unusual line end, `[n]`.
    """

    tokens: NDArray[np.uint32]
    lengths: NDArray[np.int64]
    unknown: NDArray[np.int64]
    pair_hashes: NDArray[np.uint64]
    source_hashes: NDArray[np.uint64]
    identical: NDArray[np.bool_]
    has_controls: NDArray[np.bool_]

    @property
    def has_both_sides(self) -> NDArray[np.bool_]:
        """Whether both sides of a pair have a token, `[n]`."""
        return np.asarray((self.lengths > 0).all(axis=1), np.bool_)

    def select(self, mask: NDArray[np.bool_]) -> "EncodedChunk":
        """Return the pairs in `mask`, `[n]`."""
        return EncodedChunk(
            self.tokens[np.repeat(mask, self.lengths.sum(axis=1))],
            self.lengths[mask],
            self.unknown[mask],
            self.pair_hashes[mask],
            self.source_hashes[mask],
            self.identical[mask],
            self.has_controls[mask],
        )

    def with_tags(self, tags: Sequence[int]) -> "EncodedChunk":
        """Return the pairs with tags before each source that has tokens.

        Args:
            tags: The token ids of the tags.
        """
        if not tags:
            return self
        tagged = self.lengths[:, 0] > 0
        begins = np.concatenate([[0], np.cumsum(self.lengths.sum(axis=1))])[:-1]
        positions = np.repeat(begins[tagged], len(tags))
        values = np.tile(np.array(tags, self.tokens.dtype), int(tagged.sum()))
        lengths = self.lengths.copy()
        lengths[tagged, 0] += len(tags)
        return replace(self, tokens=np.insert(self.tokens, positions, values), lengths=lengths)


def encode_pairs(
    pairs: Iterable[LinePair], tokenizers: TokenizerPair, workers: int, pair_count: int
) -> Iterator[tuple[Chunk, EncodedChunk]]:
    """Yield the pairs chunk by chunk, as text and encoded, in order.

    Args:
        pairs: The pairs.
        tokenizers: The tokenizers of both sides.
        workers: The number of processes, 0 for the number of cores.
        pair_count: The number of pairs. Few pairs are tokenized in this process.

    Raises:
        ResourceError: A process is killed.
    """
    workers = workers or count_cores()
    chunks = _chunks(pairs)
    if workers == 1 or pair_count < _MIN_PAIRS_FOR_WORKERS:
        for chunk in chunks:
            yield chunk, encode_chunk(chunk, tokenizers)
    else:
        yield from _encode_in_processes(chunks, tokenizers, workers)


def encode_chunk(chunk: Chunk, tokenizers: TokenizerPair) -> EncodedChunk:
    """Return an encoded chunk, computed in this process.

    Args:
        chunk: The chunk.
        tokenizers: The tokenizers of both sides.
    """
    pairs = list(zip(chunk.sources, chunk.targets, strict=True))
    flat: list[int] = []
    lengths = np.empty((len(pairs), 2), np.int64)
    encoded = (
        tokenizers.source.encode_batch(chunk.sources),
        tokenizers.target.encode_batch(chunk.targets),
    )
    for row, (source, target) in enumerate(zip(*encoded, strict=True)):
        flat += source
        flat += target
        lengths[row] = len(source), len(target)
    tokens = np.array(flat, np.uint32)
    return EncodedChunk(
        tokens,
        lengths,
        _count_unknown(tokens, lengths),
        text_hashes(pair_key(source, target) for source, target in pairs),
        text_hashes(source.strip() for source in chunk.sources),
        np.array([source.strip() == target.strip() for source, target in pairs], np.bool_),
        np.array([has_control_characters(source + target) for source, target in pairs], np.bool_),
    )


def _count_unknown(tokens: NDArray[np.uint32], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    unknown_before = np.concatenate([[0], np.cumsum(tokens == UNK)])
    ends = np.cumsum(lengths.reshape(-1))
    counts: NDArray[np.int64] = unknown_before[ends] - unknown_before[ends - lengths.reshape(-1)]
    return counts.reshape(-1, 2)


def _chunks(pairs: Iterable[LinePair]) -> Iterator[Chunk]:
    chunk, characters = Chunk(), 0
    for pair in pairs:
        if pair.source is None or pair.target is None:
            chunk.unreadable.append(pair.line)
        else:
            chunk.lines.append(pair.line)
            chunk.sources.append(pair.source)
            chunk.targets.append(pair.target)
            characters += len(pair.source) + len(pair.target)
        is_full = len(chunk.lines) + len(chunk.unreadable) >= _CHUNK_PAIRS
        if is_full or characters >= _CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = Chunk(), 0
    if chunk.lines or chunk.unreadable:
        yield chunk


def _encode_in_processes(
    chunks: Iterator[Chunk], tokenizers: TokenizerPair, workers: int
) -> Iterator[tuple[Chunk, EncodedChunk]]:
    pool = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), _start_worker, (tokenizers,)
    )
    pending: deque[tuple[Chunk, Future[EncodedChunk]]] = deque()
    try:
        for chunk in chunks:
            with delay_signals():  # a submission may start a process
                pending.append((chunk, pool.submit(_encode_in_worker, chunk)))
            if len(pending) >= _MAX_PENDING_PER_WORKER * workers:
                done, future = pending.popleft()
                yield done, future.result()
        while pending:
            done, future = pending.popleft()
            yield done, future.result()
    except BrokenProcessPool as error:
        raise ResourceError(
            "a tokenizing process could not start or was killed (out of memory?). Set "
            "data.workers: 1 to tokenize without such processes."
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_worker_tokenizers: TokenizerPair | None = None


def _start_worker(tokenizers: TokenizerPair) -> None:
    global _worker_tokenizers
    _worker_tokenizers = tokenizers
    # Ctrl-C reaches all processes of a terminal; only the parent handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    unblock_signals(signal.SIGINT, signal.SIGTERM)
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    """Exit when the parent ends. Without this, workers would outlive a killed parent."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _encode_in_worker(chunk: Chunk) -> EncodedChunk:
    assert _worker_tokenizers is not None
    return encode_chunk(chunk, _worker_tokenizers)

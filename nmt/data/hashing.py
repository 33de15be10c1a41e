"""Hashes of texts, for finding duplicates and for the split into training and validation.

Two different texts share a hash about once in 37 million corpora of a million pairs.
"""

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from nmt.text.characters import letters_of


def text_hashes(texts: Iterable[str]) -> NDArray[np.uint64]:
    """Return a 64-bit hash of each text, `[n]`, the same in every process and on every machine."""
    digests = (hashlib.blake2b(text.encode("utf-8"), digest_size=8).digest() for text in texts)
    return np.frombuffer(b"".join(digests), np.dtype("<u8"))


def pair_key(source: str, target: str) -> str:
    """Return one text for a pair of lines, different for different pairs.

    Whitespace at the ends of the lines does not count.

    Args:
        source: The source line.
        target: The target line.
    """
    return f"{source.strip()}\n{target.strip()}"


class SeenHashes:
    """A growing set of 64-bit hashes, kept in sorted runs of eight bytes a hash."""

    def __init__(self) -> None:
        self._runs: list[NDArray[np.uint64]] = []

    def __len__(self) -> int:
        return sum(len(run) for run in self._runs)

    def contains(self, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Return whether each hash is in the set, `[n]`."""
        found = np.zeros(len(hashes), np.bool_)
        for run in self._runs:
            positions = np.searchsorted(run, hashes)
            found |= run[np.minimum(positions, len(run) - 1)] == hashes
        return found

    def add(self, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Add hashes to the set.

        Returns:
            Whether each hash was in the set or occurs earlier in `hashes`, `[n]`.
        """
        order = np.argsort(hashes, kind="stable")
        ordered = hashes[order]
        seen = self.contains(ordered)
        seen[1:] |= ordered[1:] == ordered[:-1]
        self._append(ordered[~seen])
        result = np.empty_like(seen)
        result[order] = seen
        return result

    def _append(self, run: NDArray[np.uint64]) -> None:
        if len(run) == 0:
            return
        self._runs.append(run)
        # Each run is at most half as large as the one before, so that there are few to search.
        while len(self._runs) > 1 and len(self._runs[-2]) < 2 * len(self._runs[-1]):
            merged = np.concatenate([self._runs.pop(), self._runs.pop()])
            merged.sort(kind="stable")
            self._runs.append(merged)


def in_validation_split(
    source: str | None, target: str | None, share: float, seed: int, after: float = 0.0
) -> bool:
    """Return whether a pair is set aside, by a pure function of source text and seed.

    Only the letters of the source count, without case. Sources that differ in case, punctuation,
    digits or spaces alone go to the same corpus, so validation has no near duplicate of a source
    that is trained on. The whole text counts where it has no letters. A pair with a blank or
    unreadable side is never set aside; the checks of train handle it.

    Args:
        source: The source text, None where it is unreadable.
        target: The target text, None where it is unreadable.
        share: The share of pairs to set aside, from 0 to 1.
        seed: The seed of the split, `data.split_seed`.
        after: The share of pairs that is set aside for another use, before this one.
    """
    if share == 0.0 or not source or not target or not source.strip() or not target.strip():
        return False
    key = seed.to_bytes(8, "little")
    text = letters_of(source) or source.strip()
    digest = hashlib.blake2b(text.encode("utf-8"), digest_size=8, key=key).digest()
    position = int.from_bytes(digest, "little") / 2.0**64
    return after <= position < after + share

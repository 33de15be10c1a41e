"""Which texts were seen before, in eight bytes each.

Two different texts share a 64-bit hash about once in 37 million corpora of a million pairs.
"""

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def text_hashes(texts: Iterable[str]) -> NDArray[np.uint64]:
    """One 64-bit hash of each text, the same in every process and on every machine, `[n]`."""
    digests = (hashlib.blake2b(text.encode("utf-8"), digest_size=8).digest() for text in texts)
    return np.frombuffer(b"".join(digests), np.dtype("<u8"))


def pair_text(source: str, target: str) -> str:
    """One text for a pair of lines, different for different pairs; blanks around do not count."""
    return f"{source.strip()}\n{target.strip()}"


class SeenHashes:
    """A growing set of 64-bit hashes, kept in sorted runs of eight bytes a hash."""

    def __init__(self) -> None:
        self._runs: list[NDArray[np.uint64]] = []

    def __len__(self) -> int:
        return sum(len(run) for run in self._runs)

    def contains(self, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which of the hashes are in the set, `[n]`."""
        found = np.zeros(len(hashes), np.bool_)
        for run in self._runs:
            places = np.searchsorted(run, hashes)
            found |= run[np.minimum(places, len(run) - 1)] == hashes
        return found

    def add(self, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Take the hashes in; gives which of them were in the set or stand earlier in `hashes`."""
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
        # Runs at least halve in size from one to the next, so that there are few to look through.
        while len(self._runs) > 1 and len(self._runs[-2]) < 2 * len(self._runs[-1]):
            merged = np.concatenate([self._runs.pop(), self._runs.pop()])
            merged.sort(kind="stable")
            self._runs.append(merged)

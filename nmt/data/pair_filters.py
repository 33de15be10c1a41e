"""The filters of train pairs. A pair is dropped for the first reason that applies."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nmt.config.settings import DataSettings
from nmt.data.encode import Chunk, EncodedChunk
from nmt.data.hashes import SeenHashes

NOT_UTF8 = "not UTF-8"
_BEYOND = "beyond max_pairs"
_OTHER_BEGINNING = "other beginning"

NOT_SELECTED = (_BEYOND, _OTHER_BEGINNING)
"""The reasons that are no fault of the text."""


def selection_settings(settings: DataSettings) -> dict[str, object]:
    """Return the settings that select pairs of train, without those that are unset."""
    values = settings.model_dump(mode="json", include={"max_pairs", "target_prefixes"})
    return {key: value for key, value in values.items() if value}


def is_beyond(settings: DataSettings, line: int) -> bool:
    """Return whether a pair of train is beyond the first `data.max_pairs` pairs.

    Args:
        settings: The data settings.
        line: The line of the pair, from 1.
    """
    return settings.max_pairs is not None and line > settings.max_pairs


def begins_as_wanted(settings: DataSettings, target: str) -> bool:
    """Return whether a target begins with one of `data.target_prefixes`, or none are set.

    Args:
        settings: The data settings.
        target: The target text.
    """
    prefixes = tuple(prefix.casefold() for prefix in settings.target_prefixes)
    return not prefixes or target.casefold().startswith(prefixes)


@dataclass
class HeldOut:
    """The pairs of a held-out corpus, and the number of train pairs among them."""

    pairs: SeenHashes = field(default_factory=SeenHashes)
    sources: SeenHashes = field(default_factory=SeenHashes)
    train_pairs: int = 0
    train_sources: int = 0

    def add(self, encoded: EncodedChunk) -> None:
        """Add the pairs of a chunk, except blank ones."""
        self.pairs.add(encoded.pair_hashes[encoded.whole])
        self.sources.add(encoded.source_hashes[encoded.whole])

    def count(self, train: EncodedChunk) -> None:
        """Count the pairs of a chunk of train that occur here, as a whole and by source."""
        whole = train.where(train.whole)
        self.train_pairs += int(self.pairs.contains(whole.pair_hashes).sum())
        self.train_sources += int(self.sources.contains(whole.source_hashes).sum())


class PairFilters:
    """The filters of train pairs, in the order of the drop table."""

    def __init__(self, settings: DataSettings, held_out: dict[str, HeldOut]) -> None:
        self._settings = settings
        self._held_out = held_out

    @property
    def reasons(self) -> list[str]:
        """All reasons for which a pair may be dropped, in order."""
        reasons = [] if self._settings.max_pairs is None else [_BEYOND]
        if self._settings.target_prefixes:
            reasons.append(_OTHER_BEGINNING)
        reasons += ["both sides empty", "source empty", "target empty", "too long"]
        if self._settings.max_length_ratio:
            reasons.append("length ratio")
        if self._settings.exclude_overlap:
            reasons += [f"also in {name}" for name in self._held_out]
        if self._settings.drop_duplicates:
            reasons.append("duplicate")
        if self._settings.on_bad_utf8 == "skip_pair":
            reasons.append(NOT_UTF8)
        return reasons

    def apply(
        self, chunk: Chunk, encoded: EncodedChunk, duplicate: NDArray[np.bool_]
    ) -> dict[str, NDArray[np.bool_]]:
        """Return the pairs of a chunk that are dropped for each reason, `[n]`, at most once each.

        Args:
            chunk: The chunk as text.
            encoded: The encoded chunk.
            duplicate: Whether a pair occurs earlier in the corpus, `[n]`.
        """
        found = self._checks(encoded, duplicate)
        found[_BEYOND] = np.array([is_beyond(self._settings, line) for line in chunk.lines], bool)
        found[_OTHER_BEGINNING] = np.array(
            [not begins_as_wanted(self._settings, target) for target in chunk.targets], bool
        )
        kept = np.ones(len(encoded.lengths), np.bool_)
        dropped = {}
        for reason in self.reasons:
            if reason in found:
                dropped[reason] = found[reason] & kept
                kept &= ~found[reason]
        return dropped

    def _checks(
        self, encoded: EncodedChunk, duplicate: NDArray[np.bool_]
    ) -> dict[str, NDArray[np.bool_]]:
        empty = encoded.lengths == 0
        longer = encoded.lengths.max(axis=1, initial=0)
        shorter = encoded.lengths.min(axis=1, initial=np.iinfo(np.int64).max)
        checks = {
            "both sides empty": empty.all(axis=1),
            "source empty": empty[:, 0],
            "target empty": empty[:, 1],
            "too long": longer > self._settings.max_length,
            "length ratio": longer > self._settings.max_length_ratio * shorter,
            "duplicate": duplicate,
        }
        for name, held_out in self._held_out.items():
            checks[f"also in {name}"] = held_out.pairs.contains(encoded.pair_hashes)
        return checks

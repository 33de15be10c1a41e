"""The filters of train pairs: which pairs are dropped, and for which reason.

Each filter is a class and a line of the table `FILTERS` in nmt/config/registry.py. CONTRIBUTING.md
shows how to add one.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nmt.config.registry import FILTERS
from nmt.config.settings import DataSettings
from nmt.data.encode import Chunk, EncodedChunk
from nmt.data.hashing import SeenHashes

NOT_UTF8 = "not UTF-8"
"""The reason of lines that cannot be read; no filter gets them."""


@dataclass
class HeldOut:
    """The pairs of a held-out corpus, and the number of train pairs among them."""

    pairs: SeenHashes = field(default_factory=SeenHashes)
    sources: SeenHashes = field(default_factory=SeenHashes)
    train_pairs: int = 0
    train_sources: int = 0

    def add(self, encoded: EncodedChunk) -> None:
        """Add the pairs of a chunk, except blank ones."""
        self.pairs.add(encoded.pair_hashes[encoded.has_both_sides])
        self.sources.add(encoded.source_hashes[encoded.has_both_sides])

    def count(self, train: EncodedChunk) -> None:
        """Count the pairs of a chunk of train that occur here, as a whole and by source."""
        complete = train.select(train.has_both_sides)
        self.train_pairs += int(self.pairs.contains(complete.pair_hashes).sum())
        self.train_sources += int(self.sources.contains(complete.source_hashes).sum())


@dataclass(frozen=True)
class CandidatePairs:
    """The n train pairs of a chunk that no earlier filter has dropped.

    Attributes:
        lines: The numbers of their lines in the corpus, from 1.
        sources: The source texts.
        targets: The target texts.
        lengths: The number of source and target tokens, `[n, 2]`.
        hashes: The hash of each pair, `[n]`.
        duplicate: Whether an equal pair comes earlier in the corpus, `[n]`.
    """

    lines: list[int]
    sources: list[str]
    targets: list[str]
    lengths: NDArray[np.int64]
    hashes: NDArray[np.uint64]
    duplicate: NDArray[np.bool_]

    @property
    def sides(self) -> tuple[list[str], list[str]]:
        """The source texts and the target texts."""
        return self.sources, self.targets

    def select(self, mask: NDArray[np.bool_]) -> "CandidatePairs":
        """Return the pairs in the mask `mask` `[n]`."""
        return CandidatePairs(
            list(compress(self.lines, mask)),
            list(compress(self.sources, mask)),
            list(compress(self.targets, mask)),
            self.lengths[mask],
            self.hashes[mask],
            self.duplicate[mask],
        )


class PairFilters:
    """The filters of train pairs that the settings turn on, in the order of the drop table."""

    def __init__(
        self,
        settings: DataSettings,
        held_out: Mapping[str, HeldOut],
        others: "Sequence[PairFilters]" = (),
    ) -> None:
        """Make the filters.

        Args:
            settings: The data settings, with the corpus that is filtered as `train`.
            held_out: The pairs of dev and test, where these are corpora of their own.
            others: The filters of the corpora before this one.
        """
        shared = {
            reason: pair_filter
            for other in others
            for reason, pair_filter in other._filters.items()
            if pair_filter.compares_corpora
        }
        self._filters: dict[str, PairFilter] = {
            reason: shared.get(reason) or FILTERS.resolve(reason)(settings, held_out)
            for reason, kind in FILTERS.kinds.items()
            if all(getattr(settings, key) for key in kind.settings)
        }
        unreadable = [NOT_UTF8] if settings.on_bad_utf8 == "skip_pair" else []
        self.reasons = [*self._filters, *unreadable]
        """All reasons for which a pair may be dropped, in order."""

    def apply(
        self, chunk: Chunk, encoded: EncodedChunk, duplicate: NDArray[np.bool_]
    ) -> dict[str, NDArray[np.bool_]]:
        """Return the pairs of a chunk that are dropped for each reason, `[n]`, at most once each.

        Args:
            chunk: The chunk as text.
            encoded: The encoded chunk.
            duplicate: Whether a pair occurs earlier in the corpus, `[n]`.
        """
        pairs = CandidatePairs(
            chunk.lines,
            chunk.sources,
            chunk.targets,
            encoded.lengths,
            encoded.pair_hashes,
            duplicate,
        )
        keep_mask = np.ones(len(chunk.lines), np.bool_)
        dropped = {}
        for reason, pair_filter in self._filters.items():
            drop_mask = pair_filter.drops(pairs)
            dropped[reason] = np.zeros_like(keep_mask)
            dropped[reason][keep_mask] = drop_mask
            if drop_mask.any():
                pairs = pairs.select(~drop_mask)
                keep_mask &= ~dropped[reason]
        return dropped


def join_reasons(filters: Sequence[PairFilters]) -> list[str]:
    """Return the reasons for which the filters of several corpora may drop a pair, in order."""
    found = {reason for each in filters for reason in each.reasons}
    return [reason for reason in (*FILTERS.names(), NOT_UTF8) if reason in found]


def selecting_reasons() -> list[str]:
    """Return the reasons that are no fault of the text: the pairs are left out by choice."""
    return [reason for reason in FILTERS.names() if FILTERS.resolve(reason).selects]


def filter_settings(settings: DataSettings) -> dict[str, object]:
    """Return the settings of all filters, without those that are unset.

    The texts are not among them, because the manifest describes them.
    """
    keys = {key for kind in FILTERS.kinds.values() for key in kind.settings} - {"dev", "test"}
    return _set_values(settings, keys)


def selection_settings(settings: DataSettings) -> dict[str, object]:
    """Return the settings that select the pairs that a tokenizer learns from, if they are set."""
    return _set_values(settings, {"max_pairs", "target_prefixes"})


def _set_values(settings: DataSettings, keys: set[str]) -> dict[str, object]:
    values = settings.model_dump(mode="json", include=keys)
    return {key: value for key, value in values.items() if value}


def exceeds_max_pairs(settings: DataSettings, line: int) -> bool:
    """Return whether a pair of train is beyond the first `data.max_pairs` pairs.

    Args:
        settings: The data settings.
        line: The line of the pair, from 1.
    """
    return settings.max_pairs is not None and line > settings.max_pairs


def has_selected_prefix(settings: DataSettings, target: str) -> bool:
    """Return whether a target begins with one of `data.target_prefixes`, or none are set.

    Args:
        settings: The data settings.
        target: The target text.
    """
    prefixes = tuple(prefix.casefold() for prefix in settings.target_prefixes)
    return not prefixes or target.casefold().startswith(prefixes)


class PairFilter(ABC):
    """A filter of train pairs.

    It gets the pairs that no filter before it in the table has dropped, chunk by chunk and in the
    order of the corpus. After the filters of empty sides, each side has a token.
    """

    selects: ClassVar[bool] = False
    """Whether pairs are left out by choice, which `data.max_dropped` does not count."""

    compares_corpora: ClassVar[bool] = False
    """Whether pairs are compared with those of earlier corpora, so that one filter gets all."""

    def __init__(self, settings: DataSettings, held_out: Mapping[str, HeldOut]) -> None:
        """Keep the settings.

        Args:
            settings: The data settings.
            held_out: The pairs of dev and test, where these are corpora of their own.
        """
        self.settings = settings
        self.held_out = held_out

    @abstractmethod
    def drops(self, pairs: CandidatePairs) -> NDArray[np.bool_]:
        """Return whether each pair is to be dropped, `[n]`."""


class BeyondMaxPairs(PairFilter):
    """Drops the pairs after the first `data.max_pairs`."""

    selects = True

    def drops(self, pairs: CandidatePairs) -> NDArray[np.bool_]:
        """See `PairFilter.drops`."""
        return np.array([exceeds_max_pairs(self.settings, line) for line in pairs.lines], np.bool_)


class OtherBeginning(PairFilter):
    """Drops pairs whose target begins with none of `data.target_prefixes`."""

    selects = True

    def drops(self, pairs: CandidatePairs) -> NDArray[np.bool_]:
        """See `PairFilter.drops`."""
        return np.array(
            [not has_selected_prefix(self.settings, target) for target in pairs.targets], np.bool_
        )


class BothEmpty(PairFilter):
    """Drops pairs without a token."""

    def drops(self, pairs: CandidatePairs) -> NDArray[np.bool_]:
        """See `PairFilter.drops`."""
        return np.asarray((pairs.lengths == 0).all(axis=1), np.bool_)


class SourceEmpty(PairFilter):
    """Drops pairs whose source has no token."""

    def drops(self, pairs: CandidatePairs) -> NDArray[np.bool_]:
        """See `PairFilter.drops`."""
        return np.equal(pairs.lengths[:, 0], 0)


class TargetEmpty(PairFilter):
    """Drops pairs whose target has no token."""

    def drops(self, pairs: CandidatePairs) -> NDArray[np.bool_]:
        """See `PairFilter.drops`."""
        return np.equal(pairs.lengths[:, 1], 0)


class TooLong(PairFilter):
    """Drops pairs with a side of more than `data.max_length` tokens."""

    def drops(self, pairs: CandidatePairs) -> NDArray[np.bool_]:
        """See `PairFilter.drops`."""
        return np.asarray(pairs.lengths.max(axis=1) > self.settings.max_length, np.bool_)


class UnequalLengths(PairFilter):
    """Drops pairs with a side more than `data.max_length_ratio` times as long as the other."""

    def drops(self, pairs: CandidatePairs) -> NDArray[np.bool_]:
        """See `PairFilter.drops`."""
        longer, shorter = pairs.lengths.max(axis=1), pairs.lengths.min(axis=1)
        return np.asarray(longer > self.settings.max_length_ratio * shorter, np.bool_)


class AlsoInDev(PairFilter):
    """Drops pairs that occur in dev."""

    def drops(self, pairs: CandidatePairs) -> NDArray[np.bool_]:
        """See `PairFilter.drops`."""
        return self.held_out["dev"].pairs.contains(pairs.hashes)


class AlsoInTest(PairFilter):
    """Drops pairs that occur in test."""

    def drops(self, pairs: CandidatePairs) -> NDArray[np.bool_]:
        """See `PairFilter.drops`."""
        return self.held_out["test"].pairs.contains(pairs.hashes)


class Duplicate(PairFilter):
    """Drops pairs that are equal to an earlier pair of train."""

    def drops(self, pairs: CandidatePairs) -> NDArray[np.bool_]:
        """See `PairFilter.drops`."""
        return pairs.duplicate

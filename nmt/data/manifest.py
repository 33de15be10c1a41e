"""What binarized corpora were made from and what became of every pair: `manifest.json`."""

import hashlib
from pathlib import Path
from typing import Any

from nmt.data.corpus_mismatch import TextFinding
from nmt.data.inputs import Inputs
from nmt.data.length_ratio import LengthRatio
from nmt.data.record import Record, load_record
from nmt.errors import DataError
from nmt.tokenizers.round_trip import Change, RoundTrip

MANIFEST = "manifest.json"
_VERSION = 1


class SideReport(Record):
    """One side of the pairs kept; lengths in tokens without BOS and EOS."""

    tokens: int
    unknown: int
    mean_length: float
    max_length: int

    @property
    def unknown_rate(self) -> float:
        """Share of the tokens that are unknown."""
        return self.unknown / max(1, self.tokens)


class RoundTripReport(Record):
    """Which lines of the target come back changed from their subwords, in a sample of a corpus.

    Attributes:
        lines: The lines compared.
        changed: The lines that come back changed: a model cannot write them.
        without_invisible: The lines that lack nothing but characters without meaning.
        first_changed: The number of the first changed line.
        changes: The commonest changes.
    """

    lines: int
    changed: int
    without_invisible: int
    first_changed: int | None
    changes: tuple[Change, ...]

    @classmethod
    def of(cls, counted: RoundTrip) -> "RoundTripReport":
        """Return the counts as a record."""
        return cls(
            lines=counted.lines,
            changed=counted.changed,
            without_invisible=counted.without_invisible,
            first_changed=counted.first_changed,
            changes=counted.commonest,
        )


class CorpusReport(Record):
    """What became of the pairs of a corpus.

    dropped: pairs by reason; first_dropped: the lines of the first of them. The rest are counts of
    pairs: blank (kept with a side that has no token), identical (both sides the same text),
    duplicates (seen before in this corpus), control_characters (with such a character, or with
    U+0085, U+2028 or U+2029, which other programs take for line ends). round_trip: of the target;
    None in what an earlier release made.
    """

    pairs_read: int
    pairs_kept: int
    dropped: dict[str, int]
    first_dropped: dict[str, tuple[int, ...]]
    blank: int
    identical: int
    duplicates: int
    control_characters: int
    source: SideReport
    target: SideReport
    fingerprint: str
    round_trip: RoundTripReport | None = None


class OverlapReport(Record):
    """Train pairs that occur in dev or test: as whole pairs, and counting only their source."""

    pairs: int
    sources: int


class Manifest(Record):
    """All about the binarized corpora of a run.

    length_ratio: over the pairs of train; findings: what is wrong with the texts, None where an
    older version of nmt did not look.
    """

    version: int = _VERSION
    inputs: Inputs
    settings: dict[str, Any]
    tokenizer: str
    train: CorpusReport
    dev: CorpusReport
    overlap: dict[str, OverlapReport]
    length_ratio: LengthRatio
    findings: tuple[TextFinding, ...] | None = None

    @classmethod
    def load(cls, folder: Path) -> "Manifest":
        """Read the manifest of a data folder. Raises DataError when it is missing or damaged."""
        manifest = load_record(cls, folder / MANIFEST, "nmt binarize")
        if manifest.version != _VERSION:
            raise DataError(
                f"{folder / MANIFEST}: format version {manifest.version}, but this nmt reads "
                f"{_VERSION}; re-run nmt binarize."
            )
        return manifest

    @property
    def fingerprint(self) -> str:
        """A SHA-256, in hexadecimal, of the corpora and the tokenizer they were made with."""
        parts = f"{self.tokenizer} {self.train.fingerprint} {self.dev.fingerprint}"
        return hashlib.sha256(parts.encode("ascii", "replace")).hexdigest()

    def save(self, folder: Path) -> None:
        """Write the manifest into a data folder."""
        self.save_as(folder / MANIFEST)

"""The manifest of binarized corpora (`manifest.json`): their provenance and statistics."""

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
    """The statistics of one side of the kept pairs.

    Attributes:
        tokens: The number of tokens, without BOS and EOS.
        unknown: The number of unknown tokens.
        mean_length: The mean length in tokens.
        max_length: The greatest length in tokens.
    """

    tokens: int
    unknown: int
    mean_length: float
    max_length: int

    @property
    def unknown_rate(self) -> float:
        """The share of the tokens that are unknown."""
        return self.unknown / max(1, self.tokens)


class RoundTripReport(Record):
    """The target lines that encoding and decoding changes, in a sample of a corpus.

    Attributes:
        lines: The lines compared.
        changed: The changed lines, which a model cannot write.
        without_invisible: The lines that lose only characters without meaning.
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
    """The statistics of the pairs of a corpus.

    Attributes:
        pairs_read: The pairs that were read.
        pairs_kept: The pairs that were kept.
        dropped: The number of dropped pairs, by reason.
        first_dropped: The lines of the first dropped pairs, by reason.
        blank: The kept pairs with a side without tokens.
        identical: The pairs with the same text on both sides.
        duplicates: The pairs that occur earlier in the corpus.
        control_characters: The pairs with a control character, or with U+0085, U+2028 or U+2029,
            which other programs treat as line ends.
        source: The statistics of the source.
        target: The statistics of the target.
        fingerprint: The fingerprint of the corpus.
        round_trip: The comparison of target lines, None in the manifest of an earlier release.
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
    """The pairs of train that occur in dev or test.

    Attributes:
        pairs: The pairs that occur there as a whole.
        sources: The pairs whose source occurs there.
    """

    pairs: int
    sources: int


class Manifest(Record):
    """The provenance and statistics of the binarized corpora of a run.

    Attributes:
        version: The version of the format.
        inputs: The text files.
        settings: The settings that the result depends on.
        tokenizer: The fingerprint of the tokenizer.
        train: The statistics of train.
        dev: The statistics of dev.
        overlap: The pairs of train that occur in dev or test, by corpus.
        length_ratio: The length ratio over the pairs of train.
        findings: The findings about the texts, None in the manifest of an earlier release.
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
        """Return the manifest of a data folder.

        Raises:
            DataError: The manifest is missing or damaged.
        """
        manifest = load_record(cls, folder / MANIFEST, "nmt binarize")
        if manifest.version != _VERSION:
            raise DataError(
                f"{folder / MANIFEST}: format version {manifest.version}, but this nmt reads "
                f"{_VERSION}; re-run nmt binarize."
            )
        return manifest

    @property
    def fingerprint(self) -> str:
        """A SHA-256, in hexadecimal, of the corpora and their tokenizer."""
        parts = f"{self.tokenizer} {self.train.fingerprint} {self.dev.fingerprint}"
        return hashlib.sha256(parts.encode("ascii", "replace")).hexdigest()

    def save(self, folder: Path) -> None:
        """Write the manifest into a data folder."""
        self.save_as(folder / MANIFEST)

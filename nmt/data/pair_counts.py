"""The statistics of what became of each pair of a corpus, and their description."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nmt.config.settings.data import Sides
from nmt.data.encode import Chunk, EncodedChunk
from nmt.data.manifest import (
    CorpusReport,
    DroppedPair,
    LengthRatio,
    OverlapReport,
    PartReport,
    RoundTripReport,
    SideReport,
    name_line,
)
from nmt.data.pair_filters import selecting_reasons
from nmt.text.characters import cut_text, escape_controls
from nmt.tokenizers.round_trip import RoundTrip, describe_changes

_LINES_NAMED = 20
_EXAMPLES = 3
_EXAMPLE_CHARACTERS = 300


@dataclass
class PairCounts:
    """The counts of one corpus.

    Attributes:
        lines: The number of lines of the corpus.
        reasons: The reasons for which pairs may be dropped, in order.
        pairs_read: The pairs that were read.
        pairs_kept: The pairs that were kept.
        blank: See `CorpusReport`.
        identical: See `CorpusReport`.
        duplicates: See `CorpusReport`.
        control_characters: See `CorpusReport`.
        tokens: The number of source and target tokens of the kept pairs, `[2]`.
        unknown: The number of unknown source and target tokens, `[2]`.
        longest: The greatest source and target length, `[2]`.
    """

    lines: int
    reasons: Iterable[str] = ()
    pairs_read: int = 0
    pairs_kept: int = 0
    blank: int = 0
    identical: int = 0
    duplicates: int = 0
    control_characters: int = 0
    tokens: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2, np.int64))
    unknown: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2, np.int64))
    longest: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2, np.int64))
    _ratio_sum: float = 0.0
    _ratio_square_sum: float = 0.0
    _ratios: int = 0

    def __post_init__(self) -> None:
        self.dropped = dict.fromkeys(self.reasons, 0)
        self._first_dropped: dict[str, list[int]] = {reason: [] for reason in self.dropped}
        self._examples: dict[str, list[DroppedPair]] = {}
        self.round_trip = RoundTrip(self.lines)
        self._parts: list[PartReport] = []
        self._corpus: PartReport | None = None
        self._before = (0, 0)

    def start_corpus(
        self, name: str, languages: Sides, tags: Sequence[str], first_line: int = 1
    ) -> None:
        """Count the pairs from here on for another corpus too.

        Args:
            name: The name of the corpus.
            languages: The names of its source and target language.
            tags: The names of the tags of its sources.
            first_line: The number of its first line, counted over all corpora.
        """
        self._end_corpus()
        self._corpus = PartReport(
            name=name,
            languages=languages,
            tags=tuple(tags),
            pairs_read=0,
            pairs_kept=0,
            first_line=first_line,
        )
        self._before = (self.pairs_read, self.pairs_kept)

    def _end_corpus(self) -> None:
        if self._corpus is not None:
            read, kept = self._before
            counts = {"pairs_read": self.pairs_read - read, "pairs_kept": self.pairs_kept - kept}
            self._parts.append(self._corpus.model_copy(update=counts))
        self._corpus = None

    def drop(self, reason: str, lines: Sequence[int]) -> None:
        """Count pairs as read and dropped.

        Args:
            reason: The reason.
            lines: The lines of the pairs.
        """
        self.dropped[reason] = self.dropped.get(reason, 0) + len(lines)
        first_lines = self._first_dropped.setdefault(reason, [])
        first_lines += lines[: _LINES_NAMED - len(first_lines)]
        self.pairs_read += len(lines)

    def keep_examples(self, reason: str, dropped: Chunk) -> None:
        """Keep the first dropped pairs with text on both sides.

        Args:
            reason: The reason.
            dropped: The pairs that are dropped for it.
        """
        examples = self._examples.setdefault(reason, [])
        for line, *texts in zip(dropped.lines, dropped.sources, dropped.targets, strict=True):
            if len(examples) == _EXAMPLES:
                return
            source, target = (cut_text(text.strip(), _EXAMPLE_CHARACTERS) for text in texts)
            if source and target:
                examples.append(DroppedPair(line=line, source=source, target=target))

    def count_properties(self, encoded: EncodedChunk, duplicate: NDArray[np.bool_]) -> None:
        """Count the properties that are only reported, of pairs that may be kept or dropped.

        Args:
            encoded: The pairs.
            duplicate: Whether a pair occurs earlier in the corpus, `[n]`.
        """
        self.identical += int((encoded.identical & encoded.has_both_sides).sum())
        self.duplicates += int((duplicate & encoded.has_both_sides).sum())
        self.control_characters += int(encoded.has_controls.sum())

    def keep(self, encoded: EncodedChunk) -> None:
        """Count pairs as read and kept."""
        lengths, complete = encoded.lengths, encoded.has_both_sides
        self.pairs_read += len(lengths)
        self.pairs_kept += len(lengths)
        self.blank += int((~complete).sum())
        self.tokens += lengths.sum(axis=0)
        self.unknown += encoded.unknown.sum(axis=0)
        self.longest = np.maximum(self.longest, lengths.max(axis=0, initial=0))
        ratios = lengths[complete, 1] / lengths[complete, 0]
        self._ratio_sum += float(ratios.sum())
        self._ratio_square_sum += float(np.square(ratios).sum())
        self._ratios += len(ratios)

    def length_ratio(self) -> LengthRatio:
        """Return the length ratio over the kept pairs."""
        if self._ratios == 0:
            return LengthRatio(1.0, 0.0)
        mean = self._ratio_sum / self._ratios
        variance = self._ratio_square_sum / self._ratios - mean * mean
        return LengthRatio(mean, max(0.0, variance) ** 0.5)

    def report(self, fingerprint: str) -> CorpusReport:
        """Return the counts for the manifest, with the fingerprint of the corpus."""
        self._end_corpus()
        return CorpusReport(
            pairs_read=self.pairs_read,
            pairs_kept=self.pairs_kept,
            dropped=self.dropped,
            first_dropped={name: tuple(lines) for name, lines in self._first_dropped.items()},
            examples={name: tuple(pairs) for name, pairs in self._examples.items() if pairs},
            blank=self.blank,
            identical=self.identical,
            duplicates=self.duplicates,
            control_characters=self.control_characters,
            source=self._side(0),
            target=self._side(1),
            fingerprint=fingerprint,
            round_trip=RoundTripReport.from_round_trip(self.round_trip),
            parts=tuple(self._parts),
        )

    def _side(self, side: int) -> SideReport:
        return SideReport(
            tokens=int(self.tokens[side]),
            unknown=int(self.unknown[side]),
            mean_length=float(self.tokens[side]) / max(1, self.pairs_kept),
            max_length=int(self.longest[side]),
        )


_LINES_SHOWN = 5
_CHARACTERS_SHOWN = 40


def drop_table(name: str, report: CorpusReport) -> str:
    """Return a table of the kept pairs and of the dropped pairs by reason, with an example each.

    Several corpora have a row each.

    Args:
        name: The name of the corpus.
        report: The report of the corpus.
    """
    lines = [f"{name}: {_kept_and_dropped(report)}"]
    width = max([18, *(len(reason) + 2 for reason in report.dropped)])
    for reason, count in report.dropped.items():
        if count:
            first = report.first_dropped[reason][:_LINES_SHOWN]
            where = ", ".join(name_line(report.parts, line) for line in first)
            where += ", ..." if count > len(first) else ""
            lines.append(
                f"  {reason:<{width}}{count:>10,}{_share(count, report.pairs_read)}  line {where}"
            )
            if reason not in selecting_reasons():
                lines += [
                    _example_line(pair, name_line(report.parts, pair.line))
                    for pair in report.examples.get(reason, ())[:1]
                ]
    if len(report.parts) > 1:
        width = max(len(part.title) for part in report.parts)
        lines += [
            f"  {part.title:<{width}}  {_kept_and_dropped(part)}"
            for part in report.parts
            if part.pairs_read
        ]
    return "\n".join(lines)


def _kept_and_dropped(report: CorpusReport | PartReport) -> str:
    """Return how many pairs of a corpus were read, kept and dropped."""
    dropped = report.pairs_read - report.pairs_kept
    return (
        f"{report.pairs_read:,} pairs read, {report.pairs_kept:,} kept, "
        f"{dropped:,} dropped{_share(dropped, report.pairs_read)}"
    )


def _example_line(pair: DroppedPair, line: str) -> str:
    source, target = (
        escape_controls(cut_text(text, _CHARACTERS_SHOWN)) for text in (pair.source, pair.target)
    )
    return f"    such as line {line}: {source} | {target}"


def corpus_remarks(name: str, report: CorpusReport) -> list[str]:
    """Return remarks on suspicious pairs that are kept, or dropped for another reason.

    Args:
        name: The name of the corpus.
        report: The report of the corpus.
    """
    remarks = []
    if report.blank:
        remarks.append(f"{name}: {report.blank:,} pairs with a blank side are kept")
    if report.duplicates and "duplicate" not in report.dropped:
        remarks.append(f"{name}: {report.duplicates:,} pairs occur more than once")
    if report.identical:
        counted = ", with those that are dropped" if "identical sides" in report.dropped else ""
        remarks.append(
            f"{name}: {report.identical:,} pairs have the same text on both sides{counted}"
        )
    if report.control_characters:
        remarks.append(
            f"{name}: {report.control_characters:,} pairs have control characters or line ends "
            "other than \\n (such as U+2028)"
        )
    return remarks + _round_trip_remarks(name, report.round_trip)


def _round_trip_remarks(name: str, report: RoundTripReport | None) -> list[str]:
    remarks = []
    if report is not None and report.changed:
        remarks.append(f"{name}: {describe_round_trip(report)}")
    if report is not None and report.without_invisible:
        remarks.append(
            f"{name}: {report.without_invisible:,} of {report.lines:,} target lines have control "
            "or invisible characters, which are removed"
        )
    return remarks


def describe_round_trip(report: RoundTripReport) -> str:
    """Return a description of the target lines that a model cannot write."""
    return (
        f"{report.changed:,} of {report.lines:,} target lines compared change in tokenization "
        f"(first: line {report.first_changed}): {describe_changes(report.changes)}"
    )


def overlap_remarks(overlap: dict[str, OverlapReport], dropped: bool) -> list[str]:
    """Return remarks on pairs of train that also occur in dev or test.

    Args:
        overlap: The overlaps, by the name of the other corpus.
        dropped: Whether such pairs are dropped.
    """
    fate = "dropped" if dropped else "kept (data.exclude_overlap: true drops them)"
    return [
        f"train: {report.pairs:,} pairs are also in {name} and are {fate}; "
        f"{report.sources:,} have a source that occurs in {name}"
        for name, report in overlap.items()
        if report.sources or report.pairs
    ]


def _share(count: int, total: int) -> str:
    return f" ({100 * count / max(1, total):.2f}%)"

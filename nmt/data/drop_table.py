"""The table of kept and dropped pairs of a corpus, for people."""

from nmt.data.manifest import CorpusReport, OverlapReport, RoundTripReport
from nmt.tokenizers.round_trip import describe_changes

_LINES_SHOWN = 5


def drop_table(name: str, report: CorpusReport) -> str:
    """Return a table of the kept pairs and of the dropped pairs by reason.

    Args:
        name: The name of the corpus.
        report: The report of the corpus.
    """
    dropped = report.pairs_read - report.pairs_kept
    lines = [
        f"{name}: {report.pairs_read:,} pairs read, {report.pairs_kept:,} kept, "
        f"{dropped:,} dropped{_share(dropped, report.pairs_read)}"
    ]
    for reason, count in report.dropped.items():
        if count:
            first = report.first_dropped[reason][:_LINES_SHOWN]
            where = ", ".join(map(str, first)) + (", ..." if count > len(first) else "")
            lines.append(
                f"  {reason:<18}{count:>10,}{_share(count, report.pairs_read)}  line {where}"
            )
    return "\n".join(lines)


def remarks(name: str, report: CorpusReport) -> list[str]:
    """Return remarks on suspicious pairs that are kept, or dropped for another reason.

    Args:
        name: The name of the corpus.
        report: The report of the corpus.
    """
    told = []
    if report.blank:
        told.append(f"{name}: {report.blank:,} pairs with a blank side are kept")
    if report.duplicates and "duplicate" not in report.dropped:
        told.append(f"{name}: {report.duplicates:,} pairs occur more than once")
    if report.identical:
        told.append(f"{name}: {report.identical:,} pairs have the same text on both sides")
    if report.control_characters:
        told.append(
            f"{name}: {report.control_characters:,} pairs have control characters or line ends "
            "other than \\n (such as U+2028) in them"
        )
    return told + _round_trip_remarks(name, report.round_trip)


def _round_trip_remarks(name: str, found: RoundTripReport | None) -> list[str]:
    told = []
    if found is not None and found.changed:
        told.append(f"{name}: {describe_round_trip(found)}")
    if found is not None and found.without_invisible:
        told.append(
            f"{name}: {found.without_invisible:,} of {found.lines:,} target lines have control or "
            "invisible characters, which are left out"
        )
    return told


def describe_round_trip(found: RoundTripReport) -> str:
    """Return a description of the target lines that a model cannot write."""
    return (
        f"{found.changed:,} of {found.lines:,} target lines compared cannot be written as they are "
        f"(the first is line {found.first_changed}): {describe_changes(found.changes)}"
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

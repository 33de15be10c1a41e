"""What became of the pairs of a corpus, as a table for people."""

from nmt.data.manifest import CorpusReport, OverlapReport, RoundTripReport
from nmt.tokenizers.round_trip import describe_changes

_LINES_SHOWN = 5


def drop_table(name: str, report: CorpusReport) -> str:
    """How many pairs were kept, and how many dropped for which reason."""
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
    """What is only told: pairs that were kept, or dropped for another reason, and look odd."""
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
    """Return how many target lines a model cannot write, and why."""
    return (
        f"{found.changed:,} of {found.lines:,} target lines compared cannot be written as they are "
        f"(the first is line {found.first_changed}): {describe_changes(found.changes)}"
    )


def overlap_remarks(overlap: dict[str, OverlapReport], dropped: bool) -> list[str]:
    """How much of train occurs in the corpora that are to judge it."""
    fate = "dropped" if dropped else "kept (data.exclude_overlap: true drops them)"
    return [
        f"train: {report.pairs:,} pairs are also in {name} and are {fate}; "
        f"{report.sources:,} have a source that occurs in {name}"
        for name, report in overlap.items()
        if report.sources or report.pairs
    ]


def _share(count: int, total: int) -> str:
    return f" ({100 * count / max(1, total):.2f}%)"

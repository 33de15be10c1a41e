"""The filters of pairs that are recommended for faults of a corpus."""

from dataclasses import dataclass
from typing import Any

from nmt.config.recommend import constants
from nmt.config.recommend.corpus_summary import CorpusSummary


@dataclass(frozen=True)
class FaultFilter:
    """A filter of pairs that may be chosen.

    Attributes:
        fault: The fault of the pairs that it drops, after the words `of the pairs`.
        value: The value that turns it on.
        least: The least share of such pairs, where it is above that of other filters.
    """

    fault: str
    value: Any = True
    least: float = 0.0


FILTERS_OF_FAULTS = {
    "drop_identical": FaultFilter("have the same letters on both sides"),
    "drop_tool_marks": FaultFilter("have marks of other tools"),
    "min_script_share": FaultFilter("have a side in another script", 0.5),
    "drop_different_ends": FaultFilter("have only one side that ends like a sentence"),
    "drop_different_numbers": FaultFilter("have other numbers on each side"),
    "drop_different_addresses": FaultFilter("have other addresses on each side"),
    "drop_near_duplicates": FaultFilter(
        "repeat the letters of an earlier pair", least=constants.REPEATED_SHARE
    ),
}
"""The filters of pairs by their key of `data`."""


def filters_needed(corpus: CorpusSummary) -> list[str]:
    """Return the keys of the filters for faults that some pairs have, but not most."""
    least, most = constants.FAULTY_SHARE
    return [
        key
        for key, share in corpus.faults.items()
        if max(least, FILTERS_OF_FAULTS[key].least) <= share <= most
    ]

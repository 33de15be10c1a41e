"""Alignment error rate against links of human annotators.

The definitions are those of Och and Ney 2003, "A Systematic Comparison of Various Statistical
Alignment Models", section 2.3. There are links A, sure links S and possible links P, which include
the sure ones. Precision is |A ∩ P| / |A|, recall is |A ∩ S| / |S|, and

    AER = 1 - (|A ∩ S| + |A ∩ P|) / (|A| + |S|).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from nmt.alignment.links import Link, parse_sure_and_possible


@dataclass(frozen=True)
class GoldLinks:
    """The links of one pair according to human annotators (Och and Ney 2003, section 2.3).

    Attributes:
        sure: The links that must be found.
        possible: The links that may be found, including the sure ones.
    """

    sure: frozenset[Link]
    possible: frozenset[Link]


def parse_gold(line: str, name: str, number: int, first: int = 0) -> GoldLinks:
    """Return the gold links of a line, see `parse_sure_and_possible`.

    Args:
        line: The line.
        name: The name of the file in errors.
        number: The number of the line in errors.
        first: The number of the first word of a sentence, 0 or 1.

    Raises:
        DataError: The line has anything but links.
    """
    return GoldLinks(*parse_sure_and_possible(line, name, number, first))


@dataclass
class AlignmentErrorRate:
    """Alignment error rate, from counts over sentence pairs.

    Attributes:
        pairs: The number of pairs.
        links: The number of links, |A|.
        sure: The number of sure links, |S|.
        possible: The number of possible links, |P|.
        sure_found: The number of links that are sure, |A ∩ S|.
        possible_found: The number of links that are possible, |A ∩ P|.
    """

    pairs: int = 0
    links: int = 0
    sure: int = 0
    possible: int = 0
    sure_found: int = 0
    possible_found: int = 0

    def add(self, links: Iterable[Link], gold: GoldLinks) -> None:
        """Count one more pair.

        Args:
            links: The links of the alignment.
            gold: The manual links.
        """
        link_set = set(links)
        self.pairs += 1
        self.links += len(link_set)
        self.sure += len(gold.sure)
        self.possible += len(gold.possible)
        self.sure_found += len(link_set & gold.sure)
        self.possible_found += len(link_set & gold.possible)

    @property
    def precision(self) -> float:
        """The share of the links that are possible; 1 where there are no links."""
        return self.possible_found / self.links if self.links else 1.0

    @property
    def recall(self) -> float:
        """The share of the sure links that were found; 1 where there are none."""
        return self.sure_found / self.sure if self.sure else 1.0

    @property
    def rate(self) -> float:
        """The alignment error rate, 0 for no error; 0 where neither side has a link."""
        both = self.links + self.sure
        return 1.0 - (self.sure_found + self.possible_found) / both if both else 0.0

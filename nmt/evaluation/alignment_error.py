"""Agreement of an alignment with manual links: precision, recall, alignment error rate.

The definitions are those of Och and Ney 2003, "A Systematic Comparison of Various Statistical
Alignment Models", section 2.3. There are links A, sure links S and possible links P, which include
the sure ones. Precision is |A ∩ P| / |A|, recall is |A ∩ S| / |S|, and

    AER = 1 - (|A ∩ S| + |A ∩ P|) / (|A| + |S|).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from nmt.data.alignment.pharaoh import GoldLinks, Link


@dataclass
class AlignmentError:
    """Counts over sentence pairs.

    Attributes:
        pairs: The number of pairs.
        links: The number of links, |A|.
        sure: The number of sure links, |S|.
        possible: The number of possible links, |P|.
        of_sure: The number of links that are sure, |A ∩ S|.
        of_possible: The number of links that are possible, |A ∩ P|.
    """

    pairs: int = 0
    links: int = 0
    sure: int = 0
    possible: int = 0
    of_sure: int = 0
    of_possible: int = 0

    def add(self, links: Iterable[Link], gold: GoldLinks) -> None:
        """Count one more pair.

        Args:
            links: The links of the alignment.
            gold: The manual links.
        """
        found = set(links)
        self.pairs += 1
        self.links += len(found)
        self.sure += len(gold.sure)
        self.possible += len(gold.possible)
        self.of_sure += len(found & gold.sure)
        self.of_possible += len(found & gold.possible)

    @property
    def precision(self) -> float:
        """The share of the links that are possible; 1 where there are no links."""
        return self.of_possible / self.links if self.links else 1.0

    @property
    def recall(self) -> float:
        """The share of the sure links that were found; 1 where there are none."""
        return self.of_sure / self.sure if self.sure else 1.0

    @property
    def rate(self) -> float:
        """The alignment error rate, 0 for no error; 0 where neither side has a link."""
        both = self.links + self.sure
        return 1.0 - (self.of_sure + self.of_possible) / both if both else 0.0

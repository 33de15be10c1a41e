"""How well an alignment agrees with people's: precision, recall, alignment error rate.

Och and Ney 2003, "A Systematic Comparison of Various Statistical Alignment Models", section 2.3,
of links A, sure links S and possible links P, the sure ones among them: precision |A ∩ P| / |A|,
recall |A ∩ S| / |S|, and

    AER = 1 - (|A ∩ S| + |A ∩ P|) / (|A| + |S|).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from nmt.data.alignment.pharaoh import GoldLinks, Link


@dataclass
class AlignmentError:
    """Sums over pairs.

    pairs: how many; links: |A|; sure: |S|; possible: |P|; of_sure, of_possible: how many of the
    links are among them.
    """

    pairs: int = 0
    links: int = 0
    sure: int = 0
    possible: int = 0
    of_sure: int = 0
    of_possible: int = 0

    def add(self, links: Iterable[Link], gold: GoldLinks) -> None:
        """Count one more pair."""
        found = set(links)
        self.pairs += 1
        self.links += len(found)
        self.sure += len(gold.sure)
        self.possible += len(gold.possible)
        self.of_sure += len(found & gold.sure)
        self.of_possible += len(found & gold.possible)

    @property
    def precision(self) -> float:
        """Share of the links that are possible; 1 where there is none."""
        return self.of_possible / self.links if self.links else 1.0

    @property
    def recall(self) -> float:
        """Share of the sure links that were found; 1 where there is none."""
        return self.of_sure / self.sure if self.sure else 1.0

    @property
    def rate(self) -> float:
        """The alignment error rate, 0 for no error; 0 where neither side has a link."""
        both = self.links + self.sure
        return 1.0 - (self.of_sure + self.of_possible) / both if both else 0.0

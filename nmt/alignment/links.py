"""Links between the words of a sentence pair, and their Pharaoh format, such as `0-0 2-1`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmt.errors import DataError

Link = tuple[int, int]
"""The positions, from 0, of a source word and a target word that are linked."""

_LINK = re.compile(r"([0-9]{1,9})([-?p])([0-9]{1,9})")


def format_links(links: Iterable[Link]) -> str:
    """Return links as a line, in their order."""
    return " ".join(f"{source}-{target}" for source, target in links)


def sort_links(links: Iterable[Link]) -> list[Link]:
    """Return links sorted by target word, then by source word."""
    return sorted(links, key=lambda link: (link[1], link[0]))


def swap_sides(links: Iterable[Link]) -> list[Link]:
    """Return links with source and target swapped."""
    return sort_links((target, source) for source, target in links)


def parse_links(line: str, name: str, number: int) -> list[Link]:
    """Return the links of a line such as `0-0 2-1`, each once.

    Args:
        line: The line.
        name: The name of the file in errors.
        number: The number of the line in errors.

    Raises:
        DataError: The line has anything but sure links.
    """
    sure, possible = parse_sure_and_possible(line, name, number)
    if possible != sure:
        raise DataError(
            f"{name}: line {number}: has possible links (`i?j` or `ipj`), which only --gold "
            "accepts. Write links as source-target, such as 0-0 2-1."
        )
    return sort_links(sure)


def parse_sure_and_possible(
    line: str, name: str, number: int, first: int = 0
) -> tuple[frozenset[Link], frozenset[Link]]:
    """Return the links of a line, with `i-j` for sure and `i?j` or `ipj` for possible links.

    Args:
        line: The line.
        name: The name of the file in errors.
        number: The number of the line in errors.
        first: The number of the first word of a sentence, 0 or 1.

    Returns:
        The sure links; and the possible links, which include the sure ones.

    Raises:
        DataError: The line has anything but links.
    """
    sure, possible = set(), set()
    for text in line.split():
        match = _LINK.fullmatch(text)
        if match is None:
            raise DataError(
                f"{name}: line {number}: {text[:40]!r} is not a link. Write links as "
                "source-target, such as 0-0 2-1."
            )
        link = int(match[1]) - first, int(match[3]) - first
        if min(link) < 0:
            raise DataError(
                f"{name}: line {number}: {text!r} has index 0, but --one-indexed counts words "
                "from 1. Remove --one-indexed."
            )
        possible.add(link)
        if match[2] == "-":
            sure.add(link)
    return frozenset(sure), frozenset(possible)


def check_within(
    links: Iterable[Link], sizes: tuple[int, int], name: str, number: int, advice: str = ""
) -> None:
    """Check that a pair has the words that its links name.

    Args:
        links: The links.
        sizes: The number of source words and of target words.
        name: The name of the file in errors.
        number: The number of the line in errors.
        advice: Advice for the error, in place of the usual.

    Raises:
        DataError: A link names a word beyond the end of its sentence.
    """
    for source, target in links:
        for position, size, side in ((source, sizes[0], "source"), (target, sizes[1], "target")):
            if position >= size:
                raise DataError(
                    f"{name}: line {number}: a link to {side} word {position} (counted from 0), "
                    f"but the {side} has {size} words. "
                    f"{advice or 'Check that the links belong to these texts.'}"
                )


LinkWeights = NDArray[np.floating]
"""The share of each target word from each source word, `[target words, source words]`."""


@dataclass(frozen=True)
class WordAlignment:
    """The words of a sentence pair and their links.

    Attributes:
        source: The source words.
        target: The target words.
        weights: The link weights, `[target words, source words]`. Each row sums to at most one.
        best: The source word of each target word, `[target words]`, -1 for none.
    """

    source: list[str]
    target: list[str]
    weights: LinkWeights
    best: NDArray[np.integer]

    @classmethod
    def without_links(cls, source: list[str], target: list[str]) -> "WordAlignment":
        """Return a pair without links.

        Args:
            source: The source words.
            target: The target words.
        """
        weights = np.zeros((len(target), len(source)))
        return cls(source, target, weights, np.full(len(target), -1))

    def links(self, threshold: float | None = None) -> list[Link]:
        """Return the best link of each target word, or all links with at least the given weight."""
        if threshold is None:
            return [(int(i), j) for j, i in enumerate(self.best) if i >= 0]
        return [(int(i), int(j)) for j, i in np.argwhere(self.weights >= threshold)]

"""Word alignments as text, in the form of Pharaoh: `0-0 2-1`, source first, counted from 0."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from nmt.errors import DataError

Link = tuple[int, int]
"""A source word and a target word that belong together, by their places, from 0."""

_LINK = re.compile(r"([0-9]{1,9})([-?p])([0-9]{1,9})")


@dataclass(frozen=True)
class GoldLinks:
    """What people say of one pair (Och and Ney 2003, section 2.3).

    sure: links that must be there; possible: those that may be, the sure ones among them.
    """

    sure: frozenset[Link]
    possible: frozenset[Link]


def written(links: Iterable[Link]) -> str:
    """Links as a line, in their order."""
    return " ".join(f"{source}-{target}" for source, target in links)


def in_order(links: Iterable[Link]) -> list[Link]:
    """Links from one target word to the next, those of a target word by source word."""
    return sorted(links, key=lambda link: (link[1], link[0]))


def turned(links: Iterable[Link]) -> list[Link]:
    """The same with source and target changed about."""
    return in_order((target, source) for source, target in links)


def parse_links(line: str, name: str, number: int) -> list[Link]:
    """The links of a line such as `0-0 2-1`, each once.

    name, number: of file and line, for messages. Raises DataError for anything else.
    """
    gold = parse_gold(line, name, number)
    if gold.possible != gold.sure:
        raise DataError(
            f"{name}: line {number}: has links that are only possible (`i?j` or `ipj`), which "
            "--gold alone can have. Write links as source-target, such as 0-0 2-1."
        )
    return in_order(gold.sure)


def parse_gold(line: str, name: str, number: int, first: int = 0) -> GoldLinks:
    """The links of a line, `i-j` for sure ones and `i?j` or `ipj` for possible ones.

    first: what the first word of a sentence is called, 0 or 1. Raises DataError for anything else.
    """
    sure, possible = set(), set()
    for text in line.split():
        match = _LINK.fullmatch(text)
        if match is None:
            raise DataError(
                f"{name}: line {number}: {text[:40]!r} is no link. Links are written as "
                "source-target, such as 0-0 2-1."
            )
        link = int(match[1]) - first, int(match[3]) - first
        if min(link) < 0:
            raise DataError(
                f"{name}: line {number}: {text!r} has a 0, but --one-indexed says that words are "
                "counted from 1. Leave it out."
            )
        possible.add(link)
        if match[2] == "-":
            sure.add(link)
    return GoldLinks(frozenset(sure), frozenset(possible))


def check_within(
    links: Iterable[Link], sizes: tuple[int, int], name: str, number: int, advice: str = ""
) -> None:
    """Raises DataError where a link is of a word that a pair does not have.

    sizes: words of source and target; advice: how to mend it, beside the usual.
    """
    for source, target in links:
        for place, size, side in ((source, sizes[0], "source"), (target, sizes[1], "target")):
            if place >= size:
                raise DataError(
                    f"{name}: line {number}: a link to {side} word {place} (counted from 0), but "
                    f"the {side} has {size} words. {advice or 'Are these of the same texts?'}"
                )

"""One alignment of two directions, in each of which a word has at most one link.

Each directional alignment links every word of one side at most once. Koehn et al. 2005, "Edinburgh
System Description for the 2005 IWSLT Speech Translation Evaluation"; Och and Ney 2003, section 3.
"""

from collections.abc import Callable, Iterable

from nmt.alignment.links import Link, sort_links

_NEIGHBOURS = ((-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1))


def symmetrize(method: str, forward: Iterable[Link], backward: Iterable[Link]) -> list[Link]:
    """Return the symmetrised links of two alignments.

    Args:
        method: A key of `METHODS`.
        forward: The links of one direction, source first.
        backward: The links of the other direction, source first.
    """
    return sort_links(METHODS[method](set(forward), set(backward)))


def _intersection(forward: set[Link], backward: set[Link]) -> set[Link]:
    return forward & backward


def _union(forward: set[Link], backward: set[Link]) -> set[Link]:
    return forward | backward


def _grow_diag(forward: set[Link], backward: set[Link]) -> set[Link]:
    return _GrowingAlignment(forward, backward).links


def _grow_diag_final(forward: set[Link], backward: set[Link]) -> set[Link]:
    growth = _GrowingAlignment(forward, backward)
    for alignment in (forward, backward):
        growth.add_where(alignment, lambda link: growth.is_new(link))
    return growth.links


def _grow_diag_final_and(forward: set[Link], backward: set[Link]) -> set[Link]:
    growth = _GrowingAlignment(forward, backward)
    for alignment in (forward, backward):
        growth.add_where(alignment, lambda link: growth.is_new_on_both_sides(link))
    return growth.links


METHODS: dict[str, Callable[[set[Link], set[Link]], set[Link]]] = {
    "intersection": _intersection,
    "union": _union,
    "grow-diag": _grow_diag,
    "grow-diag-final": _grow_diag_final,
    "grow-diag-final-and": _grow_diag_final_and,
}


class _GrowingAlignment:
    """The intersection of two alignments, grown by neighbouring links of their union.

    Neighbours include diagonal ones. A link is added only if it brings in a word without a link.
    """

    def __init__(self, forward: set[Link], backward: set[Link]) -> None:
        self.links: set[Link] = set()
        self._sources: set[int] = set()
        self._targets: set[int] = set()
        self.add_where(forward & backward, lambda link: True)
        self._grow(forward | backward)

    def is_new(self, link: Link) -> bool:
        """Return whether a link would be the first link of one of its words."""
        return link[0] not in self._sources or link[1] not in self._targets

    def is_new_on_both_sides(self, link: Link) -> bool:
        """Return whether a link would be the first link of both of its words."""
        return link[0] not in self._sources and link[1] not in self._targets

    def add_where(self, links: Iterable[Link], condition: Callable[[Link], bool]) -> None:
        """Add links in order, each if `condition` is true of it at that point.

        Args:
            links: The candidate links.
            condition: The condition.
        """
        for link in sorted(links):
            if condition(link):
                self._add(link)

    def _add(self, link: Link) -> None:
        self.links.add(link)
        self._sources.add(link[0])
        self._targets.add(link[1])

    def _grow(self, union: set[Link]) -> None:
        has_changed = True
        while has_changed:
            has_changed = False
            for link in sorted(union):
                if link not in self.links:
                    continue
                for step in _NEIGHBOURS:
                    neighbour = link[0] + step[0], link[1] + step[1]
                    is_candidate = neighbour in union and neighbour not in self.links
                    if is_candidate and self.is_new(neighbour):
                        self._add(neighbour)
                        has_changed = True

"""Splits of a text into train, dev and test, for publishers that give none."""

import hashlib
from collections.abc import Callable, Sequence

Pair = tuple[str, str]
"""A source sentence and its translation."""

Split = Callable[[Sequence[Pair]], dict[str, list[Pair]]]
"""A function from the pairs of a text to the texts that are made of it, by name."""

_MAX_GROUP = 50
_PERCENT_EACH = 1


def every_23rd(pairs: Sequence[Pair]) -> dict[str, list[Pair]]:
    """Return each 23rd pair as dev and the rest as train.

    This is the usual split of IWSLT'14 (Ranzato et al. 2016).
    """
    parts: dict[str, list[Pair]] = {"train": [], "dev": []}
    for number, pair in enumerate(pairs, start=1):
        parts["dev" if number % 23 == 0 else "train"].append(pair)
    return parts


def by_sentence(pairs: Sequence[Pair]) -> dict[str, list[Pair]]:
    """Return one hundredth each as dev and test, with no sentence that is also in train.

    Pairs that share a sentence, of any case, stay together, also by way of other pairs. A group of
    more than 50 pairs goes to train. Equal pairs are kept once. The first sentence of a group, in
    sorted order, decides its part. The group therefore stays there when the corpus grows.
    """
    pairs = list(dict.fromkeys(pairs))
    groups = _Groups()
    for source, target in pairs:
        groups.merge(("source", source.casefold()), ("target", target.casefold()))
    members: dict[tuple[str, str], list[Pair]] = {}
    for source, target in pairs:
        members.setdefault(groups.find_root(("source", source.casefold())), []).append(
            (source, target)
        )
    part_of = {root: _part(group) for root, group in members.items()}
    parts: dict[str, list[Pair]] = {"train": [], "dev": [], "test": []}
    for source, target in pairs:
        parts[part_of[groups.find_root(("source", source.casefold()))]].append((source, target))
    return parts


def _part(group: Sequence[Pair]) -> str:
    if len(group) > _MAX_GROUP:
        return "train"
    least = min(source.casefold() for source, _ in group)
    hundredth = int(hashlib.sha256(least.encode("utf-8")).hexdigest(), 16) % 100
    return {0: "test", 1: "dev"}.get(hundredth // _PERCENT_EACH, "train")


class _Groups:
    """Groups of sentences that belong together (union-find)."""

    def __init__(self) -> None:
        self._parent: dict[tuple[str, str], tuple[str, str]] = {}

    def find_root(self, item: tuple[str, str]) -> tuple[str, str]:
        """Return the item that represents the group of an item."""
        root = item
        while (parent := self._parent.setdefault(root, root)) != root:
            root = parent
        while item != root:
            self._parent[item], item = root, self._parent[item]
        return root

    def merge(self, first: tuple[str, str], second: tuple[str, str]) -> None:
        """Merge the groups of two items.

        Args:
            first: An item.
            second: Another item.
        """
        self._parent[self.find_root(first)] = self.find_root(second)

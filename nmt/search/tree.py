"""What a search looked at: every hypothesis that it kept at some step, as a tree."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum


class Fate(Enum):
    """What became of a hypothesis: it was extended; something better took its place; the end mark
    ended it; the length limit did; or it was alive when the search had found enough.
    """

    EXTENDED = "extended"
    PRUNED = "pruned"
    FINISHED = "finished"
    CUT = "cut"
    LEFT = "left"


@dataclass(frozen=True)
class Node:
    """A hypothesis, by its last token.

    parent: the number of the one that it extends, -1 for the empty one; time: its length in
    tokens; token: an id; log_probability: of all its tokens; score: after the penalties; rank:
    from 1, of one that ended, among all of its sentence that did.
    """

    parent: int
    time: int
    token: int
    log_probability: float
    score: float
    fate: Fate
    rank: int | None = None


@dataclass(frozen=True)
class SearchTree:
    """The hypotheses of one sentence in the order in which they came up, those of a step best
    first; pieces: the subword of each, where that is known.
    """

    nodes: tuple[Node, ...]
    pieces: tuple[str, ...] = ()

    def with_tokens(self, tokens: Sequence[int]) -> "SearchTree":
        """The same with other ids, one for each node."""
        pairs = zip(self.nodes, tokens, strict=True)
        return SearchTree(tuple(replace(node, token=token) for node, token in pairs))

    def with_pieces(self, pieces: Sequence[str]) -> "SearchTree":
        """The same with the subword of each node."""
        if len(pieces) != len(self.nodes):
            raise ValueError(f"{len(self.nodes)} nodes, {len(pieces)} pieces")
        return replace(self, pieces=tuple(pieces))

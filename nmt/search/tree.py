"""Search trees: every hypothesis that a search kept at some step."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum


class Fate(Enum):
    """Outcome of a hypothesis.

    Attributes:
        EXTENDED: It was extended.
        PRUNED: Better hypotheses replaced it.
        FINISHED: The end mark ended it.
        CUT: The length limit ended it.
        LEFT: It was alive when the search ended.
    """

    EXTENDED = "extended"
    PRUNED = "pruned"
    FINISHED = "finished"
    CUT = "cut"
    LEFT = "left"


@dataclass(frozen=True)
class Node:
    """Hypothesis, represented by its last token.

    Attributes:
        parent: The index of the node that it extends, -1 for the empty hypothesis.
        time: Its length in tokens, end mark included.
        token: The id of its last token.
        log_probability: The log-probability of all its tokens.
        score: The log-probability after the penalties.
        fate: Its outcome.
        rank: The rank of an ended hypothesis among all ended ones of its sentence, from 1.
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
    """Hypotheses of one sentence, in the order in which the search formed them.

    Attributes:
        nodes: The hypotheses. Within a step, those with an end mark come first, then the others in
            beam order.
        pieces: The subword of each node, where it is known.
    """

    nodes: tuple[Node, ...]
    pieces: tuple[str, ...] = ()

    def with_tokens(self, tokens: Sequence[int]) -> "SearchTree":
        """Return the tree with other token ids, one for each node."""
        pairs = zip(self.nodes, tokens, strict=True)
        return SearchTree(tuple(replace(node, token=token) for node, token in pairs))

    def with_pieces(self, pieces: Sequence[str]) -> "SearchTree":
        """Return the tree with the subword of each node.

        Raises:
            ValueError: The numbers of nodes and of subwords differ.
        """
        if len(pieces) != len(self.nodes):
            raise ValueError(f"{len(self.nodes)} nodes, {len(pieces)} pieces")
        return replace(self, pieces=tuple(pieces))

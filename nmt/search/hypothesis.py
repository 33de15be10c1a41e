"""The hypotheses that search finds, and the tree of all that it kept on the way."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray


class NodeOutcome(Enum):
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
        outcome: Its outcome.
        rank: The rank of an ended hypothesis among all ended ones of its sentence, from 1.
    """

    parent: int
    time: int
    token: int
    log_probability: float
    score: float
    outcome: NodeOutcome
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


Weights = NDArray[np.float32]
"""Attention weights `[target_len, source_len]`, each row a distribution over the source."""


@dataclass(frozen=True)
class Hypothesis:
    """Translation of one sentence, in token ids.

    Attributes:
        tokens: The token ids, without the end mark.
        log_probability: The log-probability of all tokens, end mark included.
        score: The log-probability after the penalties, by which hypotheses are ranked.
        token_log_probabilities: The log-probability of each token, the end mark last.
        attention: `[target_len, source_len]`, end marks last. The rows match
            `token_log_probabilities`. None where attention was not kept or the model has none.
        finished: Whether the model ended the translation, rather than the length limit.
        tree: The search tree of the sentence, where it was requested.
    """

    tokens: list[int]
    log_probability: float
    score: float
    token_log_probabilities: list[float]
    attention: Weights | None
    finished: bool
    tree: SearchTree | None = None

    @classmethod
    def blank(cls) -> "Hypothesis":
        """Return the translation of a blank sentence, without running a model."""
        return cls([], 0.0, 0.0, [], None, True)


def remove_duplicates(hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
    """Return the first hypothesis of each token sequence, in their order."""
    first: dict[tuple[int, ...], Hypothesis] = {}
    for hypothesis in hypotheses:
        first.setdefault(tuple(hypothesis.tokens), hypothesis)
    return list(first.values())

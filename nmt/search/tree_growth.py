"""Construction of search trees from the steps of a search."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from nmt.search.history import Moment
from nmt.search.hypothesis import Hypothesis
from nmt.search.tree import Fate, Node, SearchTree
from nmt.tokenizers.sentencepiece import EOS

_ROOT = -1


def with_trees(
    found: Sequence[Sequence[Hypothesis]], moments: Sequence[Moment]
) -> list[list[Hypothesis]]:
    """Return the hypotheses of each sentence, each with the search tree of its sentence.

    Args:
        found: The hypotheses of each sentence.
        moments: The steps of the search.
    """
    growing = [_Growing() for _ in found]
    for time, moment in enumerate(moments, start=1):
        step = _Step.of(moment, time)
        for i, row in enumerate(moment.rows.tolist()):
            growing[row].grow(step, i)
    trees = [tree.grown() for tree in growing]
    return [
        [replace(hypothesis, tree=tree) for hypothesis in hypotheses]
        for hypotheses, tree in zip(found, trees, strict=True)
    ]


@dataclass(frozen=True)
class _Step:
    """Step of a search as lists, which are faster to traverse than the tensors of a `Moment`."""

    time: int
    parents: list[list[int]]
    tokens: list[list[int]]
    ends: list[list[bool]]
    ended: list[list[float]]
    ended_score: list[list[float]]
    cut: list[bool]
    live: list[list[float]]
    live_score: list[list[float]]

    @classmethod
    def of(cls, moment: Moment, time: int) -> "_Step":
        """Return a `Moment` as lists; `time` is its number, from 1."""
        names = ("parents", "tokens", "ends", "ended", "ended_score", "cut", "live", "live_score")
        return cls(time, *(getattr(moment, name).tolist() for name in names))


@dataclass
class _Growing:
    """Tree of one sentence during its construction.

    Attributes:
        nodes: The nodes so far.
        tips: The node of each live hypothesis.
    """

    nodes: list[Node] = field(default_factory=list)
    tips: list[int] = field(default_factory=lambda: [_ROOT])

    def grow(self, step: _Step, i: int) -> None:
        """Add a step, in which the sentence has index `i`."""
        for beam, ends in enumerate(step.ends[i]):
            if ends:
                ended, score = step.ended[i][beam], step.ended_score[i][beam]
                self._add(self.tips[beam], step.time, EOS, ended, score, Fate.FINISHED)
        fate = Fate.CUT if step.cut[i] else Fate.LEFT
        tips = []
        for beam, parent in enumerate(step.parents[i]):
            tips.append(_ROOT)
            live, score = step.live[i][beam], step.live_score[i][beam]
            if np.isfinite(live):
                tips[-1] = len(self.nodes)
                token = step.tokens[i][beam]
                self._add(self.tips[parent], step.time, token, live, score, fate)
        self.tips = tips

    def grown(self) -> SearchTree:
        """Return the tree, with the outcome of each hypothesis."""
        extended = {node.parent for node in self.nodes}
        last = max((node.time for node in self.nodes), default=0)
        nodes = list(self.nodes)
        for number, node in enumerate(nodes):
            if number in extended:
                nodes[number] = replace(node, fate=Fate.EXTENDED)
            elif node.fate is Fate.LEFT and node.time < last:
                nodes[number] = replace(node, fate=Fate.PRUNED)
        for rank, number in enumerate(_ranked(nodes), start=1):
            nodes[number] = replace(nodes[number], rank=rank)
        return SearchTree(tuple(nodes))

    def _add(
        self, parent: int, time: int, token: int, log_probability: float, score: float, fate: Fate
    ) -> None:
        self.nodes.append(Node(parent, time, token, log_probability, score, fate))


def _ranked(nodes: Sequence[Node]) -> list[int]:
    """Return the indices of ended nodes, in the order of the search results.

    Finished hypotheses come first, then higher scores. Of equal scores, the earlier end comes
    first.
    """
    ends = [i for i, node in enumerate(nodes) if node.fate in (Fate.FINISHED, Fate.CUT)]
    return sorted(ends, key=lambda i: (nodes[i].fate is Fate.CUT, -nodes[i].score))

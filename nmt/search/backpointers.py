"""Backpointers of search: the way back from its ends to hypotheses and search trees."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nmt.errors import ModelError
from nmt.search.hypothesis import Fate, Hypothesis, Node, SearchTree
from nmt.tokenizers.tokenizer import EOS

_Numbers = NDArray[Any]


@dataclass(frozen=True)
class SearchStep:
    """Step of a search over `batch` sentences, from `beams` to `new_beams` hypotheses each.

    Attributes:
        rows: The positions of the sentences in the initial batch, `[batch]`.
        parents: The previous beam of each continuing hypothesis, `[batch, new_beams]`.
        tokens: The new token of each continuing hypothesis, `[batch, new_beams]`.
        token_log_probability: The log-probability of the new token, `[batch, new_beams]`.
        end_log_probability: The log-probability of the end mark after each previous beam,
            `[batch, beams]`.
        weights: The attention weights, `[batch, beams, source_len]`, or None where they are not
            kept.
        ends: Whether each previous beam with the end mark is a finished hypothesis,
            `[batch, beams]`.
        ended: The log-probability of each previous beam with the end mark, `[batch, beams]`.
        ended_score: The score of each previous beam with the end mark, `[batch, beams]`.
        cut: Whether the length limit ends the sentence at this step, `[batch]`.
        live: The log-probability of each continuing hypothesis, `[batch, new_beams]`.
        live_score: The score of each continuing hypothesis, `[batch, new_beams]`.
    """

    rows: Tensor
    parents: Tensor
    tokens: Tensor
    token_log_probability: Tensor
    end_log_probability: Tensor
    weights: Tensor | None
    ends: Tensor
    ended: Tensor
    ended_score: Tensor
    cut: Tensor
    live: Tensor
    live_score: Tensor


@dataclass(frozen=True)
class _FinishedBeam:
    """End of a hypothesis.

    Attributes:
        time: The step of the end, from 0.
        beam: The beam before the step for a finished hypothesis, after the step for one cut off.
        finished: Whether the end mark ended it, rather than the length limit.
        log_probability: The log-probability of all its tokens.
        score: Its score after the penalties.
    """

    time: int
    beam: int
    finished: bool
    log_probability: float
    score: float


class Backpointers:
    """Steps of one search, and the hypotheses traced back from them.

    Hypotheses are assembled only at the end of a search, from back-pointers. Earlier steps are
    never reordered.

    Args:
        sentences: The number of sentences in the initial batch.
        n_best: The maximum number of hypotheses of each sentence.
    """

    def __init__(self, sentences: int, n_best: int) -> None:
        self._sentences = sentences
        self._n_best = n_best
        self._moments: list[SearchStep] = []

    @property
    def moments(self) -> Sequence[SearchStep]:
        """The steps, in order."""
        return self._moments

    def add(self, moment: SearchStep) -> None:
        """Append a step."""
        self._moments.append(moment)

    def hypotheses(self, source_lengths: Sequence[int]) -> list[list[Hypothesis]]:
        """Return the best hypotheses of each sentence, best first.

        Args:
            source_lengths: The number of source tokens of each sentence, end mark included, by
                which attention is trimmed.

        Raises:
            ModelError: A sentence has no hypothesis with a finite probability.
        """
        chosen = [self._best(ends) for ends in self._ends()]
        sentence = np.repeat(np.arange(len(chosen)), [len(ends) for ends in chosen])
        flat = [end for ends in chosen for end in ends]
        tokens, log_probabilities, attention = self._trace(sentence, flat)
        found: list[list[Hypothesis]] = [[] for _ in chosen]
        for i, (row, end) in enumerate(zip(sentence.tolist(), flat, strict=True)):
            length = end.time + 1
            found[row].append(
                Hypothesis(
                    tokens=tokens[i, : length - end.finished].tolist(),
                    log_probability=end.log_probability,
                    score=end.score,
                    token_log_probabilities=log_probabilities[i, :length].tolist(),
                    attention=(
                        None
                        if attention is None
                        else attention[i, :length, : source_lengths[row]].copy()
                    ),
                    finished=end.finished,
                )
            )
        return found

    def _ends(self) -> list[list[_FinishedBeam]]:
        """Return the ends of all hypotheses of each sentence, in the order of their steps."""
        ends: list[list[_FinishedBeam]] = [[] for _ in range(self._sentences)]
        for time, moment in enumerate(self._moments):
            rows = moment.rows.tolist()
            ended, ended_score = _numpy(moment.ended), _numpy(moment.ended_score)
            for i, beam in np.argwhere(_numpy(moment.ends)).tolist():
                score = float(ended_score[i, beam])
                ends[rows[i]].append(_FinishedBeam(time, beam, True, float(ended[i, beam]), score))
            live, live_score = _numpy(moment.live), _numpy(moment.live_score)
            for i in np.flatnonzero(_numpy(moment.cut)).tolist():
                for beam in range(live.shape[1]):
                    score = float(live_score[i, beam])
                    ends[rows[i]].append(
                        _FinishedBeam(time, beam, False, float(live[i, beam]), score)
                    )
        return ends

    def _best(self, ends: list[_FinishedBeam]) -> list[_FinishedBeam]:
        """Return the `n_best` best ends: finished ones first, then by score.

        Of equal scores, the earlier end comes first.

        Raises:
            ModelError: No end has a finite score.
        """
        possible = [end for end in ends if np.isfinite(end.score)]
        if not possible:
            raise ModelError(
                "the model gives no finite probabilities (NaN or infinity): its training diverged. "
                "Translate with an earlier checkpoint."
            )
        return sorted(possible, key=lambda end: (not end.finished, -end.score))[: self._n_best]

    def _trace(
        self, sentence: _Numbers, ends: list[_FinishedBeam]
    ) -> tuple[_Numbers, _Numbers, _Numbers | None]:
        """Follow the back-pointers of all hypotheses at once.

        Args:
            sentence: The sentence of each end, `[hypotheses]`.
            ends: The ends of the hypotheses.

        Returns:
            Tokens and their log-probabilities, both `[hypotheses, longest]`, and attention,
            `[hypotheses, longest, source_len]` or None.
        """
        last = np.array([end.time for end in ends])
        beam = np.array([end.beam for end in ends])
        by_mark = np.array([end.finished for end in ends])
        shape = (len(ends), int(last.max()) + 1)
        tokens = np.zeros(shape, np.int64)
        log_probabilities = np.zeros(shape, np.float32)
        attention: _Numbers | None = None
        for time in reversed(range(shape[1])):
            moment = self._moments[time]
            position = np.zeros(self._sentences, np.int64)
            position[_numpy(moment.rows)] = np.arange(len(moment.rows))
            marks = np.flatnonzero(by_mark & (last == time))
            inner = np.flatnonzero((last > time) | (~by_mark & (last == time)))
            at = position[sentence[inner]]
            log_probabilities[marks, time] = _numpy(moment.end_log_probability)[
                position[sentence[marks]], beam[marks]
            ]
            tokens[inner, time] = _numpy(moment.tokens)[at, beam[inner]]
            log_probabilities[inner, time] = _numpy(moment.token_log_probability)[at, beam[inner]]
            beam[inner] = _numpy(moment.parents)[at, beam[inner]]
            if moment.weights is not None:
                if attention is None:
                    attention = np.zeros((*shape, moment.weights.shape[2]), np.float32)
                both = np.concatenate((marks, inner))
                attention[both, time] = _numpy(moment.weights)[position[sentence[both]], beam[both]]
        return tokens, log_probabilities, attention


def _numpy(tensor: Tensor) -> _Numbers:
    array: _Numbers = tensor.cpu().numpy()
    return array


_ROOT = -1


def with_trees(
    found: Sequence[Sequence[Hypothesis]], moments: Sequence[SearchStep]
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
    """Step of a search as lists, which are faster to traverse than its tensors."""

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
    def of(cls, moment: SearchStep, time: int) -> "_Step":
        """Return a `SearchStep` as lists; `time` is its number, from 1."""
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

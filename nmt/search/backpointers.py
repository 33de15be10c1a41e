"""Backpointers of search, from which hypotheses and search trees are traced at the end."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nmt.errors import ModelError
from nmt.search.hypothesis import Hypothesis, Node, NodeOutcome, SearchTree
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
        is_finished: Whether each previous beam with the end mark is a finished hypothesis,
            `[batch, beams]`.
        finished_log_probability: The log-probability of each previous beam with the end mark,
            `[batch, beams]`.
        finished_score: The score of each previous beam with the end mark, `[batch, beams]`.
        at_limit: Whether the length limit ends the sentence at this step, `[batch]`.
        live_log_probability: The log-probability of each continuing hypothesis,
            `[batch, new_beams]`.
        live_score: The score of each continuing hypothesis, `[batch, new_beams]`.
    """

    rows: Tensor
    parents: Tensor
    tokens: Tensor
    token_log_probability: Tensor
    end_log_probability: Tensor
    weights: Tensor | None
    is_finished: Tensor
    finished_log_probability: Tensor
    finished_score: Tensor
    at_limit: Tensor
    live_log_probability: Tensor
    live_score: Tensor


@dataclass(frozen=True)
class _HypothesisEnd:
    """End of a hypothesis, finished or cut off.

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
        self._steps: list[SearchStep] = []

    @property
    def steps(self) -> Sequence[SearchStep]:
        """The steps, in order."""
        return self._steps

    def add(self, step: SearchStep) -> None:
        """Append a step."""
        self._steps.append(step)

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
        hypotheses: list[list[Hypothesis]] = [[] for _ in chosen]
        for i, (row, end) in enumerate(zip(sentence.tolist(), flat, strict=True)):
            length = end.time + 1
            hypotheses[row].append(
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
        return hypotheses

    def _ends(self) -> list[list[_HypothesisEnd]]:
        """Return the ends of all hypotheses of each sentence, in the order of their steps."""
        ends: list[list[_HypothesisEnd]] = [[] for _ in range(self._sentences)]
        for time, step in enumerate(self._steps):
            rows = step.rows.tolist()
            totals, scores = _numpy(step.finished_log_probability), _numpy(step.finished_score)
            for i, beam in np.argwhere(_numpy(step.is_finished)).tolist():
                numbers = float(totals[i, beam]), float(scores[i, beam])
                ends[rows[i]].append(_HypothesisEnd(time, beam, True, *numbers))
            totals, scores = _numpy(step.live_log_probability), _numpy(step.live_score)
            for i in np.flatnonzero(_numpy(step.at_limit)).tolist():
                for beam in range(totals.shape[1]):
                    numbers = float(totals[i, beam]), float(scores[i, beam])
                    ends[rows[i]].append(_HypothesisEnd(time, beam, False, *numbers))
        return ends

    def _best(self, ends: list[_HypothesisEnd]) -> list[_HypothesisEnd]:
        """Return the `n_best` best ends: finished ones first, then by score.

        Of equal scores, the earlier end comes first.

        Raises:
            ModelError: No end has a finite score.
        """
        possible = [end for end in ends if np.isfinite(end.score)]
        if not possible:
            raise ModelError(
                "the model gives no finite probabilities (NaN or infinity): its training "
                "diverged. Use an earlier checkpoint."
            )
        return sorted(possible, key=lambda end: (not end.finished, -end.score))[: self._n_best]

    def _trace(
        self, sentence: _Numbers, ends: list[_HypothesisEnd]
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
        finished = np.array([end.finished for end in ends])
        shape = (len(ends), int(last.max()) + 1)
        tokens = np.zeros(shape, np.int64)
        log_probabilities = np.zeros(shape, np.float32)
        attention: _Numbers | None = None
        for time in reversed(range(shape[1])):
            step = self._steps[time]
            position = np.zeros(self._sentences, np.int64)
            position[_numpy(step.rows)] = np.arange(len(step.rows))
            ending = np.flatnonzero(finished & (last == time))
            continuing = np.flatnonzero((last > time) | (~finished & (last == time)))
            rows = position[sentence[continuing]]
            log_probabilities[ending, time] = _numpy(step.end_log_probability)[
                position[sentence[ending]], beam[ending]
            ]
            tokens[continuing, time] = _numpy(step.tokens)[rows, beam[continuing]]
            log_probabilities[continuing, time] = _numpy(step.token_log_probability)[
                rows, beam[continuing]
            ]
            beam[continuing] = _numpy(step.parents)[rows, beam[continuing]]
            if step.weights is not None:
                if attention is None:
                    attention = np.zeros((*shape, step.weights.shape[2]), np.float32)
                both = np.concatenate((ending, continuing))
                attention[both, time] = _numpy(step.weights)[position[sentence[both]], beam[both]]
        return tokens, log_probabilities, attention


def _numpy(tensor: Tensor) -> _Numbers:
    array: _Numbers = tensor.cpu().numpy()
    return array


_ROOT = -1


def attach_trees(
    hypotheses_of_sentences: Sequence[Sequence[Hypothesis]], steps: Sequence[SearchStep]
) -> list[list[Hypothesis]]:
    """Return the hypotheses of each sentence, each with the search tree of its sentence.

    Args:
        hypotheses_of_sentences: The hypotheses of each sentence.
        steps: The steps of the search.
    """
    builders = [_TreeBuilder() for _ in hypotheses_of_sentences]
    for time, step in enumerate(steps, start=1):
        step_lists = _StepLists.from_step(step, time)
        for i, row in enumerate(step.rows.tolist()):
            builders[row].add_step(step_lists, i)
    trees = [builder.build() for builder in builders]
    return [
        [replace(hypothesis, tree=tree) for hypothesis in hypotheses]
        for hypotheses, tree in zip(hypotheses_of_sentences, trees, strict=True)
    ]


@dataclass(frozen=True)
class _StepLists:
    """Step of a search as lists, which are faster to traverse than its tensors."""

    time: int
    parents: list[list[int]]
    tokens: list[list[int]]
    is_finished: list[list[bool]]
    finished_log_probability: list[list[float]]
    finished_score: list[list[float]]
    at_limit: list[bool]
    live_log_probability: list[list[float]]
    live_score: list[list[float]]

    @classmethod
    def from_step(cls, search_step: SearchStep, time: int) -> "_StepLists":
        """Return a `SearchStep` as lists; `time` is its number, from 1."""
        names = [part.name for part in fields(cls) if part.name != "time"]
        return cls(time, *(getattr(search_step, name).tolist() for name in names))


@dataclass
class _TreeBuilder:
    """Tree of one sentence during its construction.

    Attributes:
        nodes: The nodes so far.
        live_nodes: The node of each live hypothesis.
    """

    nodes: list[Node] = field(default_factory=list)
    live_nodes: list[int] = field(default_factory=lambda: [_ROOT])

    def add_step(self, step: _StepLists, i: int) -> None:
        """Add a step, in which the sentence has index `i`."""
        for beam, is_finished in enumerate(step.is_finished[i]):
            if is_finished:
                numbers = step.finished_log_probability[i][beam], step.finished_score[i][beam]
                self._add(self.live_nodes[beam], step.time, EOS, *numbers, NodeOutcome.FINISHED)
        outcome = NodeOutcome.CUT if step.at_limit[i] else NodeOutcome.LEFT
        live_nodes = []
        for beam, parent in enumerate(step.parents[i]):
            live_nodes.append(_ROOT)
            numbers = step.live_log_probability[i][beam], step.live_score[i][beam]
            if np.isfinite(numbers[0]):
                live_nodes[-1] = len(self.nodes)
                token = step.tokens[i][beam]
                self._add(self.live_nodes[parent], step.time, token, *numbers, outcome)
        self.live_nodes = live_nodes

    def build(self) -> SearchTree:
        """Return the tree, with the outcome of each hypothesis."""
        extended = {node.parent for node in self.nodes}
        last = max((node.time for node in self.nodes), default=0)
        nodes = list(self.nodes)
        for number, node in enumerate(nodes):
            if number in extended:
                nodes[number] = replace(node, outcome=NodeOutcome.EXTENDED)
            elif node.outcome is NodeOutcome.LEFT and node.time < last:
                nodes[number] = replace(node, outcome=NodeOutcome.PRUNED)
        for rank, number in enumerate(_ranked(nodes), start=1):
            nodes[number] = replace(nodes[number], rank=rank)
        return SearchTree(tuple(nodes))

    def _add(
        self,
        parent: int,
        time: int,
        token: int,
        log_probability: float,
        score: float,
        outcome: NodeOutcome,
    ) -> None:
        self.nodes.append(Node(parent, time, token, log_probability, score, outcome))


def _ranked(nodes: Sequence[Node]) -> list[int]:
    """Return the indices of ended nodes, in the order of the search results.

    Finished hypotheses come first, then higher scores. Of equal scores, the earlier end comes
    first.
    """
    ends = [
        i for i, node in enumerate(nodes) if node.outcome in (NodeOutcome.FINISHED, NodeOutcome.CUT)
    ]
    return sorted(ends, key=lambda i: (nodes[i].outcome is NodeOutcome.CUT, -nodes[i].score))

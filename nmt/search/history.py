"""What happened at each step of a search, and the way back from its ends to whole hypotheses."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nmt.errors import ModelError
from nmt.search.hypothesis import Hypothesis

_Numbers = NDArray[Any]


@dataclass(frozen=True)
class Moment:
    """One step of a search over `batch` sentences, from `beams` to `new_beams` hypotheses each.

    rows: `[batch]`, the sentences' positions in the batch at the beginning. Of the hypotheses that
    lived on, `[batch, new_beams]`: parents (their beam before), tokens, token_log_probability,
    live (their log-probability), live_score. Of each beam before, ended by the end mark, `[batch,
    beams]`: end_log_probability (of the mark), ended (of the whole), ended_score, ends (whether it
    counts). weights: attention, `[batch, beams, source_len]`, where it is kept; cut: `[batch]`,
    whether the length limit ends the sentence here.
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
class _End:
    """Where a hypothesis ends: at step `time` (from 0), in `beam` of those before the step when
    finished, of those after it when cut off.
    """

    time: int
    beam: int
    finished: bool
    log_probability: float
    score: float


class History:
    """The steps of one search. Hypotheses are put together only at its end, from back-pointers:
    nothing of the past is reordered at a step.

    sentences: of the batch at the beginning; n_best: hypotheses wanted of each.
    """

    def __init__(self, sentences: int, n_best: int) -> None:
        self._sentences = sentences
        self._n_best = n_best
        self._moments: list[Moment] = []

    @property
    def moments(self) -> Sequence[Moment]:
        """The steps, in order."""
        return self._moments

    def add(self, moment: Moment) -> None:
        """Keep one more step."""
        self._moments.append(moment)

    def hypotheses(self, source_lengths: Sequence[int]) -> list[list[Hypothesis]]:
        """The best hypotheses of each sentence, best first.

        Raises ModelError when a sentence has none with a finite probability.
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

    def _ends(self) -> list[list[_End]]:
        """Every hypothesis of each sentence, in the order of their ends."""
        ends: list[list[_End]] = [[] for _ in range(self._sentences)]
        for time, moment in enumerate(self._moments):
            rows = moment.rows.tolist()
            ended, ended_score = _numpy(moment.ended), _numpy(moment.ended_score)
            for i, beam in np.argwhere(_numpy(moment.ends)).tolist():
                score = float(ended_score[i, beam])
                ends[rows[i]].append(_End(time, beam, True, float(ended[i, beam]), score))
            live, live_score = _numpy(moment.live), _numpy(moment.live_score)
            for i in np.flatnonzero(_numpy(moment.cut)).tolist():
                for beam in range(live.shape[1]):
                    score = float(live_score[i, beam])
                    ends[rows[i]].append(_End(time, beam, False, float(live[i, beam]), score))
        return ends

    def _best(self, ends: list[_End]) -> list[_End]:
        """Finished ones first, then by score; of equal ones the one that ended first."""
        possible = [end for end in ends if np.isfinite(end.score)]
        if not possible:
            raise ModelError(
                "the model gives no finite probabilities (NaN or infinity): its training diverged. "
                "Translate with an earlier checkpoint."
            )
        return sorted(possible, key=lambda end: (not end.finished, -end.score))[: self._n_best]

    def _trace(
        self, sentence: _Numbers, ends: list[_End]
    ) -> tuple[_Numbers, _Numbers, _Numbers | None]:
        """Follow the back-pointers of all hypotheses at once.

        Gives tokens and their log-probabilities `[hypotheses, longest]` and attention
        `[hypotheses, longest, source_len]`.
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

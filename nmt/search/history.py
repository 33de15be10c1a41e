"""Steps of a search, and the hypotheses traced back from their ends."""

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
class _End:
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


class History:
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
        self._moments: list[Moment] = []

    @property
    def moments(self) -> Sequence[Moment]:
        """The steps, in order."""
        return self._moments

    def add(self, moment: Moment) -> None:
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

    def _ends(self) -> list[list[_End]]:
        """Return the ends of all hypotheses of each sentence, in the order of their steps."""
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
        self, sentence: _Numbers, ends: list[_End]
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

"""Beam search over a whole batch at once; greedy search is a beam of one.

The rules, the same for every sentence whatever its neighbours are:

- At each step the live hypotheses of a sentence are extended by every token. Of all extensions the
  `beam_size` most probable count: those that end a sentence among them are finished, and the
  `beam_size` best of the others live on.
- A sentence is done when `beam_size` hypotheses have finished, when no live hypothesis can come to
  a score above the `n_best` that have finished, or at its length limit. The second case only saves
  work: what is found is the same for every `n_best`.
- Hypotheses that the limit cut off rank below all finished ones.
"""

from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from nmt.config.kinds import LENGTH_PENALTIES
from nmt.config.settings import SearchSettings
from nmt.data.tokenizer import BOS, EOS, PAD
from nmt.errors import UsageError
from nmt.search.history import History, Moment
from nmt.search.hypothesis import Hypothesis
from nmt.search.penalties import LengthPenalty, coverage_penalty

_DEAD = float("-inf")


class Scorer(Protocol):
    """What search asks of a model: `Seq2Seq`, or anything that behaves like it."""

    def encode(self, source: Tensor, lengths: Tensor) -> Any:
        """An encoded batch, which knows `select(rows)`."""

    def start(self, encoded: Any, beams: int) -> Any:
        """A decoder state, which knows `select(rows)` and `reorder(beams)`."""

    def step(self, encoded: Any, state: Any, previous: Tensor) -> Any:
        """Next state, features and attention weights after `previous [batch, beams]`."""

    def log_probabilities(self, encoded: Any, step: Any) -> Tensor:
        """Of each target token after a step, `[batch, beams, vocabulary]`, a tensor of the caller's
        own.
        """


class BeamSearch:
    """Looks for the best translations of batches of sentences.

    attention: whether hypotheses carry their attention weights; keeping them costs `[batch, beams,
    source_len]` numbers at each step.
    """

    def __init__(self, model: Scorer, settings: SearchSettings, attention: bool = True) -> None:
        self._model = model
        self._settings = settings
        self._keeps_attention = attention
        self._penalty: LengthPenalty = LENGTH_PENALTIES.resolve(settings.length_penalty)(
            settings.alpha
        )

    @torch.inference_mode()
    def search(
        self, source: Tensor, lengths: Tensor, max_lengths: Tensor
    ) -> list[list[Hypothesis]]:
        """The `n_best` best hypotheses of each sentence, best first (fewer where the limit leaves
        fewer).

        source: `[batch, source_len]` token ids, right-padded, each with its end mark; lengths:
        `[batch]`; max_lengths: `[batch]`, the most target tokens, an end mark included.

        Raises ModelError when the model gives no finite probabilities.
        """
        live: _Live | None = self._begin(source, lengths, max_lengths)
        history = History(source.shape[0], self._settings.n_best)
        time = 0
        while live is not None:
            time += 1
            live, moment = self._advance(live, time)
            history.add(moment)
        return history.hypotheses(lengths.tolist())

    def _begin(self, source: Tensor, lengths: Tensor, max_lengths: Tensor) -> "_Live":
        """One beam for each sentence: the first step makes `beam_size` of it."""
        batch, source_len = source.shape
        encoded = self._model.encode(source, lengths)
        start = torch.zeros(batch, 1, device=source.device)
        positions = torch.arange(source_len, device=source.device)
        return _Live(
            rows=torch.arange(batch, device=source.device),
            encoded=encoded,
            state=self._model.start(encoded, 1),
            previous=start.long() + BOS,
            log_probability=start,
            coverage=start.unsqueeze(2).expand(-1, -1, source_len),
            mask=positions < lengths.unsqueeze(1),
            max_lengths=max_lengths,
            finished=start.expand(-1, self._settings.beam_size) + _DEAD,
        )

    def _advance(self, live: "_Live", time: int) -> tuple["_Live | None", Moment]:
        """Choose the token at position `time`, from 1: the sentences that are not yet done, and
        what happened.
        """
        beam_size = self._settings.beam_size
        step = self._model.step(live.encoded, live.state, live.previous)
        extended = _extend(live, self._model.log_probabilities(live.encoded, step), beam_size, time)
        coverage = self._covered(live, step.weights)
        ended_score = self._score(extended.ended, time, coverage, live.mask)
        finished = torch.where(extended.ends, ended_score, _DEAD)
        finished = torch.cat((live.finished, finished), 1).topk(beam_size).values
        limit = time >= live.max_lengths
        done = limit | self._decided(finished, extended.log_probability[:, 0], time, live)
        if coverage is not None:
            coverage = _of_beams(coverage, extended.parents)
        moment = Moment(
            rows=live.rows,
            parents=extended.parents,
            tokens=extended.tokens,
            token_log_probability=extended.token_log_probability,
            end_log_probability=extended.end_log_probability,
            weights=step.weights if self._keeps_attention else None,
            ends=extended.ends,
            ended=extended.ended,
            ended_score=ended_score,
            cut=limit,
            live=extended.log_probability,
            live_score=self._score(extended.log_probability, time, coverage, live.mask),
        )
        rest = (~done).nonzero().squeeze(1)
        if len(rest) == 0:
            return None, moment
        return live.next(step.state, extended, coverage, finished, rest), moment

    def _decided(self, finished: Tensor, best: Tensor, time: int, live: "_Live") -> Tensor:
        """Where looking on could change nothing: `[batch]`, from the `best` log-probability alive.

        A coverage penalty is never above zero, so the bound holds with it.
        """
        bound = self._penalty.bound(best, torch.tensor(time + 1), live.max_lengths)
        full = finished[:, -1] > _DEAD
        return full | (finished[:, self._settings.n_best - 1] >= bound)

    def _score(
        self, log_probability: Tensor, length: int, coverage: Tensor | None, mask: Tensor
    ) -> Tensor:
        score = self._penalty.score(log_probability, torch.tensor(length))
        if coverage is not None:
            score = score + coverage_penalty(coverage, mask, self._settings.coverage_penalty)
        return score

    def _covered(self, live: "_Live", weights: Tensor | None) -> Tensor | None:
        """The attention that each source token got so far, where a penalty asks for it."""
        if self._settings.coverage_penalty == 0.0:
            return None
        if weights is None:
            raise UsageError(
                "search.coverage_penalty needs attention weights, and this model has no attention. "
                "Set it to 0."
            )
        return live.coverage + weights


@dataclass(frozen=True)
class _Live:
    """The sentences still searched, with their live hypotheses, best first.

    rows: `[batch]`, positions in the batch at the beginning; previous, log_probability: `[batch,
    beams]`, the last tokens and the sums so far; coverage: `[batch, beams, source_len]`; mask:
    `[batch, source_len]`; max_lengths: `[batch]`; finished: `[batch, beam_size]`, the best scores
    of finished hypotheses, falling, minus infinity where there is none yet.
    """

    rows: Tensor
    encoded: Any
    state: Any
    previous: Tensor
    log_probability: Tensor
    coverage: Tensor
    mask: Tensor
    max_lengths: Tensor
    finished: Tensor

    def next(
        self,
        state: Any,
        extended: "_Extended",
        coverage: Tensor | None,
        finished: Tensor,
        rest: Tensor,
    ) -> "_Live":
        """After a step: only the sentences `rest`, their beams in the new order."""
        live = replace(
            self,
            state=state,
            previous=extended.tokens,
            log_probability=extended.log_probability,
            coverage=self.coverage if coverage is None else coverage,
            finished=finished,
        )
        parents = extended.parents
        if len(rest) < len(self.rows):
            parents = parents[rest]
            live = live._select(rest)
        if finished.shape[1] == 1:
            return live
        return replace(live, state=live.state.reorder(parents))

    def _select(self, rest: Tensor) -> "_Live":
        return _Live(
            rows=self.rows[rest],
            encoded=self.encoded.select(rest),
            state=self.state.select(rest),
            previous=self.previous[rest],
            log_probability=self.log_probability[rest],
            coverage=self.coverage[rest],
            mask=self.mask[rest],
            max_lengths=self.max_lengths[rest],
            finished=self.finished[rest],
        )


@dataclass(frozen=True)
class _Extended:
    """The chosen extensions: those that live on, `[batch, new_beams]`, best first, and those of
    each old beam by the end mark, `[batch, beams]`, with `ends` where that one counts.
    """

    parents: Tensor
    tokens: Tensor
    token_log_probability: Tensor
    log_probability: Tensor
    end_log_probability: Tensor
    ended: Tensor
    ends: Tensor


def _extend(live: _Live, log_probabilities: Tensor, beam_size: int, time: int) -> _Extended:
    """See `_Extended`. A translation has at least one token: nothing ends at the first step."""
    end = log_probabilities[..., EOS].clone()
    if time == 1:
        end.fill_(_DEAD)
    log_probabilities[..., [PAD, BOS, EOS]] = _DEAD
    best, tokens = _top(log_probabilities, min(beam_size, log_probabilities.shape[-1]))
    totals = (live.log_probability.unsqueeze(2) + best).flatten(1)
    total, index = totals.topk(min(beam_size, totals.shape[1]))
    ended = live.log_probability + end
    return _Extended(
        parents=index // best.shape[2],
        tokens=tokens.flatten(1).gather(1, index),
        token_log_probability=best.flatten(1).gather(1, index),
        log_probability=total,
        end_log_probability=end,
        ended=ended,
        ends=_among_the_best(ended, total, beam_size),
    )


def _top(values: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k greatest along the last axis and where they stand; one alone is found faster."""
    if k == 1:
        greatest = values.max(-1, keepdim=True)
        return greatest.values, greatest.indices
    best = values.topk(k)
    return best.values, best.indices


def _among_the_best(ended: Tensor, total: Tensor, beam_size: int) -> Tensor:
    """Where `ended [batch, beams]` is among the `beam_size` greatest of both arguments."""
    both = torch.cat((ended, total), 1)
    chosen = both.topk(min(beam_size, both.shape[1])).indices
    among = torch.zeros_like(both, dtype=torch.bool).scatter_(1, chosen, True)
    return among[:, : ended.shape[1]] & (ended > _DEAD)


def _of_beams(values: Tensor, beams: Tensor) -> Tensor:
    """`values [batch, beams, n]` of the given beams, `[batch, new_beams, n]`."""
    return values.gather(1, beams.unsqueeze(2).expand(-1, -1, values.shape[2]))

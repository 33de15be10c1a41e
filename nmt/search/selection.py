"""The selection of hypotheses at each step of search: the best, diverse groups, samples."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from nmt.config.settings import SearchSettings
from nmt.tokenizers.tokenizer import EOS

DEAD = float("-inf")
"""Log-probability of a dead hypothesis, an empty slot of the beam."""

_BLOCK = 64
"""Tokens in a block of `top`."""


@dataclass(frozen=True)
class Extended:
    """Chosen extensions of a batch of sentences.

    The shape of continuing hypotheses is `[batch, new_beams]`, that of previous beams
    `[batch, beams]`.

    Attributes:
        parents: The previous beam of each continuing hypothesis.
        tokens: The new token of each continuing hypothesis.
        token_log_probability: The log-probability of the new token.
        log_probability: The log-probability of each continuing hypothesis, `DEAD` where there is
            none.
        end_log_probability: The log-probability of the end mark after each previous beam.
        ended: The log-probability of each previous beam with the end mark.
        ends: Whether each previous beam with the end mark is a finished hypothesis.
    """

    parents: Tensor
    tokens: Tensor
    token_log_probability: Tensor
    log_probability: Tensor
    end_log_probability: Tensor
    ended: Tensor
    ends: Tensor


class Selection(ABC):
    """Strategy that chooses the extensions of each step.

    A selection with a state returns the selection for the next step.
    """

    @abstractmethod
    def choose(
        self, so_far: Tensor, log_probabilities: Tensor, time: int
    ) -> tuple[Extended, "Selection"]:
        """Return the extensions at one position, and the selection for the next.

        Args:
            so_far: The log-probabilities of the live hypotheses, `[batch, beams]`, one beam at the
                first step.
            log_probabilities: The log-probability of each next token, minus infinity where it is
                forbidden, `[batch, beams, vocabulary]`. It may be overwritten.
            time: The position, from 1.
        """

    def patient(self) -> Tensor | None:
        """Return the mask `[batch]` of sentences that `beam_size` finished hypotheses do not end.

        The first hypotheses to finish need not be good ones. None: there is no such sentence.
        """
        return None

    def select(self, rows: Tensor) -> "Selection":
        """Return the selection for the given sentences, `rows [new_batch]`."""
        return self


@dataclass(frozen=True)
class BestSelection(Selection):
    """Beam search; with a beam of one, greedy search.

    The `beam_size` most probable extensions of a sentence are considered. Those of them that end it
    are finished. The `beam_size` best of the others continue.
    """

    beam_size: int

    def choose(
        self, so_far: Tensor, log_probabilities: Tensor, time: int
    ) -> tuple[Extended, Selection]:
        """See `Selection.choose`."""
        return extend(so_far, log_probabilities, self.beam_size), self


@dataclass(frozen=True)
class DiverseSelection(Selection):
    """Diverse beam search: Vijayakumar et al. 2018, algorithm 1, Hamming diversity of section 4.

    The groups choose one after the other, each like `BestSelection` among its own hypotheses. A
    token costs `strength` for each time that an earlier group chose it at the same step. The end
    mark costs nothing. A group stops when it has finished as many hypotheses as it keeps.

    Attributes:
        beam_size: The number of hypotheses of all groups together.
        strength: The cost of a token for each earlier choice of it.
        room: The number of hypotheses that each group may still finish, `[batch, groups]`.
    """

    beam_size: int
    strength: float
    room: Tensor

    def choose(
        self, so_far: Tensor, log_probabilities: Tensor, time: int
    ) -> tuple[Extended, Selection]:
        """See `Selection.choose`."""
        batch, beams, vocabulary = log_probabilities.shape
        share = self.beam_size // self.room.shape[1]
        taken = log_probabilities.new_zeros(batch, 1, vocabulary)
        groups: list[Extended] = []
        for group in range(self.room.shape[1]):
            first, width = (0, 1) if beams == 1 else (group * share, share)
            own = slice(first, first + width)
            values = log_probabilities[:, own].clone()
            chosen = extend(so_far[:, own], values, share, self.strength * taken)
            chosen = _within(_widened(chosen, share), self.room[:, group])
            alive = (chosen.log_probability > DEAD).to(taken.dtype)
            taken.squeeze(1).scatter_add_(1, chosen.tokens, alive)
            groups.append(replace(chosen, parents=chosen.parents + first))
        room = self.room - torch.stack([group.ends.sum(1) for group in groups], 1)
        return _side_by_side(groups, beams), replace(self, room=room)

    def select(self, rows: Tensor) -> "DiverseSelection":
        """See `Selection.select`."""
        return replace(self, room=self.room[rows])


def extend(
    so_far: Tensor, log_probabilities: Tensor, beam_size: int, cost: Tensor | None = None
) -> Extended:
    """Return the best extensions that continue, best first, and the ends among the best of all.

    See `Selection.choose`; `log_probabilities` is overwritten.

    Args:
        so_far: The log-probabilities of the live hypotheses, `[batch, beams]`.
        log_probabilities: The log-probability of each next token, `[batch, beams, vocabulary]`.
        beam_size: The maximum number of extensions that continue, and the number of best ones in
            which ends count.
        cost: The cost of each token in the choice, subtracted from the log-probabilities,
            `[batch, 1, vocabulary]`.
    """
    end = log_probabilities[..., EOS].clone()
    log_probabilities[..., EOS] = DEAD
    width = min(beam_size, log_probabilities.shape[-1])
    if cost is None:
        best, tokens = top(log_probabilities, width)
        token_log_probability = best
    else:
        best, tokens = top(log_probabilities - cost, width)
        token_log_probability = log_probabilities.gather(2, tokens)
    ranks = (so_far.unsqueeze(2) + best).flatten(1)
    ranks, index = ranks.topk(min(beam_size, ranks.shape[1]))
    parents = index // width
    token_log_probability = token_log_probability.flatten(1).gather(1, index)
    ended = so_far + end
    return Extended(
        parents=parents,
        tokens=tokens.flatten(1).gather(1, index),
        token_log_probability=token_log_probability,
        log_probability=so_far.gather(1, parents) + token_log_probability,
        end_log_probability=end,
        ended=ended,
        ends=among_the_best(ended, ranks, beam_size),
    )


def top(values: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return the k greatest values along the last axis, descending, and their indices.

    Only the blocks with the k greatest maxima are searched, for they contain all k values. This is
    faster for a small k.

    Args:
        values: `[..., n]`.
        k: The number of values.
    """
    whole = values.shape[-1] // _BLOCK
    if whole < 2 * k:
        best = values.topk(k)
        return best.values, best.indices
    inside = whole * _BLOCK
    blocks = values[..., :inside].unflatten(-1, (whole, _BLOCK))
    chosen = blocks.amax(-1).topk(k).indices
    candidates = blocks.gather(-2, chosen.unsqueeze(-1).expand(*chosen.shape, _BLOCK)).flatten(-2)
    places = chosen.unsqueeze(-1) * _BLOCK + torch.arange(_BLOCK, device=values.device)
    rest = torch.arange(inside, values.shape[-1], device=values.device)
    candidates = torch.cat((candidates, values[..., inside:]), -1)
    places = torch.cat((places.flatten(-2), rest.expand(*chosen.shape[:-1], -1)), -1)
    best = candidates.topk(k)
    return best.values, places.gather(-1, best.indices)


def among_the_best(ended: Tensor, others: Tensor, beam_size: int) -> Tensor:
    """Return where `ended` is among the `beam_size` greatest values of both tensors.

    Args:
        ended: The log-probabilities of ended hypotheses, `[batch, beams]`.
        others: Those of the others, `[batch, n]`.
        beam_size: The number of greatest values.
    """
    both = torch.cat((ended, others), 1)
    chosen = both.topk(min(beam_size, both.shape[1])).indices
    among = torch.zeros_like(both, dtype=torch.bool).scatter_(1, chosen, True)
    return among[:, : ended.shape[1]] & (ended > DEAD)


def gather_beams(values: Tensor, beams: Tensor) -> Tensor:
    """Return the values of the given beams, `[batch, new_beams, n]`.

    Args:
        values: The values of all beams, `[batch, beams, n]`.
        beams: The indices of beams, `[batch, new_beams]`.
    """
    return values.gather(1, beams.unsqueeze(2).expand(-1, -1, values.shape[2]))


def _within(chosen: Extended, room: Tensor) -> Extended:
    """Keep at most `room [batch]` ends, the most probable ones, and end groups that are full."""
    ended = chosen.ended.masked_fill(~chosen.ends, DEAD)
    place = ended.argsort(dim=1, descending=True, stable=True).argsort(1)
    ends = chosen.ends & (place < room.unsqueeze(1))
    full = (ends.sum(1) >= room).unsqueeze(1)
    return replace(
        chosen, ends=ends, log_probability=chosen.log_probability.masked_fill(full, DEAD)
    )


def _widened(chosen: Extended, width: int) -> Extended:
    """Pad to `width` with dead hypotheses: a tiny vocabulary has fewer first tokens."""
    missing = (0, width - chosen.tokens.shape[1])
    pad = torch.nn.functional.pad
    return replace(
        chosen,
        parents=pad(chosen.parents, missing),
        tokens=pad(chosen.tokens, missing),
        token_log_probability=pad(chosen.token_log_probability, missing, value=DEAD),
        log_probability=pad(chosen.log_probability, missing, value=DEAD),
    )


def _side_by_side(groups: list[Extended], beams: int) -> Extended:
    """Concatenate all groups. At the first step, they share one beam, which cannot end."""
    old = groups[:1] if beams == 1 else groups
    return Extended(
        parents=torch.cat([group.parents for group in groups], 1),
        tokens=torch.cat([group.tokens for group in groups], 1),
        token_log_probability=torch.cat([group.token_log_probability for group in groups], 1),
        log_probability=torch.cat([group.log_probability for group in groups], 1),
        end_log_probability=torch.cat([group.end_log_probability for group in old], 1),
        ended=torch.cat([group.ended for group in old], 1),
        ends=torch.cat([group.ends for group in old], 1),
    )


@dataclass(frozen=True)
class SampledSelection(Selection):
    """Selection that samples the next token of each hypothesis from the model's distribution.

    The distribution is scaled by `temperature`, then truncated by `top_k` and `top_p`: see
    `truncate_distribution`.

    Attributes:
        draws: Uniform random numbers in [0, 1), `[batch, hypotheses, longest]`, one for each
            position. They depend on the seed, the source and its number alone, not on the rest of
            the batch.
        settings: The search settings.
    """

    draws: Tensor
    settings: SearchSettings

    @classmethod
    def of(
        cls,
        sources: Sequence[Sequence[int]],
        limits: Sequence[int],
        settings: SearchSettings,
        device: torch.device,
        numbers: Sequence[int] | None = None,
    ) -> "SampledSelection":
        """Return the selection for a batch of sources.

        Args:
            sources: The token ids of each source.
            limits: The maximum number of target tokens of each source.
            settings: The search settings. `beam_size` hypotheses are sampled for each source.
            device: The device of the random numbers.
            numbers: A number for each source. Equal sources with different numbers get different
                samples. None: equal sources get equal samples.
        """
        draws = np.zeros((len(sources), max(limits), settings.beam_size))
        for row, (source, limit) in enumerate(zip(sources, limits, strict=True)):
            own = [] if numbers is None else [numbers[row]]
            generator = np.random.default_rng([settings.seed, *source, *own])
            draws[row, :limit] = generator.random((limit, settings.beam_size))
        return cls(torch.from_numpy(draws).transpose(1, 2).to(device), settings)

    def choose(
        self, so_far: Tensor, log_probabilities: Tensor, time: int
    ) -> tuple[Extended, Selection]:
        """See `Selection.choose`.

        A hypothesis that samples the end mark does not continue.
        """
        cumulative = truncate_distribution(log_probabilities, self.settings).cumsum(2)
        draws = self.draws[:, :, time - 1].to(cumulative.dtype)
        hypotheses = draws.shape[1]
        first = log_probabilities.shape[1] < hypotheses
        if first:
            cumulative = cumulative.expand(-1, hypotheses, -1)
        points = draws.unsqueeze(2) * cumulative[..., -1:]
        tokens = torch.searchsorted(cumulative.contiguous(), points, right=True).squeeze(2)
        tokens = tokens.clamp(max=log_probabilities.shape[2] - 1)
        parents = torch.arange(hypotheses, device=tokens.device).expand_as(tokens)
        parents = torch.zeros_like(tokens) if first else parents
        values = log_probabilities.expand(-1, hypotheses, -1) if first else log_probabilities
        chosen = values.gather(2, tokens.unsqueeze(2)).squeeze(2)
        total = so_far.gather(1, parents) + chosen
        end = log_probabilities[..., EOS]
        ended = so_far + end
        drew_end = tokens == EOS
        ends = (drew_end if not first else drew_end[:, :1]) & (ended > DEAD)
        extended = Extended(
            parents=parents,
            tokens=tokens,
            token_log_probability=chosen,
            log_probability=total.masked_fill(drew_end, DEAD),
            end_log_probability=end,
            ended=ended,
            ends=ends,
        )
        return extended, self

    def select(self, rows: Tensor) -> "SampledSelection":
        """See `Selection.select`."""
        return replace(self, draws=self.draws[rows])


def truncate_distribution(log_probabilities: Tensor, settings: SearchSettings) -> Tensor:
    """Return the distribution to sample from, scaled and truncated.

    Args:
        log_probabilities: The model's distribution, `[batch, beams, vocabulary]`.
        settings: The search settings, of which `temperature`, `top_k` and `top_p` apply.

    Returns:
        Probabilities in float64, of the same shape; 0 for excluded tokens. They sum to one up to
        rounding.
    """
    values = log_probabilities.double() / settings.temperature
    probabilities = torch.softmax(values, -1)
    if settings.top_k:
        kept = min(settings.top_k, values.shape[-1])
        least = probabilities.topk(kept).values[..., -1:]
        probabilities = _normalized(probabilities.masked_fill(probabilities < least, 0.0))
    if settings.top_p < 1.0:
        falling, order = probabilities.sort(dim=-1, descending=True, stable=True)
        before = falling.cumsum(-1) - falling
        out = torch.zeros_like(probabilities, dtype=torch.bool)
        out.scatter_(-1, order, before >= settings.top_p)
        probabilities = _normalized(probabilities.masked_fill(out, 0.0))
    return probabilities


def _normalized(values: Tensor) -> Tensor:
    return values / values.sum(-1, keepdim=True)

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
"""Tokens in a block of `blockwise_topk`."""


@dataclass(frozen=True)
class Extensions:
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
        finished_log_probability: The log-probability of each previous beam with the end mark.
        is_finished: Whether each previous beam with the end mark is a finished hypothesis.
    """

    parents: Tensor
    tokens: Tensor
    token_log_probability: Tensor
    log_probability: Tensor
    end_log_probability: Tensor
    finished_log_probability: Tensor
    is_finished: Tensor


class Selection(ABC):
    """Strategy that chooses the extensions of each step.

    A selection with a state returns the selection for the next step.
    """

    @abstractmethod
    def choose(
        self, prefix_log_probability: Tensor, log_probabilities: Tensor, time: int
    ) -> tuple[Extensions, "Selection"]:
        """Return the extensions at one position, and the selection for the next.

        Args:
            prefix_log_probability: The log-probabilities of the live hypotheses, `[batch, beams]`,
                one beam at the first step.
            log_probabilities: The log-probability of each next token, minus infinity where it is
                forbidden, `[batch, beams, vocabulary]`. It may be overwritten.
            time: The position, from 1.
        """

    def continues_when_full(self) -> Tensor | None:
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
        self, prefix_log_probability: Tensor, log_probabilities: Tensor, time: int
    ) -> tuple[Extensions, Selection]:
        """See `Selection.choose`."""
        return extend(prefix_log_probability, log_probabilities, self.beam_size), self


@dataclass(frozen=True)
class DiverseSelection(Selection):
    """Diverse beam search: Vijayakumar et al. 2018, algorithm 1, Hamming diversity of section 4.

    The groups choose one after the other, each like `BestSelection` among its own hypotheses. A
    token costs `strength` for each time that an earlier group chose it at the same step. The end
    mark costs nothing. A group stops when it has finished as many hypotheses as it keeps.

    Attributes:
        beam_size: The number of hypotheses of all groups together.
        strength: The cost of a token for each earlier choice of it.
        remaining: The number of hypotheses that each group may still finish, `[batch, groups]`.
    """

    beam_size: int
    strength: float
    remaining: Tensor

    def choose(
        self, prefix_log_probability: Tensor, log_probabilities: Tensor, time: int
    ) -> tuple[Extensions, Selection]:
        """See `Selection.choose`."""
        batch, beams, vocabulary = log_probabilities.shape
        group_size = self.beam_size // self.remaining.shape[1]
        token_counts = log_probabilities.new_zeros(batch, 1, vocabulary)
        groups: list[Extensions] = []
        for group in range(self.remaining.shape[1]):
            first, width = (0, 1) if beams == 1 else (group * group_size, group_size)
            beams_of_group = slice(first, first + width)
            values = log_probabilities[:, beams_of_group].clone()
            chosen = extend(
                prefix_log_probability[:, beams_of_group],
                values,
                group_size,
                self.strength * token_counts,
            )
            chosen = _limit_finished(_pad_beams(chosen, group_size), self.remaining[:, group])
            alive = (chosen.log_probability > DEAD).to(token_counts.dtype)
            token_counts.squeeze(1).scatter_add_(1, chosen.tokens, alive)
            groups.append(replace(chosen, parents=chosen.parents + first))
        remaining = self.remaining - torch.stack([group.is_finished.sum(1) for group in groups], 1)
        return _join_groups(groups, beams), replace(self, remaining=remaining)

    def select(self, rows: Tensor) -> "DiverseSelection":
        """See `Selection.select`."""
        return replace(self, remaining=self.remaining[rows])


def extend(
    prefix_log_probability: Tensor,
    log_probabilities: Tensor,
    beam_size: int,
    cost: Tensor | None = None,
) -> Extensions:
    """Return the best extensions that continue, best first, and the ends among the best of all.

    See `Selection.choose`; `log_probabilities` is overwritten.

    Args:
        prefix_log_probability: The log-probabilities of the live hypotheses, `[batch, beams]`.
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
        best, tokens = blockwise_topk(log_probabilities, width)
        token_log_probability = best
    else:
        best, tokens = blockwise_topk(log_probabilities - cost, width)
        token_log_probability = log_probabilities.gather(2, tokens)
    ranks = (prefix_log_probability.unsqueeze(2) + best).flatten(1)
    ranks, index = ranks.topk(min(beam_size, ranks.shape[1]))
    parents = index // width
    token_log_probability = token_log_probability.flatten(1).gather(1, index)
    finished_log_probability = prefix_log_probability + end
    return Extensions(
        parents=parents,
        tokens=tokens.flatten(1).gather(1, index),
        token_log_probability=token_log_probability,
        log_probability=prefix_log_probability.gather(1, parents) + token_log_probability,
        end_log_probability=end,
        finished_log_probability=finished_log_probability,
        is_finished=is_among_best(finished_log_probability, ranks, beam_size),
    )


def blockwise_topk(values: Tensor, k: int) -> tuple[Tensor, Tensor]:
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
    in_blocks = whole * _BLOCK
    blocks = values[..., :in_blocks].unflatten(-1, (whole, _BLOCK))
    chosen = blocks.amax(-1).topk(k).indices
    candidates = blocks.gather(-2, chosen.unsqueeze(-1).expand(*chosen.shape, _BLOCK)).flatten(-2)
    indices = chosen.unsqueeze(-1) * _BLOCK + torch.arange(_BLOCK, device=values.device)
    rest = torch.arange(in_blocks, values.shape[-1], device=values.device)
    candidates = torch.cat((candidates, values[..., in_blocks:]), -1)
    indices = torch.cat((indices.flatten(-2), rest.expand(*chosen.shape[:-1], -1)), -1)
    best = candidates.topk(k)
    return best.values, indices.gather(-1, best.indices)


def is_among_best(values: Tensor, others: Tensor, beam_size: int) -> Tensor:
    """Return where `values` are among the `beam_size` greatest of both tensors, `[batch, beams]`.

    Args:
        values: The log-probabilities of ended hypotheses, `[batch, beams]`.
        others: The log-probabilities of the others, `[batch, n]`.
        beam_size: The number of greatest values.
    """
    both = torch.cat((values, others), 1)
    chosen = both.topk(min(beam_size, both.shape[1])).indices
    among = torch.zeros_like(both, dtype=torch.bool).scatter_(1, chosen, True)
    return among[:, : values.shape[1]] & (values > DEAD)


def gather_beams(values: Tensor, beams: Tensor) -> Tensor:
    """Return the values of the given beams, `[batch, new_beams, n]`.

    Args:
        values: The values of all beams, `[batch, beams, n]`.
        beams: The indices of beams, `[batch, new_beams]`.
    """
    return values.gather(1, beams.unsqueeze(2).expand(-1, -1, values.shape[2]))


def _limit_finished(chosen: Extensions, remaining: Tensor) -> Extensions:
    """Keep at most `remaining [batch]` ends, the most probable ones, and stop full groups."""
    finished_log_probability = chosen.finished_log_probability.masked_fill(
        ~chosen.is_finished, DEAD
    )
    rank = finished_log_probability.argsort(dim=1, descending=True, stable=True).argsort(1)
    is_finished = chosen.is_finished & (rank < remaining.unsqueeze(1))
    full = (is_finished.sum(1) >= remaining).unsqueeze(1)
    return replace(
        chosen,
        is_finished=is_finished,
        log_probability=chosen.log_probability.masked_fill(full, DEAD),
    )


def _pad_beams(chosen: Extensions, width: int) -> Extensions:
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


def _join_groups(groups: list[Extensions], beams: int) -> Extensions:
    """Concatenate all groups. At the first step, they share one beam, which cannot end."""
    ending_groups = groups[:1] if beams == 1 else groups
    return Extensions(
        parents=torch.cat([group.parents for group in groups], 1),
        tokens=torch.cat([group.tokens for group in groups], 1),
        token_log_probability=torch.cat([group.token_log_probability for group in groups], 1),
        log_probability=torch.cat([group.log_probability for group in groups], 1),
        end_log_probability=torch.cat([group.end_log_probability for group in ending_groups], 1),
        finished_log_probability=torch.cat(
            [group.finished_log_probability for group in ending_groups], 1
        ),
        is_finished=torch.cat([group.is_finished for group in ending_groups], 1),
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
    def for_sources(
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
            number = [] if numbers is None else [numbers[row]]
            generator = np.random.default_rng([settings.seed, *source, *number])
            draws[row, :limit] = generator.random((limit, settings.beam_size))
        return cls(torch.from_numpy(draws).transpose(1, 2).to(device), settings)

    def choose(
        self, prefix_log_probability: Tensor, log_probabilities: Tensor, time: int
    ) -> tuple[Extensions, Selection]:
        """See `Selection.choose`.

        A hypothesis that samples the end mark does not continue.
        """
        cumulative = truncate_distribution(log_probabilities, self.settings).cumsum(2)
        draws = self.draws[:, :, time - 1].to(cumulative.dtype)
        hypotheses = draws.shape[1]
        is_first_step = log_probabilities.shape[1] < hypotheses
        if is_first_step:
            cumulative = cumulative.expand(-1, hypotheses, -1)
        thresholds = draws.unsqueeze(2) * cumulative[..., -1:]
        tokens = torch.searchsorted(cumulative.contiguous(), thresholds, right=True).squeeze(2)
        tokens = tokens.clamp(max=log_probabilities.shape[2] - 1)
        parents = torch.arange(hypotheses, device=tokens.device).expand_as(tokens)
        parents = torch.zeros_like(tokens) if is_first_step else parents
        values = (
            log_probabilities.expand(-1, hypotheses, -1) if is_first_step else log_probabilities
        )
        chosen = values.gather(2, tokens.unsqueeze(2)).squeeze(2)
        total = prefix_log_probability.gather(1, parents) + chosen
        end = log_probabilities[..., EOS]
        finished_log_probability = prefix_log_probability + end
        sampled_end = tokens == EOS
        is_finished = (sampled_end if not is_first_step else sampled_end[:, :1]) & (
            finished_log_probability > DEAD
        )
        extensions = Extensions(
            parents=parents,
            tokens=tokens,
            token_log_probability=chosen,
            log_probability=total.masked_fill(sampled_end, DEAD),
            end_log_probability=end,
            finished_log_probability=finished_log_probability,
            is_finished=is_finished,
        )
        return extensions, self

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
        threshold = probabilities.topk(kept).values[..., -1:]
        probabilities = _normalized(probabilities.masked_fill(probabilities < threshold, 0.0))
    if settings.top_p < 1.0:
        descending, order = probabilities.sort(dim=-1, descending=True, stable=True)
        before = descending.cumsum(-1) - descending
        excluded = torch.zeros_like(probabilities, dtype=torch.bool)
        excluded.scatter_(-1, order, before >= settings.top_p)
        probabilities = _normalized(probabilities.masked_fill(excluded, 0.0))
    return probabilities


def _normalized(values: Tensor) -> Tensor:
    return values / values.sum(-1, keepdim=True)

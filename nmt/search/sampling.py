"""Random sampling of translations, token by token."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from nmt.config.settings import SearchSettings
from nmt.search.selection import DEAD, Extended, Selection
from nmt.tokenizers.sentencepiece import EOS


@dataclass(frozen=True)
class Sampled(Selection):
    """Selection that samples the next token of each hypothesis from the model's distribution.

    The distribution is scaled by `temperature`, then truncated by `top_k` and `top_p`: see
    `narrowed`.

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
    ) -> "Sampled":
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
        cumulative = narrowed(log_probabilities, self.settings).cumsum(2)
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

    def select(self, rows: Tensor) -> "Sampled":
        """See `Selection.select`."""
        return replace(self, draws=self.draws[rows])


def narrowed(log_probabilities: Tensor, settings: SearchSettings) -> Tensor:
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

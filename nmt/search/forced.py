"""Forced decoding: what a model says of translations that are given, in the terms of search.

The score of a translation is what search would rank it by, whether or not a beam finds it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from nmt.config.kinds import LENGTH_PENALTIES
from nmt.config.settings import SearchSettings
from nmt.data.batches import Batch, make_batch
from nmt.errors import ModelError
from nmt.model.encoder import length_mask
from nmt.model.kernels.batch_invariance import SOURCE_MULTIPLE
from nmt.runtime.device import Runtime
from nmt.search.corpus import Evaluating, batches
from nmt.search.hypothesis import Hypothesis, Weights
from nmt.search.penalties import LengthPenalty, coverage_needs_attention, coverage_penalty

_ROWS = 1024
"""Positions whose probabilities are held at a time, each a row as long as the vocabulary: about as
many as search holds, one for each beam of its sentences.
"""


class Unrolling(Protocol):
    """What forced decoding asks of a model: `Seq2Seq`, or anything that behaves like it."""

    def encode(self, source: Tensor, lengths: Tensor) -> Any:
        """An encoded batch."""

    def unroll(self, encoded: Any, target_input: Tensor) -> Any:
        """All steps over `target_input [batch, target_len]`: knows `span(begin, end)` and its
        attention `weights [batch, target_len, source_len]`, or None.
        """

    def log_probabilities(self, encoded: Any, step: Any) -> Tensor:
        """Of each target token after steps, `[batch, steps, vocabulary]`."""


@dataclass(frozen=True)
class Pair:
    """A source and a translation of it, in token ids without end marks.

    finished: whether the translation ends with its last token, so that its end mark counts; false
    for one that a length limit cut off, or of which only the beginning is asked for.
    """

    source: Sequence[int]
    target: Sequence[int]
    finished: bool = True

    @property
    def scored(self) -> int:
        """How many tokens there are to score; none when both sides are blank."""
        return len(self.target) + self.finished if self.source or self.target else 0

    @property
    def longest(self) -> int:
        """Length of the longer side with its end mark; 0 where there is nothing to score."""
        return max(len(self.source), len(self.target)) + 1 if self.scored else 0


def force_decode(
    model: Unrolling,
    pairs: Sequence[Pair],
    settings: SearchSettings,
    runtime: Runtime,
    attention: bool = False,
) -> list[Hypothesis]:
    """Each pair's translation as a hypothesis of its source, in the order of `pairs`.

    settings: its penalties and `batch_sentences`; attention: whether hypotheses carry their
    attention weights. A blank translation of a blank source has log-probability 0, no tokens, and
    no model is asked; where only one side is blank the model is. A module in training mode is put
    into evaluation mode for the time being.

    Raises ModelError when the model gives no finite probabilities, UsageError when there is a
    coverage penalty and no attention.
    """
    found = [Hypothesis([], 0.0, 0.0, [], None, pair.finished) for pair in pairs]
    forced = _Forced(model, settings, runtime.device, attention)
    with Evaluating(model), runtime.computing():
        for batch in batches([pair.longest for pair in pairs], settings.batch_sentences):
            hypotheses = forced.decode([pairs[i] for i in batch])
            for i, hypothesis in zip(batch, hypotheses, strict=True):
                found[i] = hypothesis
    return found


class _Forced:
    """Forced decoding of one batch after the other."""

    def __init__(
        self, model: Unrolling, settings: SearchSettings, device: torch.device, attention: bool
    ) -> None:
        self._model = model
        self._device = device
        self._keeps_attention = attention
        self._coverage_strength = settings.coverage_penalty
        self._penalty: LengthPenalty = LENGTH_PENALTIES.resolve(settings.length_penalty)(
            settings.alpha
        )

    @torch.inference_mode()
    def decode(self, pairs: Sequence[Pair]) -> list[Hypothesis]:
        """The hypotheses of pairs that each have something to score."""
        batch = padded(pairs).to(self._device)
        encoded = self._model.encode(batch.source, batch.source_lengths)
        unrolled = self._model.unroll(encoded, batch.target_input)
        lengths = torch.tensor([pair.scored for pair in pairs])
        real = length_mask(lengths, batch.target_output.shape[1])
        of_tokens = self._log_probabilities(encoded, unrolled, batch.target_output)
        of_tokens = of_tokens.cpu().double().masked_fill(~real, 0.0)
        total = of_tokens.sum(1)
        # One by one, as search does: torch's powers of several numbers may round with their number.
        score = torch.stack(
            [self._penalty.score(*each) for each in zip(total, lengths, strict=True)]
        )
        if self._coverage_strength > 0.0:
            score = score + self._coverage(unrolled.weights, real, batch.source_lengths)
        if not score.isfinite().all():
            raise ModelError(
                "the model gives no finite probabilities (NaN or infinity): its training "
                "diverged. Score with an earlier checkpoint."
            )
        weights = unrolled.weights if self._keeps_attention else None
        return [
            Hypothesis(
                tokens=list(pair.target),
                log_probability=float(total[i]),
                score=float(score[i]),
                token_log_probabilities=of_tokens[i, : pair.scored].tolist(),
                attention=None if weights is None else _attention(weights[i], pair),
                finished=pair.finished,
            )
            for i, pair in enumerate(pairs)
        ]

    def _log_probabilities(self, encoded: Any, unrolled: Any, targets: Tensor) -> Tensor:
        """Of `targets [batch, target_len]`, a few positions at a time."""
        batch, target_len = targets.shape
        positions = max(1, _ROWS // batch)
        parts = []
        for begin in range(0, target_len, positions):
            steps = unrolled.span(begin, begin + positions)
            of_all = self._model.log_probabilities(encoded, steps)
            wanted = targets[:, begin : begin + positions].unsqueeze(2)
            parts.append(of_all.gather(2, wanted).squeeze(2))
        return torch.cat(parts, 1)

    def _coverage(self, weights: Tensor | None, real: Tensor, source_lengths: Tensor) -> Tensor:
        """The coverage penalty of each pair, `[batch]`."""
        if weights is None:
            raise coverage_needs_attention()
        # Running sums: unlike sums, they are the same with zeros after them.
        covered = (weights * real.to(weights.device).unsqueeze(2)).cumsum(1)[:, -1:]
        mask = length_mask(source_lengths, weights.shape[2])
        return coverage_penalty(covered, mask, self._coverage_strength).squeeze(1).cpu()


def padded(pairs: Sequence[Pair]) -> Batch:
    """Pairs as a batch, in their order."""
    return make_batch(
        [pair.source for pair in pairs],
        [pair.target for pair in pairs],
        np.arange(len(pairs)),
        SOURCE_MULTIPLE,
    )


def _attention(weights: Tensor, pair: Pair) -> Weights:
    """The rows and columns of a pair, of `weights [target_len, source_len]` with padding."""
    own: Weights = weights[: pair.scored, : len(pair.source) + 1].float().cpu().numpy().copy()
    return own

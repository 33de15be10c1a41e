"""Forced decoding: model scores of given translations, as search computes them.

The score of a translation is the one that search would rank it by, whether or not a beam finds it.
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
"""Number of positions whose probabilities are held at a time.

Each takes a row of the size of the vocabulary. Search holds about as many rows, one for each beam
of its sentences.
"""


class Unrolling(Protocol):
    """Interface of a model for forced decoding: `Seq2Seq`, or any object that behaves like it."""

    def encode(self, source: Tensor, lengths: Tensor) -> Any:
        """Return an encoded batch.

        Args:
            source: The token ids, `[batch, source_len]`.
            lengths: The lengths of the sources, `[batch]`.
        """

    def unroll(self, encoded: Any, target_input: Tensor) -> Any:
        """Return all steps over a given target.

        They have the method `span(begin, end)`, and `weights [batch, target_len, source_len]` or
        None.

        Args:
            encoded: The encoded batch.
            target_input: The target tokens, from BOS on, `[batch, target_len]`.
        """

    def log_probabilities(self, encoded: Any, step: Any) -> Tensor:
        """Return the log-probability of each target token, `[batch, steps, vocabulary]`.

        Args:
            encoded: The encoded batch.
            step: The steps.
        """


@dataclass(frozen=True)
class Pair:
    """Source and a translation of it, in token ids without end marks.

    Attributes:
        source: The token ids of the source.
        target: The token ids of the translation.
        finished: Whether the translation ends with its last token, so that its end mark is scored.
            False where a length limit cut it off, or where only its beginning is scored.
    """

    source: Sequence[int]
    target: Sequence[int]
    finished: bool = True

    @property
    def scored(self) -> int:
        """Number of tokens to score, 0 when both sides are blank."""
        return len(self.target) + self.finished if self.source or self.target else 0

    @property
    def longest(self) -> int:
        """Length of the longer side with its end mark, 0 where there is nothing to score."""
        return max(len(self.source), len(self.target)) + 1 if self.scored else 0


def force_decode(
    model: Unrolling,
    pairs: Sequence[Pair],
    settings: SearchSettings,
    runtime: Runtime,
    attention: bool = False,
) -> list[Hypothesis]:
    """Return each pair's translation as a hypothesis of its source, in the order of `pairs`.

    A blank translation of a blank source has no tokens and log-probability 0, and no model runs.
    Where one side is blank, the model runs. A module in training mode is in evaluation mode
    meanwhile.

    Args:
        model: The model.
        pairs: Sources and their translations.
        settings: The search settings, of which the penalties and `batch_sentences` apply.
        runtime: The device and precision.
        attention: Whether hypotheses carry their attention weights.

    Raises:
        ModelError: The model returns no finite probabilities.
        UsageError: There is a coverage penalty, and the model has no attention.
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
    """Forced decoding of batches."""

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
        """Return the hypotheses of pairs, which all have something to score."""
        batch = padded(pairs).to(self._device)
        encoded = self._model.encode(batch.source, batch.source_lengths)
        unrolled = self._model.unroll(encoded, batch.target_input)
        lengths = torch.tensor([pair.scored for pair in pairs])
        real = length_mask(lengths, batch.target_output.shape[1])
        of_tokens = self._log_probabilities(encoded, unrolled, batch.target_output)
        of_tokens = of_tokens.cpu().double().masked_fill(~real, 0.0)
        total = of_tokens.sum(1)
        # One by one, as in search: torch may round powers differently in a longer tensor.
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
        """Return the log-probabilities of `targets [batch, target_len]`, in runs of positions."""
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
        """Return the coverage penalty of each pair, `[batch]`."""
        if weights is None:
            raise coverage_needs_attention()
        # Running sums, unlike sums, are the same with zeros after them.
        covered = (weights * real.to(weights.device).unsqueeze(2)).cumsum(1)[:, -1:]
        mask = length_mask(source_lengths, weights.shape[2])
        return coverage_penalty(covered, mask, self._coverage_strength).squeeze(1).cpu()


def padded(pairs: Sequence[Pair]) -> Batch:
    """Return pairs as a batch, in their order."""
    return make_batch(
        [pair.source for pair in pairs],
        [pair.target for pair in pairs],
        np.arange(len(pairs)),
        SOURCE_MULTIPLE,
    )


def _attention(weights: Tensor, pair: Pair) -> Weights:
    """Return the rows and columns of a pair, from padded `weights [target_len, source_len]`."""
    own: Weights = weights[: pair.scored, : len(pair.source) + 1].float().cpu().numpy().copy()
    return own

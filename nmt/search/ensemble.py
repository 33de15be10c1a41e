"""Ensembles of models that search together, and the combination of their probabilities."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from nmt.config.registry import COMBINATIONS
from nmt.errors import UsageError
from nmt.model.decoder_state import Step, Unrolled
from nmt.model.output import log_sum_exp
from nmt.model.seq2seq import Seq2Seq


class Ensemble(nn.Module):
    """Several models that search uses as one: a `Scorer`.

    Args:
        models: Models of any architecture and size, over the same source and target tokens.
        weights: The weight of each model. They are normalized to sum to one. None: equal weights.
        combination: The way to combine distributions, a name in COMBINATIONS.

    Raises:
        UsageError: The weights or the combination are invalid.
    """

    def __init__(
        self,
        models: Sequence[Seq2Seq],
        weights: Sequence[float] | None = None,
        combination: str = "log_linear",
    ) -> None:
        super().__init__()
        if combination not in COMBINATIONS.kinds:
            raise UsageError(
                f"{combination!r} is not a {COMBINATIONS.noun} of models; choose one of "
                f"{', '.join(COMBINATIONS.names())}."
            )
        shares = _normalize_weights(weights, len(models))
        used = [i for i, share in enumerate(shares) if share > 0.0]
        self._models = nn.ModuleList(models[i] for i in used)
        self._weights = [shares[i] for i in used]
        self._combine = COMBINATIONS.resolve(combination)
        self.train(any(model.training for model in self.models))

    @property
    def models(self) -> list[Seq2Seq]:
        """The models with a weight above zero. The others do not run."""
        return cast("list[Seq2Seq]", list(self._models))

    def encode(self, source: Tensor, lengths: Tensor) -> "_MemberStates":
        """See `Seq2Seq.encode`."""
        return _MemberStates(tuple(model.encode(source, lengths) for model in self.models))

    def start(self, encoded: "_MemberStates", beams: int) -> "_MemberStates":
        """See `Seq2Seq.start`."""
        pairs = zip(self.models, encoded.parts, strict=True)
        return _MemberStates(tuple(model.start(part, beams) for model, part in pairs))

    def step(
        self, encoded: "_MemberStates", state: "_MemberStates", previous: Tensor
    ) -> "_EnsembleStep":
        """See `Seq2Seq.step`.

        The attention weights are the weighted mean over the models with attention, None without
        any.
        """
        members = zip(self.models, encoded.parts, state.parts, strict=True)
        steps = tuple(
            model.step(part, member_state, previous) for model, part, member_state in members
        )
        return _EnsembleStep(
            _MemberStates(tuple(step.state for step in steps)), steps, self._attention(steps)
        )

    def unroll(self, encoded: "_MemberStates", target_input: Tensor) -> "_EnsembleUnrolled":
        """See `Seq2Seq.unroll`."""
        pairs = zip(self.models, encoded.parts, strict=True)
        steps = tuple(model.unroll(part, target_input) for model, part in pairs)
        return _EnsembleUnrolled(steps, self._attention(steps))

    def log_probabilities(
        self, encoded: "_MemberStates", step: "_EnsembleStep | _EnsembleUnrolled"
    ) -> Tensor:
        """See `Seq2Seq.log_probabilities`.

        The combined probabilities of a step sum to one.
        """
        steps: tuple[Step | Unrolled, ...] = step.steps
        members = zip(self.models, encoded.parts, steps, strict=True)
        distributions = (
            model.log_probabilities(part, member_step) for model, part, member_step in members
        )
        combined: Tensor = self._combine(distributions, self._weights)
        return combined

    def _attention(self, steps: Sequence[Step | Unrolled]) -> Tensor | None:
        attending = [
            (step.weights, share)
            for step, share in zip(steps, self._weights, strict=True)
            if step.weights is not None
        ]
        if not attending:
            return None
        return weighted_sum(attending) / sum(share for _, share in attending)


def log_linear(log_probabilities: Iterable[Tensor], weights: Sequence[float]) -> Tensor:
    """Return the product of distributions, each to the power of its weight, normalized.

    A token that one model excludes is excluded.

    Args:
        log_probabilities: The log-probabilities of each model, `[..., vocabulary]`.
        weights: The weight of each model. They sum to one.

    Returns:
        Log-probabilities, `[..., vocabulary]`.
    """
    return torch.log_softmax(weighted_sum(zip(log_probabilities, weights, strict=True)), -1)


def linear(log_probabilities: Iterable[Tensor], weights: Sequence[float]) -> Tensor:
    """Return the logarithm of the weighted mean of distributions.

    A token that one model finds likely stays likely.

    Args:
        log_probabilities: The log-probabilities of each model, `[..., vocabulary]`.
        weights: The weight of each model, above zero. They sum to one.

    Returns:
        Log-probabilities, `[..., vocabulary]`.
    """
    total: Tensor | None = None
    for log_probability, weight in zip(log_probabilities, weights, strict=True):
        weighted = log_probability + math.log(weight)
        total = weighted if total is None else log_sum_exp(total, weighted)
    assert total is not None
    return total


def weighted_sum(weighted: Iterable[tuple[Tensor, float]]) -> Tensor:
    """Return the sum of tensors times their weights.

    The iterable is read lazily: each tensor is added before the next is requested.
    """
    total: Tensor | None = None
    for tensor, weight in weighted:
        total = tensor * weight if total is None else total.add_(tensor, alpha=weight)
    assert total is not None
    return total


@dataclass(frozen=True)
class _MemberStates:
    """Encoded batches, or decoder states, of all models, in their order."""

    parts: tuple[Any, ...]

    def select(self, rows: Tensor) -> "_MemberStates":
        """Return the given sentences, `rows [new_batch]`."""
        return _MemberStates(tuple(part.select(rows) for part in self.parts))

    def reorder(self, beams: Tensor) -> "_MemberStates":
        """Return the states of the given beams of each sentence, `beams [batch, new_beams]`."""
        return _MemberStates(tuple(part.reorder(beams) for part in self.parts))


@dataclass(frozen=True)
class _EnsembleStep:
    """Step of all models.

    Attributes:
        state: The next state of each model.
        steps: The step of each model.
        weights: The combined attention weights, `[batch, beams, source_len]`, or None.
    """

    state: _MemberStates
    steps: tuple[Step, ...]
    weights: Tensor | None


@dataclass(frozen=True)
class _EnsembleUnrolled:
    """Steps of all models over one target.

    Attributes:
        steps: The steps of each model.
        weights: The combined attention weights, `[batch, target_len, source_len]`, or None.
    """

    steps: tuple[Unrolled, ...]
    weights: Tensor | None

    def span(self, begin: int, end: int) -> "_EnsembleUnrolled":
        """Return the steps from `begin` up to, but not including, `end`."""
        return _EnsembleUnrolled(
            tuple(step.span(begin, end) for step in self.steps),
            None if self.weights is None else self.weights[:, begin:end],
        )


def _normalize_weights(weights: Sequence[float] | None, models: int) -> list[float]:
    """Return the weights, normalized to sum to one."""
    if weights is None:
        return [1.0 / models] * models
    if len(weights) != models:
        raise UsageError(
            f"models: {models}, weights: {len(weights)}. Give one weight for each model, in the "
            "same order, or none."
        )
    for weight in weights:
        if not 0.0 <= weight < math.inf:
            raise UsageError(f"{weight:g} is not a weight of a model. Give a number >= 0.")
    total = sum(weights)
    if total == 0.0:
        raise UsageError("the weights of all models are 0. Give at least one a weight > 0.")
    return [weight / total for weight in weights]

"""Ensembles of models that search together, and the attention of each member and head.

Search keeps only the mean. To obtain the parts, the model decodes given translations once more.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from nmt.config.registry import COMBINATIONS
from nmt.errors import UsageError
from nmt.model.attention import Attention, NoAttention
from nmt.model.decoder_state import Step, Unrolled
from nmt.model.output import log_sum_exp
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.device import Runtime
from nmt.search.batched_search import Evaluating, batches
from nmt.search.forced_decoding import ForcedPair, padded
from nmt.search.hypothesis import Weights


class Ensemble(nn.Module):
    """Several models that search uses as one: a `Scorer`.

    Args:
        models: Models of any architecture and size, over the same source and target tokens.
        weights: The weight of each model. They are normalised to sum to one. None: equal weights.
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
                f"{combination!r} is no {COMBINATIONS.noun} of models; choose one of "
                f"{', '.join(COMBINATIONS.names())}."
            )
        shares = _shares(weights, len(models))
        heard = [i for i, share in enumerate(shares) if share > 0.0]
        self._models = nn.ModuleList(models[i] for i in heard)
        self._weights = [shares[i] for i in heard]
        self._combine = COMBINATIONS.resolve(combination)
        self.train(any(model.training for model in self.models))

    @property
    def models(self) -> list[Seq2Seq]:
        """The models with a weight above zero. The others do not run."""
        return cast("list[Seq2Seq]", list(self._models))

    def encode(self, source: Tensor, lengths: Tensor) -> "_Each":
        """See `Seq2Seq.encode`."""
        return _Each(tuple(model.encode(source, lengths) for model in self.models))

    def start(self, encoded: "_Each", beams: int) -> "_Each":
        """See `Seq2Seq.start`."""
        pairs = zip(self.models, encoded.parts, strict=True)
        return _Each(tuple(model.start(part, beams) for model, part in pairs))

    def step(self, encoded: "_Each", state: "_Each", previous: Tensor) -> "_EnsembleStep":
        """See `Seq2Seq.step`.

        The attention weights are the weighted mean over the models with attention, None without
        any.
        """
        asked = zip(self.models, encoded.parts, state.parts, strict=True)
        steps = tuple(model.step(part, before, previous) for model, part, before in asked)
        return _EnsembleStep(
            _Each(tuple(step.state for step in steps)), steps, self._attention(steps)
        )

    def unroll(self, encoded: "_Each", target_input: Tensor) -> "_EnsembleUnrolled":
        """See `Seq2Seq.unroll`."""
        pairs = zip(self.models, encoded.parts, strict=True)
        steps = tuple(model.unroll(part, target_input) for model, part in pairs)
        return _EnsembleUnrolled(steps, self._attention(steps))

    def log_probabilities(
        self, encoded: "_Each", step: "_EnsembleStep | _EnsembleUnrolled"
    ) -> Tensor:
        """See `Seq2Seq.log_probabilities`.

        The combined probabilities of a step sum to one.
        """
        steps: tuple[Step | Unrolled, ...] = step.steps
        asked = zip(self.models, encoded.parts, steps, strict=True)
        each = (model.log_probabilities(part, own) for model, part, own in asked)
        combined: Tensor = self._combine(each, self._weights)
        return combined

    def _attention(self, steps: Sequence[Step | Unrolled]) -> Tensor | None:
        looking = [
            (step.weights, share)
            for step, share in zip(steps, self._weights, strict=True)
            if step.weights is not None
        ]
        if not looking:
            return None
        return sum_of(looking) / sum(share for _, share in looking)


def log_linear(log_probabilities: Iterable[Tensor], weights: Sequence[float]) -> Tensor:
    """Return the product of distributions, each to the power of its weight, normalised.

    A token that one model excludes is excluded.

    Args:
        log_probabilities: The log-probabilities of each model, `[..., vocabulary]`.
        weights: The weight of each model. They sum to one.

    Returns:
        Log-probabilities, `[..., vocabulary]`.
    """
    return torch.log_softmax(sum_of(zip(log_probabilities, weights, strict=True)), -1)


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
    for each, weight in zip(log_probabilities, weights, strict=True):
        part = each + math.log(weight)
        total = part if total is None else log_sum_exp(total, part)
    assert total is not None
    return total


def sum_of(weighted: Iterable[tuple[Tensor, float]]) -> Tensor:
    """Return the sum of tensors times their weights.

    The iterable is read lazily: each tensor is added before the next is requested.
    """
    total: Tensor | None = None
    for each, weight in weighted:
        total = each * weight if total is None else total.add_(each, alpha=weight)
    assert total is not None
    return total


@dataclass(frozen=True)
class _Each:
    """Encoded batches, or decoder states, of all models, in their order."""

    parts: tuple[Any, ...]

    def select(self, rows: Tensor) -> "_Each":
        """Return the given sentences, `rows [new_batch]`."""
        return _Each(tuple(part.select(rows) for part in self.parts))

    def reorder(self, beams: Tensor) -> "_Each":
        """Return the states of the given beams of each sentence, `beams [batch, new_beams]`."""
        return _Each(tuple(part.reorder(beams) for part in self.parts))


@dataclass(frozen=True)
class _EnsembleStep:
    """Step of all models.

    Attributes:
        state: The next state of each model.
        steps: The step of each model.
        weights: The combined attention weights, `[batch, beams, source_len]`, or None.
    """

    state: _Each
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


def _shares(weights: Sequence[float] | None, models: int) -> list[float]:
    """Return the weights, normalised to sum to one."""
    if weights is None:
        return [1.0 / models] * models
    if len(weights) != models:
        raise UsageError(
            f"models: {models}, weights: {len(weights)}. Give one weight for each model, in their "
            "order, or none."
        )
    for weight in weights:
        if not 0.0 <= weight < math.inf:
            raise UsageError(f"{weight:g} is no weight of a model; give a number from 0 on.")
    total = sum(weights)
    if total == 0.0:
        raise UsageError("the weights of all models are 0: give one of them at least a greater.")
    return [weight / total for weight in weights]


@dataclass(frozen=True)
class View:
    """Attention of one head of one model.

    Attributes:
        name: The name for display.
        weights: `[target_len, source_len]`.
    """

    name: str
    weights: Weights


def models_of(model: object) -> list[Seq2Seq]:
    """Return the models with attention: the model itself, or those of an ensemble."""
    members = model.models if isinstance(model, Ensemble) else [model]
    return [
        each
        for each in members
        if isinstance(each, Seq2Seq) and not isinstance(each.decoder.attention, NoAttention)
    ]


def parts_of(models: Sequence[Seq2Seq]) -> int:
    """Return the number of heads of all models together."""
    return sum(model.decoder.attention.heads for model in models)


def views(
    models: Sequence[Seq2Seq], pairs: Sequence[ForcedPair], batch_sentences: int, runtime: Runtime
) -> list[list[View]]:
    """Return the views of each pair, one for each head of each model, in their order.

    A pair with a blank source has none.

    Args:
        models: Models with attention.
        pairs: Sources and their translations.
        batch_sentences: The maximum number of pairs in a batch.
        runtime: The device and precision.
    """
    found: list[list[View]] = [[] for _ in pairs]
    names = list(_names(models))
    with ExitStack() as modes, runtime.computing():
        for model in models:
            modes.enter_context(Evaluating(model))
        lengths = [pair.longest if pair.source else 0 for pair in pairs]
        for batch in batches(lengths, batch_sentences):
            weights = _weights(models, [pairs[i] for i in batch], runtime.device)
            for row, i in enumerate(batch):
                pair = pairs[i]
                own = weights[row, :, : pair.scored, : len(pair.source) + 1].numpy().copy()
                found[i] = [View(*each) for each in zip(names, own, strict=True)]
    return found


@torch.inference_mode()
def _weights(
    models: Sequence[Seq2Seq], pairs: Sequence[ForcedPair], device: torch.device
) -> Tensor:
    """Return the weights of all heads of all models, `[batch, heads, target_len, source_len]`."""
    batch = padded(pairs).to(device)
    every = []
    for model in models:
        with _listened_to(model.decoder.attention) as heard:
            encoded = model.encode(batch.source, batch.source_lengths)
            model.unroll(encoded, batch.target_input)
        every.append(torch.cat(heard, 2).float().cpu())
    return torch.cat(every, 1)


@contextmanager
def _listened_to(attention: Attention) -> Iterator[list[Tensor]]:
    """Yield a list that receives the head weights of each call of the attention."""
    heard: list[Tensor] = []

    def hear(module: Any, asked: tuple[Any, ...]) -> None:
        heard.append(module.head_weights(*asked))

    hook = attention.register_forward_pre_hook(hear)
    try:
        yield heard
    finally:
        hook.remove()


def _names(models: Sequence[Seq2Seq]) -> Iterator[str]:
    for number, model in enumerate(models, start=1):
        heads = model.decoder.attention.heads
        for head in range(1, heads + 1):
            parts = [f"model {number}"] * (len(models) > 1) + [f"head {head}"] * (heads > 1)
            yield ", ".join(parts)

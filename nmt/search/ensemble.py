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
from nmt.search.forced_decoding import ForcedPair, make_forced_batch
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
    """Return the product of distributions, each to the power of its weight, normalised.

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
class HeadAttention:
    """Attention of one head of one model.

    Attributes:
        name: The name for display.
        weights: `[target_len, source_len]`.
    """

    name: str
    weights: Weights


def models_with_attention(model: object) -> list[Seq2Seq]:
    """Return the models with attention: the model itself, or those of an ensemble."""
    members = model.models if isinstance(model, Ensemble) else [model]
    return [
        member
        for member in members
        if isinstance(member, Seq2Seq) and not isinstance(member.decoder.attention, NoAttention)
    ]


def count_heads(models: Sequence[Seq2Seq]) -> int:
    """Return the number of heads of all models together."""
    return sum(model.decoder.attention.heads for model in models)


def head_attentions(
    models: Sequence[Seq2Seq], pairs: Sequence[ForcedPair], batch_sentences: int, runtime: Runtime
) -> list[list[HeadAttention]]:
    """Return the attention of each head of each model for each pair, in their order.

    A pair with a blank source has none.

    Args:
        models: Models with attention.
        pairs: Sources and their translations.
        batch_sentences: The maximum number of pairs in a batch.
        runtime: The device and precision.
    """
    heads_of_pairs: list[list[HeadAttention]] = [[] for _ in pairs]
    names = list(_names(models))
    with ExitStack() as modes, runtime.computing():
        for model in models:
            modes.enter_context(Evaluating(model))
        lengths = [pair.longer_length if pair.source else 0 for pair in pairs]
        for batch in batches(lengths, batch_sentences):
            weights = _weights(models, [pairs[i] for i in batch], runtime.device)
            for row, i in enumerate(batch):
                pair = pairs[i]
                pair_weights = (
                    weights[row, :, : pair.scored_tokens, : len(pair.source) + 1].numpy().copy()
                )
                heads = zip(names, pair_weights, strict=True)
                heads_of_pairs[i] = [HeadAttention(name, head) for name, head in heads]
    return heads_of_pairs


@torch.inference_mode()
def _weights(
    models: Sequence[Seq2Seq], pairs: Sequence[ForcedPair], device: torch.device
) -> Tensor:
    """Return the weights of all heads of all models, `[batch, heads, target_len, source_len]`."""
    batch = make_forced_batch(pairs).to(device)
    weights_of_models = []
    for model in models:
        with _record_head_weights(model.decoder.attention) as head_weights:
            encoded = model.encode(batch.source, batch.source_lengths)
            model.unroll(encoded, batch.target_input)
        weights_of_models.append(torch.cat(head_weights, 2).float().cpu())
    return torch.cat(weights_of_models, 1)


@contextmanager
def _record_head_weights(attention: Attention) -> Iterator[list[Tensor]]:
    """Yield a list that receives the head weights of each call of the attention."""
    head_weights: list[Tensor] = []

    def record(module: Any, arguments: tuple[Any, ...]) -> None:
        head_weights.append(module.head_weights(*arguments))

    hook = attention.register_forward_pre_hook(record)
    try:
        yield head_weights
    finally:
        hook.remove()


def _names(models: Sequence[Seq2Seq]) -> Iterator[str]:
    for number, model in enumerate(models, start=1):
        heads = model.decoder.attention.heads
        for head in range(1, heads + 1):
            parts = [f"model {number}"] * (len(models) > 1) + [f"head {head}"] * (heads > 1)
            yield ", ".join(parts)

"""The attention weights of each head of each model, for given translations.

Search keeps only the mean over models and heads. To obtain the parts, the models decode the
translations once more.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nmt.model.attention import Attention, NoAttention
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.device import Runtime
from nmt.search.decode_corpus import Evaluating, batches
from nmt.search.ensemble import Ensemble
from nmt.search.forced_decoding import ForcedPair, make_forced_batch
from nmt.search.hypothesis import Weights


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

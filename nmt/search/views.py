"""Attention of one head, or of one model of an ensemble.

Search keeps only the mean. To obtain the parts, the model decodes given translations once more.
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
from nmt.search.corpus import Evaluating, batches
from nmt.search.ensemble import Ensemble
from nmt.search.forced import Pair, padded
from nmt.search.hypothesis import Weights


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
    models: Sequence[Seq2Seq], pairs: Sequence[Pair], batch_sentences: int, runtime: Runtime
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
def _weights(models: Sequence[Seq2Seq], pairs: Sequence[Pair], device: torch.device) -> Tensor:
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

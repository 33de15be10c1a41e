"""What else might come at a place of a translation, and how it would go on from there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from nmt.data.batches import make_batch
from nmt.data.tokenizer import BOS, EOS, PAD, UNK
from nmt.runtime.device import Runtime
from nmt.search.corpus import Evaluating
from nmt.search.forced import Unrolling
from nmt.search.translation import Translation
from nmt.search.word_bounds import is_punctuation, starts_word

_NEVER = frozenset((PAD, UNK, BOS))


@dataclass(frozen=True)
class Alternative:
    """One subword that may come next; probability: by the model, of all subwords; translation: the
    best that begins with what came before and goes on with it.
    """

    token: str
    probability: float
    translation: Translation


@torch.inference_mode()
def next_log_probabilities(
    model: Unrolling, source: Sequence[int], prefix: Sequence[int], runtime: Runtime
) -> Tensor:
    """Of each target token after `prefix`, `[vocabulary]`; source and prefix without end marks."""
    batch = make_batch([source], [prefix], np.zeros(1, np.int64)).to(runtime.device)
    with Evaluating(model), runtime.autocast():
        encoded = model.encode(batch.source, batch.source_lengths)
        unrolled = model.unroll(encoded, batch.target_input)
        last = unrolled.span(len(prefix), len(prefix) + 1)
        return model.log_probabilities(encoded, last)[0, 0].float().cpu()


def likeliest(log_probabilities: Tensor) -> Iterator[tuple[int, float]]:
    """Token ids that a translation may go on with, each with its probability, the likeliest
    first; of equal ones the lower id.
    """
    values, order = log_probabilities.sort(descending=True, stable=True)
    for token, value in zip(order.tolist(), values.exp().tolist(), strict=True):
        if token not in _NEVER:
            yield token, value


def parts_words(token: int, piece: str) -> bool:
    """Whether the word before ends where this subword comes: it begins another, is punctuation, or
    the end mark.
    """
    return token == EOS or starts_word(piece) or is_punctuation(piece)

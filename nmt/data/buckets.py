"""Buckets, which pad batches to few different shapes.

A CUDA graph is bound to the shapes with which it was captured.
"""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from nmt.data.batches import Batch
from nmt.tokenizers.sentencepiece import EOS, PAD

MULTIPLE = 8
"""The number of which padded lengths are multiples.

The first epochs on Multi30k and IWSLT'15, with 4,096 tokens a batch, have 14 and 78 shapes. In them
19% and 12% of the target is padding. Multiples of 4 would give 31 and 217 shapes, and 10% and 6%.
"""


def bucket_lengths(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the lengths, without EOS, that fill the buckets of sentences with these lengths.

    Nearly all batches planned by them have as many sentences as their bucket has room for.
    """
    return -(-(lengths + 1) // MULTIPLE) * MULTIPLE - 1


def to_bucket(batch: Batch, batch_tokens: int) -> Batch:
    """Return a batch padded to its bucket.

    Lengths are padded to the next multiple. Sentences are added as far as `batch_tokens` allows. An
    added sentence has an end mark on the source side, because no source is empty, and only padding
    on the target side.

    Args:
        batch: The batch.
        batch_tokens: The size of a batch in tokens.
    """
    source_len, target_len = (_up(x.shape[1]) for x in (batch.source, batch.target_input))
    count = len(batch.source)
    sentences = max(count, batch_tokens // max(source_len, target_len))

    def padded(x: Tensor, length: int) -> Tensor:
        return nn.functional.pad(x, (0, length - x.shape[1], 0, sentences - count), value=PAD)

    source = padded(batch.source, source_len)
    source[count:, 0] = EOS
    guide = batch.guide
    if guide is not None:
        room = (source_len - guide.shape[2], target_len - guide.shape[1], sentences - count)
        guide = nn.functional.pad(guide, (0, room[0], 0, room[1], 0, room[2]))
    return Batch(
        source,
        nn.functional.pad(batch.source_lengths, (0, sentences - count), value=1),
        padded(batch.target_input, target_len),
        padded(batch.target_output, target_len),
        batch.pairs,
        batch.target_tokens,
        guide,
    )


def _up(length: int) -> int:
    return -(-length // MULTIPLE) * MULTIPLE

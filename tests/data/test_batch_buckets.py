"""Batches padded to buckets have few shapes and the same content."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.data.batches import (
    LENGTH_MULTIPLE,
    full_bucket_lengths,
    make_batch,
    pad_to_bucket,
    plan_epoch,
)

sentences = st.lists(st.integers(4, 99), max_size=20)


@given(st.lists(st.tuples(sentences, sentences), min_size=1, max_size=9), st.integers(1, 500))
@settings(max_examples=60, deadline=None)
def test_a_bucket_holds_the_batch_in_its_corner_and_padding_elsewhere(pairs, budget):
    batch = make_batch([s for s, _ in pairs], [t for _, t in pairs], np.arange(len(pairs)))
    bucket = pad_to_bucket(batch, budget)
    rows, source_len = bucket.source.shape
    target_len = bucket.target_input.shape[1]
    assert source_len % LENGTH_MULTIPLE == target_len % LENGTH_MULTIPLE == 0
    assert source_len - batch.source.shape[1] in range(LENGTH_MULTIPLE)
    assert target_len - batch.target_input.shape[1] in range(LENGTH_MULTIPLE)
    assert rows == max(len(pairs), budget // max(source_len, target_len))
    for name in ("source", "target_input", "target_output"):
        small, large = getattr(batch, name), getattr(bucket, name).clone()
        corner = large[: small.shape[0], : small.shape[1]]
        assert torch.equal(corner, small)
        corner.zero_()
        if name == "source":  # no source is empty
            assert large[len(pairs) :, 0].tolist() == [3] * (rows - len(pairs))
            large[len(pairs) :, 0] = 0
        assert not large.any()
    padding = [1] * (rows - len(pairs))
    assert bucket.source_lengths.tolist() == batch.source_lengths.tolist() + padding
    assert bucket.target_tokens == batch.target_tokens
    assert bucket.pairs is batch.pairs


@pytest.mark.parametrize(("length", "bucket"), [(0, 7), (6, 7), (7, 7), (8, 15), (15, 15)])
def test_lengths_without_the_end_mark(length, bucket):
    assert full_bucket_lengths(np.array([length])).tolist() == [bucket]


def test_batches_planned_for_buckets_have_few_shapes_and_fill_them():
    random = np.random.default_rng(0)
    source = random.integers(3, 40, 20_000)
    target = np.clip(source + random.integers(-6, 7, 20_000), 1, 60)

    def shapes(*planned):
        return [
            (-(-(source[b].max() + 1) // 8), -(-(target[b].max() + 1) // 8), len(b))
            for b in plan_epoch(*planned, 4096, 1, 0)
        ]

    plain = shapes(source, target)
    bucketed = shapes(full_bucket_lengths(source), full_bucket_lengths(target))
    assert len(set(plain)) > 50
    assert len({shape[:2] for shape in bucketed}) < 20
    full = sum(count == 4096 // (8 * max(s, t)) for s, t, count in bucketed)
    assert full / len(bucketed) > 0.9

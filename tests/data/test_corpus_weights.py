from collections import Counter

import numpy as np
import pytest

from nmt.data.batches import plan_epoch
from nmt.data.corpus_weights import CorpusWeights


@pytest.mark.parametrize(
    ("sizes", "weights", "counts"),
    [
        ((100, 100), (1.0, 1.0), [100, 100]),
        ((100, 300), (1.0, 1.0), [200, 200]),
        ((10, 90), (9.0, 1.0), [90, 10]),
        ((1, 1, 1), (1.0, 1.0, 1.0), [1, 1, 1]),
        ((2, 2, 3), (1.0, 1.0, 1.0), [3, 2, 2]),
        ((5, 0), (1.0, 9.0), [5, 0]),
        ((1000, 1), (1e-9, 1.0), [0, 1001]),
        ((30, 10), (1e308, 1e308), [20, 20]),
    ],
)
def test_an_epoch_has_the_share_of_each_corpus(sizes, weights, counts):
    assert CorpusWeights(sizes, weights).counts == counts
    pairs = CorpusWeights(sizes, weights).epoch_pairs(1, 0)
    assert len(pairs) == sum(sizes)
    ends = np.cumsum(sizes)
    found = [
        int(((pairs >= end - n) & (pairs < end)).sum()) for n, end in zip(sizes, ends, strict=True)
    ]
    assert found == counts


def test_a_small_share_gives_other_pairs_until_all_are_used():
    weights = CorpusWeights((100, 900), (0.9, 0.1))  # 900 and 100 pairs in an epoch
    rare = [weights.epoch_pairs(1, epoch) for epoch in range(9)]
    rare = [set(pairs[pairs >= 100].tolist()) for pairs in rare]
    assert all(len(pairs) == 100 for pairs in rare)
    assert set.union(*rare) == set(range(100, 1000))
    again = weights.epoch_pairs(1, 9)
    assert set(again[again >= 100].tolist()) != rare[0]


def test_a_large_share_repeats_each_pair_as_often_or_once_more():
    weights = CorpusWeights((100, 900), (1.0, 3.0))  # 250 of the first
    counts = Counter(weights.epoch_pairs(1, 0)[:250].tolist())
    assert set(counts.values()) == {2, 3}
    both = Counter()
    for epoch in range(2):
        both.update(weights.epoch_pairs(1, epoch)[:250].tolist())
    assert set(both.values()) == {5}


def test_the_pairs_depend_on_seed_and_epoch_alone():
    weights = CorpusWeights((50, 70), (2.0, 1.0))
    first = weights.epoch_pairs(3, 7)
    assert (first == CorpusWeights((50, 70), (4.0, 2.0)).epoch_pairs(3, 7)).all()
    assert not np.array_equal(first, weights.epoch_pairs(4, 7))
    assert not np.array_equal(first, weights.epoch_pairs(3, 8))


def test_the_batches_of_an_epoch_hold_these_pairs():
    lengths = np.random.default_rng(1).integers(1, 30, 120)
    pairs = CorpusWeights((50, 70), (5.0, 1.0)).epoch_pairs(1, 2)
    batches = plan_epoch(lengths, lengths, 200, 1, 2, pairs=pairs)
    assert Counter(np.concatenate(batches).tolist()) == Counter(pairs.tolist())
    everything = plan_epoch(lengths, lengths, 200, 1, 2)
    assert sorted(np.concatenate(everything).tolist()) == list(range(120))

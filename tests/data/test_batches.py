"""Batches contain each pair once, within the limit, and depend only on seed and epoch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.data import batches
from nmt.data.batches import make_batch, plan_epoch, plan_in_order

lengths = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=200)


def arrays(pairs):
    return np.array([s for s, _ in pairs]), np.array([t for _, t in pairs])


@given(lengths, st.integers(1, 300), st.integers(0, 5), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_a_plan_holds_every_pair_once_within_the_budget(pairs, budget, seed, epoch):
    source, target = arrays(pairs)
    plan = plan_epoch(source, target, budget, seed, epoch)
    assert sorted(np.concatenate(plan).tolist()) == list(range(len(pairs)))
    for batch in plan:
        longest = 1 + max(source[batch].max(), target[batch].max())
        assert len(batch) * longest <= budget or len(batch) == 1
    again = plan_epoch(source, target, budget, seed, epoch)
    assert all(np.array_equal(a, b) for a, b in zip(plan, again, strict=True))


@given(lengths, st.integers(1, 50), st.integers(0, 5))
def test_a_plan_by_sentences_has_as_many_pairs_in_each_batch(pairs, size, seed):
    plan = plan_epoch(*arrays(pairs), size, seed, 0, by="sentences")
    assert sorted(np.concatenate(plan).tolist()) == list(range(len(pairs)))
    counts = sorted(len(batch) for batch in plan)
    assert counts[1:] == [size] * (len(counts) - 1)
    assert 0 < counts[0] <= size


def test_epochs_and_seeds_differ():
    random = np.random.default_rng(0)
    source, target = random.integers(1, 30, (2, 500))
    plans = [plan_epoch(source, target, 200, *key) for key in ((1, 0), (1, 1), (2, 0))]
    orders = {tuple(np.concatenate(plan)) for plan in plans}
    assert len(orders) == 3


def test_pools_do_not_change_the_rules(monkeypatch):
    monkeypatch.setattr(batches, "_POOL", 64)
    random = np.random.default_rng(0)
    source, target = random.integers(1, 30, (2, 500))
    plan = plan_epoch(source, target, 200, 1, 0)
    assert sorted(np.concatenate(plan).tolist()) == list(range(500))


def test_little_is_padded():
    random = np.random.default_rng(0)
    source = random.integers(5, 40, 20_000)
    target = np.clip(source + random.integers(-3, 4, 20_000), 1, 60)
    plan = plan_epoch(source, target, 4096, 1, 0)
    padded = sum(len(batch) * (1 + target[batch].max()) for batch in plan)
    assert (target + 1).sum() / padded > 0.97


@given(lengths, st.integers(1, 300))
@settings(max_examples=30, deadline=None)
def test_in_order_begins_with_the_longest(pairs, budget):
    source, target = arrays(pairs)
    plan = np.concatenate(list(plan_in_order(source, target, budget)))
    assert sorted(plan.tolist()) == list(range(len(pairs)))
    assert target[plan].tolist() == sorted(target.tolist(), reverse=True)


def test_a_batch_is_padded_on_the_right_and_marked():
    batch = make_batch([[7, 8], []], [[4], [5, 6]], np.array([3, 9]))
    assert batch.source.tolist() == [[7, 8, 3], [3, 0, 0]]
    assert batch.source_lengths.tolist() == [3, 1]
    assert batch.target_input.tolist() == [[2, 4, 0], [2, 5, 6]]
    assert batch.target_output.tolist() == [[4, 3, 0], [5, 6, 3]]
    assert batch.target_tokens == 5
    assert batch.pairs.tolist() == [3, 9]


def test_a_pair_longer_than_the_budget_stands_alone():
    plan = plan_epoch(np.array([50, 2]), np.array([50, 2]), 10, 0, 0)
    assert sorted(len(batch) for batch in plan) == [1, 1]
    with pytest.raises(ValueError):
        make_batch([], [], np.array([]))

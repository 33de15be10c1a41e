from collections import Counter

import numpy as np
import pytest

from nmt.data.batches import plan_epoch
from nmt.training.batch_loader import RegroupedEpoch, SampledBatch, regroup, regrouping_group


def test_each_number_has_one_group_of_every_other_batch():
    groups = dict.fromkeys(regrouping_group(number, 500) for number in range(500))
    assert sorted(number for group in groups for number in group) == list(range(500))
    assert all(number in regrouping_group(number, 500) for number in range(500))
    assert [len(group) for group in groups] == [16, 16, 32, 32, 64, 64, 64, 64, 64, 64, 10, 10]
    assert all(len({number % 2 for number in group}) == 1 for group in groups)


@pytest.mark.parametrize("total", [1, 2, 3, 33, 34, 100])
def test_groups_end_with_the_epoch(total):
    assert {number for n in range(total) for number in regrouping_group(n, total)} == set(
        range(total)
    )
    assert not regrouping_group(total, total)


def lengths(count: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    target = random.integers(1, 40, count)
    return np.maximum(1, target + random.integers(-5, 6, count)), target


def padded(lengths: np.ndarray, batches: list[np.ndarray]) -> float:
    """Places of padded batches for each real one."""
    return sum(len(rows) * lengths[rows].max() for rows in batches) / lengths.sum()


def test_regrouped_pairs_are_all_there_in_batches_of_the_sizes_asked_for():
    sizes = [7, 30, 1, 12, 30, 5, 11]
    batches = regroup(*lengths(sum(sizes)), sizes)
    assert [len(rows) for rows in batches] == sizes
    assert sorted(np.concatenate(batches)) == list(range(sum(sizes)))


def test_larger_batches_hold_shorter_pairs():
    source, target = lengths(1000)
    sizes = [10, 20, 40, 80, 160, 290, 400]
    batches = regroup(source, target, sizes)
    means = [target[rows].mean() for rows in batches]
    assert means[0] > means[3] > means[6]


def test_regrouping_leaves_little_padding():
    source, target = lengths(2000)
    batches = regroup(source, target, [2000 // 50] * 50)
    assert padded(target, batches) < 1.2
    assert padded(source, batches) < 1.2


def test_a_budget_of_places_stays_one():
    """Long sources of short targets stand in small batches, as they were planned."""
    source, target = lengths(3000)
    source[::100] = 5 * target[::100]
    plan = plan_epoch(source, target, 1000, 1, 0)
    longer = np.maximum(source, target) + 1
    random = np.random.default_rng(1)
    drawn = [side + random.binomial(side, 0.2) for side in (source, target)]
    for begin in range(0, len(plan), 64):
        planned = plan[begin : begin + 64]
        pairs = np.concatenate(planned)
        sizes = [len(rows) for rows in planned]
        for rows in regroup(drawn[0][pairs], drawn[1][pairs], sizes):
            places = len(rows) * longer[pairs[rows]].max()
            assert places <= 1500


def drawing(seen: list[int], sizes: list[int]):
    """Pairs whose lengths have nothing to do with their batch."""

    def draw(number: int) -> SampledBatch:
        seen.append(number)
        random = np.random.default_rng(number)
        sides = [
            [np.full(random.integers(1, 20), 5, np.int32) for _ in range(sizes[number])]
            for _ in range(2)
        ]
        begin = sum(sizes[:number])
        return SampledBatch(np.arange(begin, begin + sizes[number]), *sides)

    return draw


def test_an_epoch_is_drawn_once_and_the_next_group_by_and_by():
    sizes = [3] * 200
    seen: list[int] = []
    epoch = RegroupedEpoch(sizes, drawing(seen, sizes))
    drawn, pairs = [], []
    for number in range(200):
        pairs += epoch.batch(number).pairs.tolist()
        drawn.append(len(seen))
    assert sorted(pairs) == list(range(600))
    assert Counter(seen) == Counter(range(200))
    assert drawn[0] <= 18  # the first group, and a little of the next
    assert np.diff(drawn)[1:].max() <= 2  # nor does any wait but the other stream's first


@pytest.mark.parametrize("ranks", [1, 2, 3, 4, 7])
def test_nothing_is_kept_that_no_rank_can_ask_for(ranks):
    sizes = [2] * 1500
    for rank in range(ranks):
        epoch = RegroupedEpoch(sizes, drawing([], sizes))
        for number in range(rank, 1500, ranks):
            epoch.batch(number)
            assert len(epoch._regrouped) <= 2
            assert len(epoch._sampled) <= 2


@pytest.mark.parametrize("start", [1, 40, 150])
def test_a_later_start_gives_the_same_without_drawing_the_groups_before(start):
    sizes = [4, 9] * 100
    whole = RegroupedEpoch(sizes, drawing([], sizes))
    wanted = [whole.batch(number) for number in range(200)][start:]
    seen: list[int] = []
    epoch = RegroupedEpoch(sizes, drawing(seen, sizes))
    given = [epoch.batch(number) for number in range(start, 200)]
    for one, other in zip(given, wanted, strict=True):
        assert one.pairs.tolist() == other.pairs.tolist()
        assert one.source.equal(other.source)
        assert one.target_output.equal(other.target_output)
    first = min(regrouping_group(start, 200)[0], regrouping_group(start + 1, 200)[0])
    assert min(seen) == first

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nmt.data.hashing import SeenHashes, pair_key, text_hashes


@given(st.lists(st.lists(st.integers(0, 40))))
def test_seen_before_means_in_an_earlier_place(blocks):
    seen, known = SeenHashes(), set()
    for block in blocks:
        expected = []
        for number in block:
            expected.append(number in known)
            known.add(number)
        assert seen.add(np.array(block, np.uint64)).tolist() == expected
        assert len(seen) == len(known)
    asked = np.arange(41, dtype=np.uint64)
    assert seen.contains(asked).tolist() == [number in known for number in range(41)]


def test_runs_stay_few_however_many_blocks():
    seen = SeenHashes()
    for start in range(0, 20_000, 20):
        seen.add(np.arange(start, start + 20, dtype=np.uint64) * np.uint64(7))
    assert len(seen) == 20_000
    assert len(seen._runs) <= 12


def test_hashes_follow_from_the_text_alone():
    first = text_hashes(["a", "b", "a"])
    assert first[0] == first[2] != first[1]
    assert first[0] == 3405396810240292928
    assert text_hashes([]).shape == (0,)


def test_pairs_are_told_apart_by_where_the_sides_meet():
    assert pair_key("a b", "c") != pair_key("a", "b c")
    assert pair_key(" a", "b\t") == pair_key("a", "b")

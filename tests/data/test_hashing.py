import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.data.hashing import SeenHashes, in_validation_split, pair_key, text_hashes


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


@pytest.mark.parametrize(
    "variants",
    [
        ["Go!", "go.", " GO ", "G o", "go 12", "1. Go...", "\uff27\uff4f"],
        ["Straße", "STRASSE", "strasse?"],
        ["猫坐着。", "猫坐着！", "猫 坐着"],
    ],
)
def test_near_duplicates_are_on_the_same_side_of_the_split(variants):
    for seed in range(200):
        assert len({in_validation_split(text, "x", 0.5, seed) for text in variants}) == 1


def test_a_source_without_letters_is_split_by_its_whole_text():
    texts = [str(number) for number in range(400)] + ["?!", "...", "\u2764"]
    share = sum(in_validation_split(text, "x", 0.5, 1) for text in texts) / len(texts)
    assert 0.4 < share < 0.6
    assert in_validation_split("12", "x", 0.5, 1) == in_validation_split(" 12\t", "x", 0.5, 1)


def test_the_split_is_the_same_on_every_machine():
    texts = ["Go!", "Come here.", "猫坐着。", "12"]
    assert [in_validation_split(text, "x", 0.5, 1) for text in texts] == [True, True, False, False]


def test_words_that_differ_are_split_apart():
    aside = [in_validation_split(f"word {'a' * n}", "x", 0.25, 3) for n in range(800)]
    assert 150 < sum(aside) < 250

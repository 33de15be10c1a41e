from collections import Counter

import pytest

from nmt.evaluation.breakdown import WordBucket, by_frequency, count_words, vocabulary

COUNTS = Counter({"the": 500, "cat": 7, "dog": 1})


def test_words_by_how_often_training_saw_them():
    hypotheses = ["The the cat zebra.", "the dog"]
    references = ["the cat cat zebra", "The dog dog"]
    buckets = by_frequency(hypotheses, [references], COUNTS, lower_bounds=(1, 2, 100))
    assert buckets == [
        WordBucket("never", reference=2, hypothesis=2, matched=1),  # zebra twice, The
        WordBucket("1", reference=2, hypothesis=1, matched=1),
        WordBucket("2 to 99", reference=2, hypothesis=1, matched=1),
        WordBucket("from 100", reference=1, hypothesis=2, matched=1),
    ]
    assert buckets[1].recall == 0.5
    assert buckets[1].precision == 1.0
    assert buckets[1].f1 == pytest.approx(2 / 3)
    lower = by_frequency(hypotheses, [references], COUNTS, lowercase=True, lower_bounds=(100,))
    assert lower[-1] == WordBucket("from 100", reference=2, hypothesis=3, matched=2)


def test_no_words():
    (bucket, *_) = by_frequency([""], [["."]], COUNTS)
    assert (bucket.recall, bucket.precision, bucket.f1) == (None, None, None)


def test_of_several_references_the_nearest():
    buckets = by_frequency(["a b"], [["c d e"], ["a b x"]], {}, lower_bounds=(1,))
    assert buckets[0] == WordBucket("never", reference=3, hypothesis=2, matched=2)


def test_only_wanted_words_are_counted():
    assert count_words(["a b, a.", "A c"], ["a", "c"]) == {"a": 2, "c": 1}
    assert count_words(["a A"], ["a"], lowercase=True) == {"a": 2}
    assert vocabulary([["a b."], ["B"]]) == {"a", "b", "B"}
    assert vocabulary([["a b."], ["B"]], lowercase=True) == {"a", "b"}

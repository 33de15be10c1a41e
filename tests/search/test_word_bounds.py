from nmt.search.word_bounds import is_punctuation, words_of


def test_words():
    tokens = ["▁L", "'", "homme", "▁dor", "t", ".", "▁", "œ", "uf", "▁(", "a", ")", "</s>"]
    assert words_of(tokens) == [[0, 1, 2], [3, 4], [5], [6, 7, 8], [9], [10], [11], [12]]
    assert words_of([]) == []
    assert words_of(["a", "b", "▁c"]) == [[0, 1], [2]]


def test_punctuation_is_what_joins_no_word():
    assert all(map(is_punctuation, [".", "▁(", "...", "„"]))
    assert not any(map(is_punctuation, ["'", "▁-", "a.", "", "▁", "€"]))

import numpy as np
import pytest

from nmt.inspection.words import merge_words, spelled, words_of


def test_words():
    tokens = ["▁L", "'", "homme", "▁dor", "t", ".", "▁", "œ", "uf", "▁(", "a", ")", "</s>"]
    assert words_of(tokens) == [[0, 1, 2], [3, 4], [5], [6, 7, 8], [9], [10], [11], [12]]
    assert words_of([]) == []
    assert words_of(["a", "b", "▁c"]) == [[0, 1], [2]]


@pytest.mark.parametrize(
    ("tokens", "word"),
    [
        (["▁cha", "t"], "chat"),
        (["▁", "<0xC3>", "<0xA9>", "t", "<0xC3>", "<0xA9>"], "été"),
        (["▁", "<0xF0>", "<0x9F>", "<0x98>", "<0x80>"], "😀"),
        (["<0xC3>"], "\ufffd"),
        (["▁"], "▁"),
        (["</s>"], "</s>"),
    ],
)
def test_spelling(tokens, word):
    assert spelled(tokens) == word


def test_merged_rows_are_means_and_columns_sums():
    attention = np.array(
        [[0.1, 0.2, 0.7], [0.3, 0.3, 0.4], [0.0, 0.5, 0.5]],
        dtype=np.float32,
    )
    target, source, merged = merge_words(["▁ca", "t", "▁is"], ["▁cha", "t", "▁est"], attention)
    assert target == ["cat", "is"]
    assert source == ["chat", "est"]
    np.testing.assert_allclose(merged, [[0.45, 0.55], [0.5, 0.5]], atol=1e-6)
    np.testing.assert_allclose(merged.sum(1), 1.0, atol=1e-6)

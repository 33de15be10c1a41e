import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.inspection.words import align_words, merge_words, spelled
from nmt.search.word_bounds import words_of


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


@given(
    target=st.integers(0, 5),
    source=st.integers(1, 5),
    finished=st.booleans(),
    seed=st.integers(0, 999),
)
def test_each_target_word_has_its_strongest_source_word(target, source, finished, seed):
    """Against the same in plain loops, with words of one or two subwords."""
    generator = np.random.default_rng(seed)
    pieces = ["▁ab", "c", "▁d", ".", "▁ef", "▁g"]
    tokens = ["▁z", *generator.choice(pieces, target)][:target]
    source_tokens = ["▁z", *generator.choice(pieces, source - 1), "</s>"]
    tokens += ["</s>"] * finished
    attention = generator.dirichlet(np.ones(source + 1), len(tokens)).astype(np.float32)
    attention = attention.reshape(len(tokens), source + 1)
    aligned = align_words(tokens, source_tokens, attention)

    target_words = [word for word in words_of(tokens) if tokens[word[0]] != "</s>"]
    source_words = [word for word in words_of(source_tokens) if source_tokens[word[0]] != "</s>"]
    links = []
    for j, rows in enumerate(target_words):
        received = [
            sum(float(attention[row, column]) for row in rows for column in columns)
            for columns in source_words
        ]
        links.append((received.index(max(received)), j))
    assert aligned.links == links
    assert aligned.target == ["".join(tokens[i] for i in word).strip("▁") for word in target_words]
    assert len(aligned.source) == len(source_words)
    assert str(aligned) == " ".join(f"{i}-{j}" for i, j in links)

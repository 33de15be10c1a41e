from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.data.alignment.words import membership
from nmt.data.sentencepiece_model import Subword


def test_subwords_of_words(tokenizers):
    text = "  the  cat\tis on. "
    subwords = tokenizers.target.subwords(text)
    pieces = [subword.piece for subword in subwords]
    words = [np.flatnonzero(row).tolist() for row in membership(text, subwords)]
    starts = [number for number, piece in enumerate(pieces) if piece.startswith("▁")]
    assert len(starts) == 4
    expected = np.cumsum([piece.startswith("▁") for piece in pieces]) - 1
    assert words == [[word] for word in expected]


def test_bytes_and_lone_spaces_go_with_the_character_that_follows():
    subwords = [
        Subword("▁a", "a"),
        Subword("▁", " "),
        Subword("<0xE6>", ""),
        Subword("<0xBC>", ""),
        Subword("<0xA2>", "漢"),
        Subword("▁", " "),
    ]
    found = membership("a 漢 ", subwords)
    assert [np.flatnonzero(row).tolist() for row in found] == [[0], [1], [1], [1], [1], [1]]


def test_a_word_that_normalisation_drops_has_no_subword():
    found = membership("\u200b the cat", [Subword("▁the", "the"), Subword("▁cat", " cat")])
    assert found.tolist() == [[False, True, False], [False, False, True]]


def test_a_subword_of_two_words():
    found = membership("the cat", [Subword("▁the▁c", "the c"), Subword("at", "at")])
    assert found.tolist() == [[True, True], [False, True]]


@pytest.mark.parametrize("text", ["", "  ", "\u3000"])
def test_a_blank_text_has_no_words(tokenizers, text):
    assert membership(text, tokenizers.target.subwords(text)).shape[1] == 0


@given(st.text(alphabet=st.sampled_from("the cat.漢ﬁ½é\u0301 \t\u3000\xa0\u200b"), max_size=30))
def test_every_subword_has_a_word_and_every_letter_its_own(tokenizers, text):
    """Also for what normalisation changes, joins or drops."""
    subwords = tokenizers.target.subwords(text)
    found = membership(text, subwords)
    assert found.shape == (len(subwords), len(text.split()))
    if len(subwords) and any("".join(subword.surface.split()) for subword in subwords):
        assert found.any(1).all()
        rows = [np.flatnonzero(row) for row in found]
        assert all(a[-1] <= b[0] for a, b in pairwise(rows))
    for word, spelled in enumerate(text.split()):
        letters = "".join(subwords[number].surface for number in np.flatnonzero(found[:, word]))
        if found[:, word].any():
            assert spelled.strip("\u200b\u0301") in letters

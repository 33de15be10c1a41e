from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from nmt.evaluation.score_page import TextSpan, find_difference


def test_a_word_replaced():
    found = find_difference("The cat sat on it.", "The cat sits on it.")
    assert found.hypothesis == [
        TextSpan("The cat ", True),
        TextSpan("sat", False),
        TextSpan(" on it.", True),
    ]
    assert found.reference == [
        TextSpan("The cat ", True),
        TextSpan("sits", False),
        TextSpan(" on it.", True),
    ]


def test_words_missing_and_added():
    found = find_difference("a b x y c", "a b c d")
    assert found.hypothesis == [
        TextSpan("a b ", True),
        TextSpan("x y", False),
        TextSpan(" c", True),
    ]
    assert found.reference == [TextSpan("a b c ", True), TextSpan("d", False)]


def test_spaces_are_no_difference():
    found = find_difference(" a  b ", "a b")
    assert found.hypothesis == [TextSpan(" a  b ", True)]
    assert found.reference == [TextSpan("a b", True)]
    assert find_difference("", "a").hypothesis == []
    assert find_difference("", " ").reference == [TextSpan(" ", True)]


@given(st.text(alphabet="ab ."), st.text(alphabet="ab ."))
def test_joined_they_are_the_texts(hypothesis, reference):
    found = find_difference(hypothesis, reference)
    for spans, text in ((found.hypothesis, hypothesis), (found.reference, reference)):
        assert "".join(span.text for span in spans) == text
        assert all(a.same != b.same for a, b in pairwise(spans))
    common = ["".join(s.text for s in spans if s.same).split() for spans in found]
    assert "".join(common[0]) == "".join(common[1])

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from nmt.evaluation.diff import Span, difference


def test_a_word_replaced():
    found = difference("The cat sat on it.", "The cat sits on it.")
    assert found.hypothesis == [Span("The cat ", True), Span("sat", False), Span(" on it.", True)]
    assert found.reference == [Span("The cat ", True), Span("sits", False), Span(" on it.", True)]


def test_words_missing_and_added():
    found = difference("a b x y c", "a b c d")
    assert found.hypothesis == [Span("a b ", True), Span("x y", False), Span(" c", True)]
    assert found.reference == [Span("a b c ", True), Span("d", False)]


def test_spaces_are_no_difference():
    found = difference(" a  b ", "a b")
    assert found.hypothesis == [Span(" a  b ", True)]
    assert found.reference == [Span("a b", True)]
    assert difference("", "a").hypothesis == []
    assert difference("", " ").reference == [Span(" ", True)]


@given(st.text(alphabet="ab ."), st.text(alphabet="ab ."))
def test_joined_they_are_the_texts(hypothesis, reference):
    found = difference(hypothesis, reference)
    for spans, text in ((found.hypothesis, hypothesis), (found.reference, reference)):
        assert "".join(span.text for span in spans) == text
        assert all(a.same != b.same for a, b in pairwise(spans))
    common = ["".join(s.text for s in spans if s.same).split() for spans in found]
    assert "".join(common[0]) == "".join(common[1])

from hypothesis import given
from hypothesis import strategies as st

from nmt.evaluation.breakdown import split_words_and_spaces, words


def test_words():
    assert words("It's 3.5 m, “really”!") == ["It", "s", "3", "5", "m", "really"]
    assert words("猫はマット。") == ["猫", "は", "マ", "ッ", "ト"]
    assert words("나는 학교에 간다.") == ["나는", "학교에", "간다"]
    assert words("नमस्ते दुनिया।") == ["नमस्ते", "दुनिया"]
    assert words("\u00a0 \t") == []


def test_pieces():
    assert split_words_and_spaces("Das  ist (gut).") == [
        "Das",
        "  ",
        "ist",
        " ",
        "(",
        "gut",
        ")",
        ".",
    ]
    assert split_words_and_spaces("我爱 NMT") == ["我", "爱", " ", "NMT"]
    assert split_words_and_spaces("...") == [".", ".", "."]
    assert split_words_and_spaces("") == []


@given(st.text())
def test_pieces_are_the_text(text):
    assert "".join(split_words_and_spaces(text)) == text
    assert all(split_words_and_spaces(text))
    marks = [piece for piece in split_words_and_spaces(text) if not piece.isspace()]
    assert [piece for piece in marks if words(piece)] == words(text)

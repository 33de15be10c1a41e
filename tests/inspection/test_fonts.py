import pytest

pytest.importorskip("matplotlib", reason="matplotlib is not installed")

from nmt.inspection import attention_image
from nmt.inspection.attention_image import (
    describe_characters,
    fonts_for,
    has_right_to_left,
    starts_right_to_left,
)

OURS = {
    "DejaVu Sans": "abc",
    "Small": "日",
    "Large": "日本語",
    "Other": "x語",
}


@pytest.fixture
def ours(monkeypatch):
    monkeypatch.setattr(attention_image, "_regular_fonts", lambda: dict.fromkeys(OURS, ""))
    monkeypatch.setattr(
        attention_image, "_characters_of_font", lambda name: frozenset(map(ord, OURS[name]))
    )


@pytest.mark.parametrize(
    ("text", "families", "missing"),
    [
        ("abc ab", ("DejaVu Sans",), ""),
        ("", ("DejaVu Sans",), ""),
        ("a日", ("DejaVu Sans", "Small"), ""),
        ("日本x", ("DejaVu Sans", "Large", "Other"), ""),
        ("日♞本♞♜", ("DejaVu Sans", "Large"), "♞♜"),
        ("\u200d\u200b\t ", ("DejaVu Sans",), ""),
    ],
)
def test_few_fonts_that_have_all_there_is(ours, text, families, missing):
    found = fonts_for(text)
    assert (found.families, found.missing) == (families, missing)


def test_the_font_of_matplotlib_is_enough_for_latin_greek_and_cyrillic():
    assert fonts_for("Ünïcode, Ελληνικά, Кириллица …").families == ("DejaVu Sans",)


def test_no_font_has_what_is_not_assigned():
    assert fonts_for("a\U0010fffd").missing == "\U0010fffd"


def test_characters_are_named():
    assert describe_characters("日") == "日 (U+65E5)"
    assert describe_characters("abcdefg").endswith("e (U+0065) and 2 more")


@pytest.mark.parametrize(
    ("texts", "begins", "has"),
    [
        (["abc"], False, False),
        (["12", "שלום", "abc"], True, True),
        (["abc", "مرحبا"], False, True),
        ([], False, False),
    ],
)
def test_directions(texts, begins, has):
    assert starts_right_to_left(texts) is begins
    assert has_right_to_left(texts) is has

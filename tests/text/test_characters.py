"""The characters of texts that are read and written."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.text.characters import (
    BREAKS,
    CONTROLS,
    INVISIBLE,
    JOINERS,
    clean_input,
    clean_output,
    compose,
    escape_controls,
    find_surrogate,
    find_unwritable,
    has_control_characters,
    invisible_characters,
    is_unspaced,
    make_visible,
    normalize_for_comparison,
)

NEVER_WRITTEN = [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), "\u2028", "\u2029"]


def test_every_control_character_and_break_has_one_row():
    assert sorted(BREAKS + CONTROLS) == sorted(NEVER_WRITTEN)
    assert set(BREAKS) >= {c for c in map(chr, range(0x3000)) if len(f"a{c}b".splitlines()) > 1}


def test_what_is_invisible_shows_nothing():
    assert {unicodedata.category(c) for c in INVISIBLE} == {"Cf"}
    assert not set(INVISIBLE) & set(JOINERS + BREAKS + CONTROLS)


@pytest.mark.parametrize("character", NEVER_WRITTEN)
def test_none_of_them_is_written(character):
    assert clean_output(f"a{character}b") == ("a b" if character in BREAKS else "ab")
    assert clean_input(f"a{character}b") == ("a b" if character in BREAKS else "ab")
    assert find_unwritable(f"a{character}b") is not None
    assert has_control_characters(f"a{character}b") == (character != "\t")


@given(st.text())
def test_what_is_written_is_one_line_for_every_reader(text):
    written = clean_output(text)
    assert not set(written) & {*NEVER_WRITTEN, "\ufeff"}
    assert len(f"{written}.".splitlines()) == 1
    assert clean_output(written) == written
    assert clean_input(clean_input(text)) == clean_input(text)


@pytest.mark.parametrize(
    "text",
    [
        "می\u200cروم",
        "क्\u200dष",
        "👩\u200d🔬 ❤\ufe0f",
        "10\u00a0000\u202f€\u3000，！（½…ﬁ²",
        "\U0001f3f4\U000e0067\U000e0062\U000e007f",
        "شُكْرًا ـــ שָׁלוֹם e\u0301",
    ],
)
def test_what_people_write_stays(text):
    assert clean_input(text) == clean_output(text) == text
    assert find_unwritable(text) is None
    assert not invisible_characters(text)


@pytest.mark.parametrize("character", [*INVISIBLE, "\x01", "\x92"])
def test_invisible_characters_are_dropped_where_they_enter(character):
    assert clean_input(f"ch{character}at") == "chat"
    assert invisible_characters(f"ch{character}at") == [character]
    assert (find_unwritable(f"ch{character}at") is None) == (character in INVISIBLE)


def test_problems_are_named_with_their_place():
    assert find_unwritable("ab\nc") == "a line break (U+000A) at character 3"
    assert find_unwritable("\x85") == "a line break (U+0085) at character 1"
    assert find_unwritable("a\tb") == "a tab (U+0009) at character 2"
    assert find_unwritable("a\x1b") == "a control character (U+001B) at character 2"
    assert find_unwritable("\udc80") == "half of a surrogate pair (U+DC80) at character 1"
    assert find_surrogate("a\ud800") == "half of a surrogate pair (U+D800) at character 2"
    assert find_surrogate("a\n😀") is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\u200c", "U+200C ZERO WIDTH NON-JOINER"),
        ("\x85", "U+0085"),
        ("，", "，"),
        ("e\u0301", "e U+0301"),
        ("...", "..."),
        (" ", "a space"),
        ("", "nothing"),
        ("a" * 20, "a" * 12 + "..."),
    ],
)
def test_texts_are_shown_so_that_they_can_be_told_apart(text, shown):
    assert make_visible(text) == shown


def test_canonical_spellings_of_a_text_are_one():
    for text in ("ế", "각", "ড়", "שׂ"):
        assert compose(unicodedata.normalize("NFD", text)) == compose(text)
    assert (
        compose("ﬁ，½ می\u200cروم")
        == normalize_for_comparison("ﬁ，½ می\u200cروم")
        == "ﬁ，½ می\u200cروم"
    )
    assert normalize_for_comparison("e\u0302\u00ad\u0301\u2028នៅ\u200bទី") == "ế នៅទី"


@pytest.mark.parametrize(
    "character", ["ﾊ", "\uff9f", "ㇰ", "\u1a20", "\ua9e0", "\uaa60", "ༀ", "\U00020000"]
)
def test_scripts_without_spaces(character):
    assert is_unspaced(character)


@given(st.text())
def test_escaped_texts_are_lines_and_can_be_read_again(text):
    text = text.replace('"', "")
    escaped = escape_controls(text)
    assert len(f"{escaped}.".splitlines()) == 1
    assert json.loads(f'"{escaped}"') == text

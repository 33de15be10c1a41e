"""Texts to avoid, in the letters of what is translated."""

import pytest

from nmt.search.constraints import (
    AvoidedText,
    count_context_bytes,
    ends_in_word,
    spell_end,
)
from nmt.search.target_vocabulary import Vocabulary

PIECES = (
    *("<pad>", "<unk>", "<s>", "</s>"),
    *(f"<0x{byte:02X}>" for byte in range(256)),
    *("▁", "a", "b", "c", "t", "s", "▁a", "▁cat", "▁cats", "at", "▁c", "▁dog", "(", ",", ".", "),"),
    *(
        "<ph1/>",
        "猫",
        "黑猫",
        "猫在",
        "在",
        "。",
        "▁he",
        "'",
        "s.",
        "é",
        "▁the▁cat",
        "ph",
        "▁<ph",
        "1/>",
        "▁می",
        "\u200cروم",
        "روم",
        "▁روم",
    ),
)
VOCABULARY = Vocabulary(PIECES)
NUMBERS = {piece: number for number, piece in enumerate(PIECES)}


def forbidden_after(text: str, *before: str) -> set[str]:
    avoided = AvoidedText(text, VOCABULARY)
    tokens = [NUMBERS[piece] for piece in before]
    end = spell_end(VOCABULARY, tokens, count_context_bytes([avoided]))
    groups = [avoided.always, *avoided.completing_tokens(end, ends_in_word(end))]
    return {PIECES[token] for group in groups for token in group}


@pytest.mark.parametrize(
    ("text", "before", "expected"),
    [
        ("cat", [], {"▁cat", "▁the▁cat"}),
        ("cat", ["▁he", "▁c"], {"▁cat", "▁the▁cat", "at"}),
        ("cat", ["▁c", "a"], {"▁cat", "▁the▁cat", "t", "<0x74>"}),
        ("cat", ["▁he", "c", "a"], {"▁cat", "▁the▁cat"}),
        ("cat", ["(", "c", "a"], {"▁cat", "▁the▁cat", "t", "<0x74>"}),
        ("cats", ["▁cat"], {"▁cats", "s", "s.", "<0x73>"}),
        ("a cat", ["▁a"], {"▁cat"}),
        ("a cat", ["▁a", "▁"], set()),
        (",", ["▁cat"], {",", "),", "<0x2C>"}),
        ("<ph1/>", ["a"], {"<ph1/>"}),
        ("<ph1/>", ["▁<ph"], {"<ph1/>", "1/>"}),
        ("猫", ["在"], {"猫", "黑猫", "猫在"}),
        ("猫在", ["黑猫"], {"猫在", "在"}),
        ("é", [], {"é"}),
        ("é", ["<0xC3>"], {"é", "<0xA9>"}),
        ("روم", ["▁می", "<0xE2>", "<0x80>", "<0x8C>"], {"▁روم"}),
        ("روم", ["▁می", "▁"], {"▁روم", "روم"}),
        ("می\u200cروم", ["▁می"], {"\u200cروم"}),
    ],
)
def test_what_would_complete_a_text_is_forbidden(text, before, expected):
    assert forbidden_after(text, *before) == expected


def test_longer_words_are_allowed():
    assert "▁cats" not in forbidden_after("cat")
    assert "▁a" in forbidden_after("a")
    assert not {"▁cat", "at", "a"} & forbidden_after("a", "▁c")
    assert "s." in forbidden_after("cats", "▁cat")
    assert "s." not in forbidden_after("cat", "▁cat")

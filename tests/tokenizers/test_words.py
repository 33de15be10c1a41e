"""The definition of words, and the subwords of each word in difficult texts."""

import io
import json
import pickle
from itertools import pairwise

import numpy as np
import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st

from nmt.tokenizers.sentencepiece_model import read_fields
from nmt.tokenizers.tokenizer import Tokenizer
from nmt.tokenizers.words import (
    SegmentedText,
    Subword,
    is_punctuation,
    split_words,
    words_to_display,
)

NASTY = "ab c.(œ漢ﬁ½é\u0301⁇'-’ \t\t\u00a0\u202f\u3000\u2009\u200b\u0085\u00ad\ufeff\u2028|▁<0xC3>"
"""Letters, marks, spaces of all kinds, what normalization joins, divides or drops."""
SENTENCES = ["ab c (a b) cab.", "a b œ 漢 c", "b'a-c abc", "cc ba"] * 9


def make_tokenizer(**settings) -> Tokenizer:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES),
        model_writer=model,
        hard_vocab_limit=False,
        pad_id=0,
        unk_id=1,
        bos_id=2,
        eos_id=3,
        minloglevel=2,
        **settings,
    )
    return Tokenizer(model.getvalue())


@pytest.fixture(
    scope="module",
    params=[
        {"vocab_size": 300, "byte_fallback": True},
        {"vocab_size": 40},
        {"vocab_size": 30, "model_type": "char"},
        {"vocab_size": 310, "byte_fallback": True, "split_by_whitespace": False},
        {"vocab_size": 300, "byte_fallback": True, "normalization_rule_name": "identity"},
    ],
    ids=["bytes", "unknown", "characters", "across_spaces", "identity"],
)
def tokenizer(request) -> Tokenizer:
    return make_tokenizer(**request.param)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \t ", []),
        ("  the  cat\tis on. ", ["the", "cat", "is", "on."]),
        ("10\u00a0000 chats", ["10\u00a0000", "chats"]),
        ("10\u202f000 %", ["10\u202f000", "%"]),
        ("le\u200bchat", ["le\u200bchat"]),
        ("le\u0085chat\u2009noir", ["le\u0085chat\u2009noir"]),
        ("吾輩は\u3000猫である。", ["吾輩は\u3000猫である。"]),
        ("\u00a0", ["\u00a0"]),
        ("a ⁇ b", ["a", "⁇", "b"]),
        ("a\r b\x0bc", ["a\r", "b\x0bc"]),
    ],
)
def test_words_are_what_spaces_and_tabs_divide(text, words):
    assert split_words(text) == words


@given(st.text(alphabet=st.sampled_from(NASTY), max_size=25))
def test_a_link_finds_its_word_by_cutting_the_text_at_spaces(text):
    assert split_words(text) == [word for word in text.replace("\t", " ").split(" ") if word]


@given(st.text(alphabet=st.sampled_from(NASTY), max_size=25))
def test_every_subword_is_of_the_words_whose_letters_it_has(tokenizer, text):
    subwords = tokenizer.subwords(text)
    segmented = SegmentedText(text, subwords)
    words, membership = segmented.words, segmented.membership
    assert membership.shape == (len(subwords), len(words))
    rows = [np.flatnonzero(row).tolist() for row in membership]
    with_letters = [bool(split_words(subword.surface)) for subword in subwords]
    if any(with_letters):
        assert all(rows)
        assert all(before[-1] <= after[0] for before, after in pairwise(rows))
    for row, subword, has in zip(rows, subwords, with_letters, strict=True):
        if has:
            letters = "".join(words[word] for word in row)
            assert all(part in letters for part in split_words(subword.surface))
    for number, word in enumerate(words):
        own = [i for i, row in enumerate(rows) if number in row]
        if all(len(rows[i]) == 1 for i in own) and own:
            spelled = "".join(subwords[i].surface for i in own).translate({32: None, 9: None})
            dropped = iter(word)
            assert all(letter in dropped for letter in spelled)  # in the same order


@given(st.text(alphabet=st.sampled_from(NASTY), max_size=25))
def test_spans_are_those_of_the_offsets_in_the_text(tokenizer, text):
    """SentencePiece gives them in its message, in bytes."""
    content = tokenizer._processor.encode(text, out_type="serialized_proto")
    tokens = [dict(read_fields(value)) for field, value in read_fields(content) if field == 2]
    spans = SegmentedText(text, tokenizer.subwords(text)).spans
    for token, span in zip(tokens, spans, strict=True):
        begin, end = (
            len(text.encode()[: token.get(field, 0)].decode("utf-8", "ignore")) for field in (4, 5)
        )
        own = [place for place in range(begin, end) if text[place] not in " \t"]
        if own:
            words = [len(split_words(text[: place + 1])) - 1 for place in (own[0], own[-1])]
            assert span == (words[0], words[1] + 1)


@given(st.text(alphabet=st.sampled_from(NASTY), max_size=25))
def test_what_is_displayed_is_all_subwords_once_in_order(tokenizer, text):
    segmented = SegmentedText(text, tokenizer.subwords(text))
    shown = segmented.display_words
    assert [i for word in shown for i in word.subwords] == list(range(len(segmented.subwords)))
    for before, after in pairwise(shown):
        assert segmented.spans[before.subwords[-1]][1] <= segmented.spans[after.subwords[0]][0] + 1


@given(
    st.lists(st.sampled_from(["▁", "▁a", "b", "(", "▁)", "<0xC3>", "<0xA9>", "<0x20>", "<unk>"]))
)
def test_pieces_spell_a_text_by_themselves(pieces):
    segmented = SegmentedText.from_pieces([*pieces, "</s>"])
    assert len(segmented.subwords) == len(pieces)
    assert segmented.membership.shape == (len(pieces), len(segmented.words))
    shown = words_to_display([*pieces, "</s>"], None)
    assert [i for word in shown for i in word.subwords] == list(range(len(pieces) + 1))
    assert shown[-1] == ([len(pieces)], "</s>")


def spans_of(text, *subwords):
    return SegmentedText(text, [Subword(*each) for each in subwords]).spans


def test_a_lone_space_belongs_to_what_follows_it():
    subwords = ("▁", ""), ("(", "("), ("▁le", " le"), ("▁", " "), (")", ")")
    assert spans_of("( le )", *subwords) == [(0, 1), (0, 1), (1, 2), (2, 3), (2, 3)]
    shown = SegmentedText("( le )", [Subword(*each) for each in subwords]).display_words
    assert [word.text for word in shown] == ["(", "le", ")"]


def test_bytes_and_spaces_at_the_end():
    subwords = ("▁a", "a"), ("▁", " "), ("<0xE6>", ""), ("<0xBC>", ""), ("<0xA2>", "漢"), ("▁", " ")
    assert spans_of("a 漢 ", *subwords) == [(0, 1), *[(1, 2)] * 5]


def test_a_no_break_space_divides_subwords_but_no_word():
    text = "il a 10\u00a0000 chats"
    subwords = ("▁il", "il"), ("▁a", " a"), ("▁10", " 10"), ("▁000", "\u00a0000"), ("▁ch", " chats")
    assert spans_of(text, *subwords) == [(0, 1), (1, 2), (2, 3), (2, 3), (3, 4)]
    lone = ("▁10", "10"), ("▁", "\u00a0"), ("000", "000"), ("▁c", " c")
    assert spans_of("10\u00a0000 c", *lone) == [(0, 1), (0, 1), (0, 1), (1, 2)]


def test_a_word_that_normalization_drops_has_no_subword():
    assert spans_of("\u200b the cat", ("▁the", "the"), ("▁cat", " cat")) == [(1, 2), (2, 3)]
    assert spans_of("the \u00ad cat", ("▁the", "the"), ("▁cat", " cat")) == [(0, 1), (2, 3)]


def test_a_subword_of_two_words():
    assert spans_of("the cat", ("▁the▁c", "the c"), ("at", "at")) == [(0, 2), (1, 2)]
    shown = SegmentedText("New York.", [Subword("▁New▁York", "New York"), Subword(".", ".")])
    assert [word.text for word in shown.display_words] == ["New York", "."]


def test_letters_that_were_replaced_move_no_word():
    """As by a cleaning of the text before the tokenizer saw it."""
    subwords = ("▁l", "l"), ("'", "'"), ("ami", "ami"), ("▁d", " d"), ("'", "'"), ("Ann", "Ann")
    assert [begin for begin, _ in spans_of("l’ami d’Ann", *subwords)] == [0, 0, 0, 1, 1, 1]
    assert spans_of("a \u0085 b", ("▁a", "a"), ("▁b", "  b")) == [(0, 1), (2, 3)]
    assert spans_of("x y", ("▁q", "q"), ("▁y", " y")) == [(0, 1), (1, 2)]


def test_very_long_texts_that_do_not_fit_are_no_trouble():
    segmented = SegmentedText("a " * 3000, [Subword("▁b", " b")] * 3000)
    assert segmented.spans[0] == (0, 1)
    assert segmented.spans[-1] == (2999, 3000)


def test_words_to_display_have_their_punctuation_apart():
    tokens = ["▁L", "'", "homme", "▁dor", "t", ".", "▁", "œ", "uf", "▁(", "a", ")", "</s>"]
    shown = words_to_display(tokens, None)
    texts = ["L'homme", "dort", ".", "œuf", "(", "a", ")", "</s>"]
    assert [word.text for word in shown] == texts
    assert [word.subwords for word in shown][:4] == [[0, 1, 2], [3, 4], [5], [6, 7, 8]]
    assert words_to_display([], None) == []
    assert [word.subwords for word in words_to_display(["a", "b", "▁c"], None)] == [[0, 1], [2]]


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
    assert [shown.text for shown in words_to_display(tokens, None)] == [word]


def test_punctuation_is_what_joins_no_word():
    assert all(map(is_punctuation, [".", "▁(", "...", "„"]))
    assert not any(map(is_punctuation, ["'", "▁-", "a.", "", "▁", "€"]))


def test_subwords_are_found_when_they_are_read_and_go_to_other_processes():
    asked = []

    def subwords():
        asked.append(1)
        return [Subword("▁a", "a")]

    segmented = SegmentedText("a", subwords)
    assert not asked
    copy = pickle.loads(pickle.dumps(segmented))
    assert (copy.words, copy.spans, asked) == (["a"], [(0, 1)], [1])
    assert (segmented.spans, asked, segmented) == ([(0, 1)], [1], "a")
    assert json.dumps(copy) == '"a"'

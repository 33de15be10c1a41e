"""Inline casing: marks in place of capitals, in every kind of tokenizer."""

import pickle
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nmt.config.settings import TokenizerSettings
from nmt.config.settings import tokenizer as tokenizer_settings
from nmt.errors import ModelError
from nmt.tokenizers import inline_case, sentencepiece_model
from nmt.tokenizers.inline_case import learn_tokenizer
from nmt.tokenizers.letter_case import CASE_MARKS, CaseRestorer, make_letter_case
from nmt.tokenizers.normalization import make_normalizer
from nmt.tokenizers.sentencepiece_model import read_case_rule, read_tokenizer_kind
from nmt.tokenizers.subword_regularization import SubwordSampler
from nmt.tokenizers.tokenizer import UNK, Tokenizer, open_tokenizer
from nmt.tokenizers.words import SegmentedText

LINES = [
    "A man is sitting on a bench in New York, near the NASA site.",
    "the iPhone of McDonald isn't a B2B or 4WD thing; it's state-of-the-art!",
    "Die Straße, die STRASSE und l'eau (douce) n'est pas « là ».",
    "οδος ΟΔΟΣ istanbul ıspart Été ijsland IJsland ǆ ﬁ <2de> 日本 語。",
] * 3


def learn(kind="bpe", normalization="composed", language=None, **changes):
    chosen = TokenizerSettings.model_validate(
        {"kind": kind, "vocab_size": 420, "case": "inline", **changes}
    )
    normalizer = make_normalizer(normalization, language)
    model = learn_tokenizer(chosen, normalizer, iter(LINES), "the source", language)
    return open_tokenizer(model, kind)


def plain(tokenizer):
    """The tokenizer with the same vocabulary that keeps the case."""
    return type(tokenizer._divider)(tokenizer._model, "plain")


BPE = learn()
TURKISH = learn(language="tr", joint=False)
SYMBOLS = learn(user_symbols=["<2de>", "a,b", "<2XX>"])
LOSSLESS = {
    "bpe": BPE,
    "unigram": learn("unigram"),
    "char": learn("char"),
    "nmt_nfkc": learn(normalization="nmt_nfkc"),
    "identity": learn(normalization="identity"),
    "turkish": TURKISH,
    "symbols": SYMBOLS,
}
WORDS = learn("word", user_symbols=["<2de>", "a,b", "<2XX>"])

ODD = (
    "aAiIıİsSßẞσςΣǄǅǆﬁﬃĲĳſKÅ℡™ⅷⅧⒶⓐªʻʼ'’-.,1 2\u00a0\u00ad\u200b\u200d\u0301\u0307\u0331\u0345ΐᾳᾼՙև"
    "ა\u1c90Ꭰꭰ𐐀𐐨日猫<>de2X\t\0"
)
TEXT = st.text() | st.text(ODD, max_size=24) | st.text("aAbB .'-", max_size=16)


def pieces_of(text, tokenizer=BPE):
    return [subword.piece for subword in tokenizer.subwords(text)]


@pytest.mark.parametrize("tokenizer", LOSSLESS.values(), ids=LOSSLESS)
@given(TEXT)
@example("STRAßE STRASSE İSTANBUL IŞIK ΟΔΟΣ ΣΑΣ ΑΣ. ǅungla ǄUNGLA IJsland ĲSLAND")
@example("O'Brien DON'T iPhone McDONALD x-RAY A BMX. A MAN: A man, B2B 4WD")
@example("H\u0331A\u0331 E\u0301COLE \u0345A K Å ﬁ ℡ ™ ⒶⒷ ⅧⅧ 𐐀𐐀 ᾼ")
@example("<2de> <2DE> <2xx> A,B AA A,B AA <2de> <Aa> <AA+> <aa>")
@settings(deadline=None)
def test_the_text_comes_back_as_without_marks(tokenizer, text):
    ids = tokenizer.encode(text)
    without = plain(tokenizer)
    assert tokenizer.decode(ids) == without.decode(without.encode(text))
    subwords = tokenizer.subwords(text)
    pieces = tokenizer.pieces(ids)
    assert [each.piece for each in subwords] == pieces
    assert tokenizer.ids(pieces) == ids
    decoded = tokenizer.decoded_subwords(pieces)
    assert "".join(each.surface for each in decoded) == tokenizer.decode(ids)
    written = text.replace("\0", "")
    assert "".join(each.surface for each in subwords) in written
    assert all(not each.surface for each in [*subwords, *decoded] if each.piece in CASE_MARKS)


@given(TEXT)
@settings(deadline=None)
def test_words_of_the_vocabulary_come_back(text):
    ids = WORDS.encode(text)
    without = plain(WORDS)
    if UNK not in ids:
        assert WORDS.decode(ids) == without.decode(without.encode(text)) or UNK in without.encode(
            text
        )
    assert "".join(each.surface for each in WORDS.subwords(text)) in text.replace("\0", "")


@pytest.mark.parametrize("text", LINES[:4])
def test_training_lines_come_back_from_words(text):
    expected = unicodedata.normalize("NFC", text)
    assert WORDS.decode(WORDS.encode(text)) == expected
    assert SegmentedText(text, WORDS.subwords(text)).words == text.split(" ")


@pytest.mark.parametrize("text", ["a man is sitting on a bench", "die straße", "οδος", "it's 4wd"])
@pytest.mark.parametrize("tokenizer", [*LOSSLESS.values(), WORDS])
def test_capitals_have_the_subwords_of_small_letters(tokenizer, text):
    small = tokenizer.encode(text)
    capitals = "".join(letter if letter == "ß" else letter.upper() for letter in text)
    if tokenizer is TURKISH:
        capitals = text.replace("i", "İ").upper().replace("SS", "ß")
    marks = tokenizer.case_marks
    ids = tokenizer.encode(capitals)
    assert [token for token in ids if token not in marks] == small
    assert tokenizer.decode(ids) == capitals
    assert sum(token in marks for token in ids) <= 2


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("A man", "<Aa> ▁a ▁man"),
        ("a MAN is", "▁a <AA> ▁man ▁is"),
        ("A MAN IS", "<AA+> ▁a ▁man ▁is"),
        ("NEW YORK is", "<AA+> ▁new ▁york <aa> ▁is"),
        ("NEW YORK Man", "<AA+> ▁new ▁york <Aa> ▁man"),
        ("A NASA man", "<Aa> ▁a <AA> ▁nasa ▁man"),
        ("iPhone man", "▁iPhone ▁man"),
        ("a man", "▁a ▁man"),
        ("", ""),
    ],
)
def test_marks_of_words(text, pieces):
    assert "".join(pieces_of(text)) == pieces.replace(" ", "")


def test_a_word_with_other_capitals_ends_the_capitals():
    text = "NEW YORK iPhone MAN"
    assert "<aa>" in pieces_of(text)
    assert BPE.decode(BPE.encode(text)) == text


@given(st.lists(st.sampled_from([*CASE_MARKS, "<", "Aa", ">", "▁", " ", "AA", "+"])).map("".join))
def test_no_text_has_a_mark(text):
    for tokenizer in (BPE, WORDS, SYMBOLS):
        marks = [piece for piece in pieces_of(text, tokenizer) if piece in CASE_MARKS]
        small = [piece for piece in pieces_of(text.lower(), tokenizer) if piece in CASE_MARKS]
        assert not small
        assert len(marks) <= sum(map(str.isupper, text))
        ids = tokenizer.encode(text.lower())
        assert not tokenizer.case_marks & set(ids)


@given(st.lists(st.integers(0, BPE.size - 1), max_size=12), st.lists(st.integers(4, 7), max_size=6))
def test_no_mark_is_written_wherever_a_model_puts_it(ids, marks):
    mixed = [token for pair in zip(ids, marks, strict=False) for token in pair] + ids
    text = BPE.decode(mixed)
    without = BPE.decode([token for token in mixed if token not in BPE.case_marks])
    assert text.lower().replace("ς", "σ") == without.lower().replace("ς", "σ")
    kept = [token for token in mixed if token not in (0, 2, 3)]
    decoded = BPE.decoded_subwords(BPE.pieces(kept))
    assert "".join(each.surface for each in decoded) == text


@given(st.text(ODD))
@settings(deadline=None)
def test_capitals_are_restored_in_any_parts(text):
    case = make_letter_case(turkic=False, joined=False)
    small, marks = case.split(text)
    assert len(small) == len(text)
    restorer = CaseRestorer(case)
    restored, position = "", 0
    for mark in marks:
        for letter in small[position : mark.position]:
            restored += restorer.read(letter)
        restorer.mark(mark.name)
        position = mark.position
    assert restored + "".join(map(restorer.read, small[position:])) == text


def test_the_file_names_the_rule_and_the_kind():
    assert read_case_rule(BPE._model) == "general"
    assert read_case_rule(TURKISH._model) == "turkic"
    assert read_case_rule(WORDS._model) == "general"
    assert read_tokenizer_kind(BPE._model) == BPE.kind == "bpe"
    assert (WORDS.kind, WORDS.units, WORDS.is_word_level) == ("word", "words", True)
    assert isinstance(pickle.loads(pickle.dumps(BPE)), type(BPE))
    assert pickle.loads(pickle.dumps(BPE)).encode("A MAN") == BPE.encode("A MAN")
    assert read_case_rule(b"") is None


def test_an_unknown_rule_is_refused():
    content = sentencepiece_model.add_case_marks(plain(BPE)._model, "bpe", "other", ())
    with pytest.raises(ModelError, match=r"unknown rule of letter case 'other'. Update nmt"):
        open_tokenizer(content, "here")


def test_releases_without_marks_refuse_the_file(monkeypatch):
    """They read the first field as the kind."""
    monkeypatch.setattr(
        "nmt.tokenizers.tokenizer.read_tokenizer_kind", sentencepiece_model._read_kind_field
    )
    with pytest.raises(ModelError, match="unknown tokenizer kind 'bpe with case marks: general'"):
        open_tokenizer(BPE._model, "here")


def test_turkish_letters_are_pairs():
    assert TURKISH.decode(TURKISH.encode("IŞIK İSTANBUL Istanbul İstanbul")) == (
        "IŞIK İSTANBUL Istanbul İstanbul"
    )
    assert TURKISH.pieces(TURKISH.encode("İSTANBUL")) == ["<AA>", *pieces_of("istanbul", TURKISH)]
    assert "İ" in "".join(each.surface for each in BPE.subwords("İSTANBUL"))
    assert TURKISH.decode(TURKISH.in_capitals(TURKISH.encode("istanbul"))) == "İSTANBUL"


def test_a_text_is_written_in_capitals():
    ids = BPE.encode("A man in New York")
    assert BPE.decode(BPE.in_capitals(ids)) == "A MAN IN NEW YORK"
    assert len(BPE.in_capitals(ids)) < len(ids)
    assert WORDS.in_capitals([UNK, 9]) == [UNK, 9]


def test_sampled_subwords_keep_the_marks():
    sampler = SubwordSampler(BPE, tokenizer_settings.SubwordSamplingSettings(alpha=0.5))
    text = "A man in NEW YORK is sitting near NASA"
    ids = BPE.encode(text)
    samples = {tuple(sampler.sample([ids], seed)[0]) for seed in range(20)}
    assert len(samples) > 5
    assert {BPE.decode(sample) for sample in samples} == {text}


def test_subwords_of_words_align_with_the_text_as_written():
    text = "The NASA iPhone\u00ad is  in NEW YORK."
    segmented = SegmentedText(text, BPE.subwords(text))
    assert [word.text for word in segmented.display_words] == [
        *("The", "NASA", "iPhone\u00ad", "is", "in", "NEW", "YORK", ".")
    ]
    spelled = SegmentedText.from_pieces([*pieces_of("In NEW YORK, the man"), "</s>"])
    assert spelled == "In NEW YORK, the man"
    assert spelled.words == ["In", "NEW", "YORK,", "the", "man"]


def test_symbols_stay_as_written():
    assert pieces_of("NEW <2de> <2DE> YORK <2XX>", SYMBOLS)[-1] == "<2XX>"
    for text in ("A <2de> MAN IS a,b A,B", "NEW <2XX> YORK", "NEW YORK <2XX> A", "<2xx> A,B"):
        ids = SYMBOLS.encode(text)
        assert SYMBOLS.decode(ids) == text
        symbols = [piece for piece in SYMBOLS.pieces(ids) if piece in ("<2de>", "a,b", "<2XX>")]
        assert symbols == [each for each in text.split() if each in ("<2de>", "a,b", "<2XX>")]


def test_the_settings_know_the_marks():
    assert tokenizer_settings._CASE_MARKS == CASE_MARKS


@pytest.mark.parametrize("kind", ["bpe", "unigram", "char", "word"])
def test_without_the_option_the_file_is_the_same_as_ever(kind):
    chosen = TokenizerSettings.model_validate({"kind": kind, "vocab_size": 400})
    learner = inline_case.TOKENIZERS.resolve(kind)
    model = learner.learn(chosen, make_normalizer("composed"), iter(LINES), "the source")
    tokenizer = open_tokenizer(model)
    assert read_case_rule(model) is None
    assert not tokenizer.case_marks
    assert tokenizer.in_capitals([5, 6]) == [5, 6]
    assert type(tokenizer) is (Tokenizer if kind != "word" else learner)

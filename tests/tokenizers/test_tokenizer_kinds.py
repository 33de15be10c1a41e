"""Tokenizers of words and of characters, and a kind that a user adds."""

import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentencepiece import SentencePieceProcessor

from nmt.config import registry
from nmt.config.settings import TokenizerSettings
from nmt.errors import ConfigError, ModelError, UsageError
from nmt.text.characters import clean_input
from nmt.tokenizers.normalization import make_normalizer
from nmt.tokenizers.sentencepiece_model import PieceKind, write_model
from nmt.tokenizers.tokenizer import BOS, EOS, PAD, UNK, Tokenizer, TokenizerPair, open_tokenizer
from nmt.tokenizers.word_tokenizers import ListedTokenizer
from nmt.tokenizers.words import SegmentedText

LINES = [
    "Go, now!",
    "l'eau (douce) n'est pas « là ».",
    "state-of-the-art costs 1,000.5 or 10%",
    "Go , then; go.",
    "été ŁŹ नमस्ते 日本 語 👨‍👩‍👧 🇫🇷 👍🏽 e\u0301!",
]


def learn(kind="word", lines=LINES, normalization="composed", **settings):
    chosen = TokenizerSettings.model_validate({"kind": kind, **settings})
    normalizer = make_normalizer(normalization)
    learner = registry.TOKENIZERS.resolve(kind)
    return open_tokenizer(learner.learn(chosen, normalizer, iter(lines), "the source"), kind)


WORDS = learn(user_symbols=["<2de>", "a,b"])
CHARACTERS = learn("char", byte_fallback=False, user_symbols=["<2de>", "a,b"])
CHARACTERS_AND_BYTES = learn("char")
ALL = [WORDS, CHARACTERS, CHARACTERS_AND_BYTES, learn(normalization="nmt_nfkc_cf")]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Go, now.", "▁Go , ▁now ."),
        ("Go , now .", "▁Go ▁, ▁now ▁."),
        ("l'eau d’or 'tis students' '", "▁l'eau ▁d’or ▁' tis ▁students ' ▁'"),
        ("state-of-the-art - -5 a--b", "▁state-of-the-art ▁- ▁- 5 ▁a - - b"),
        ("1,000.5 3. .5 1,a 10% 10:30", "▁1,000.5 ▁3 . ▁. 5 ▁1 , a ▁10 % ▁10 : 30"),
        ("“(a)”...", "▁“ ( a ) ” . . ."),
        ("10\u00a0000 Oui\u202f!", "▁10 \u00a0 000 ▁Oui \u202f !"),
        ("C++ a_b x=1 $5 a@b.com", "▁C + + ▁a _ b ▁x = 1 ▁$ 5 ▁a @ b . com"),
        ("नमस्ते cafe\u0301", "▁नमस्ते ▁café"),
        ("می\u200cروم", "▁می\u200cروم"),
        ("col·lecció צה״ל", "▁col·lecció ▁צה״ל"),
        ("日本 語。", "▁日本 ▁語 。"),
        ("👨\u200d👩\u200d👧!👍🏽 🇫🇷🇩🇪 ❤\ufe0f", "▁👨\u200d👩\u200d👧 ! 👍🏽 ▁🇫🇷 🇩🇪 ▁❤\ufe0f"),
        ("<2de> a xa,b", "▁ <2de> ▁a ▁x a,b"),
        ("<2de>a<2de>", "▁ <2de> a <2de>"),
        ("a ▁ b", "▁a ▁b"),
        ("<unk> </s>", "▁< unk > ▁< / s >"),
        ("", ""),
        (" \t ", ""),
    ],
)
def test_one_rule_divides_words_and_marks(text, pieces):
    assert [subword.piece for subword in WORDS.subwords(text)] == pieces.split(" ")[: len(pieces)]


@given(st.text() | st.text("aŁ'-.,1 ▁<2de>\u00a0\t\0(\u200d👍🏽e\u0301", max_size=30))
def test_a_text_is_its_tokens(text):
    """Whatever the tokens, those of the text itself are a vocabulary with which it comes back."""
    own = learn(lines=[*LINES, text])
    expected = clean_input(own.normalize(text).replace("▁", " "))
    tokens = own.encode(text)
    assert own.decode(tokens) == expected.removeprefix(" ")
    assert not {PAD, UNK, BOS, EOS} & set(tokens)


@pytest.mark.parametrize("tokenizer", ALL)
@given(st.text() | st.text("aeGoŁ'-.,1 ▁<2de>ﬁ½\u00a0\t\0(日\u200d😀", max_size=30))
def test_any_text_is_encoded_and_comes_back_as_one_line(tokenizer, text):
    tokens, subwords = tokenizer.encode(text), tokenizer.subwords(text)
    assert tokenizer.encode_batch([text, "Go", text]) == [tokens, tokenizer.encode("Go"), tokens]
    assert len(subwords) == len(tokens)
    assert "".join(each.surface for each in subwords) in text.replace("\0", "")
    assert not {PAD, BOS, EOS} & set(tokens)
    assert len(tokenizer.decode(tokens).splitlines()) <= 1
    pieces = tokenizer.pieces(tokens)
    assert tokenizer.ids(pieces) == tokens
    assert "".join(each.surface for each in tokenizer.decoded_subwords(pieces)) == tokenizer.decode(
        tokens
    )


@given(st.lists(st.integers(0, WORDS.size - 1)))
def test_any_words_decode_to_one_line(ids):
    assert len(WORDS.decode(ids).splitlines()) <= 1


def test_unknown_words_are_shown_as_words():
    ids = WORDS.encode("Go, zorglub! (xyz)")
    assert WORDS.pieces(ids) == ["▁Go", ",", "<unk>", "!", "▁(", "<unk>", ")"]
    assert WORDS.decode(ids) == "Go, ⁇! ( ⁇)"
    assert [each.piece for each in WORDS.subwords("Go zorglub")] == ["▁Go", "▁zorglub"]
    assert WORDS.is_word_level
    assert not CHARACTERS.is_word_level


def test_a_character_without_an_entry_is_bytes_or_unknown():
    assert CHARACTERS_AND_BYTES.pieces(CHARACTERS_AND_BYTES.encode("oß")) == [
        *("▁", "o", "<0xC3>", "<0x9F>")
    ]
    assert CHARACTERS_AND_BYTES.decode(CHARACTERS_AND_BYTES.encode("Go ß!")) == "Go ß!"
    assert UNK in CHARACTERS.encode("oß")
    assert CHARACTERS.pieces(CHARACTERS.encode("Go, <2de>")) == ["▁", *"Go,", "▁", "<2de>"]


@pytest.mark.parametrize("tokenizer", ALL)
def test_halves_of_surrogate_pairs_are_refused(tokenizer):
    with pytest.raises(UsageError, match=r"text 2 has half of a surrogate pair \(U\+D800\)"):
        tokenizer.encode_batch(["Go", "a\ud800"])
    with pytest.raises(UsageError, match="half of a surrogate pair"):
        tokenizer.subwords("a\ud800")


def test_symbols_are_always_tokens():
    kind = {piece.text: piece.kind for piece in WORDS.read_model().pieces}
    assert kind["<2de>"] == kind["a,b"] == PieceKind.USER_DEFINED
    folded = learn(normalization="nmt_nfkc_cf", user_symbols=["<2DE>"])
    assert folded.pieces(folded.encode("<2DE> GO")) == ["▁", "<2DE>", "▁go"]


def test_the_rarest_words_are_left_out(capsys):
    lines = ["b b b a a c"] * 2
    assert learn(lines=lines).pieces(range(4, 7)) == ["▁b", "▁a", "▁c"]
    assert capsys.readouterr().err == ""
    few = learn(lines=lines, min_frequency=3)
    assert few.pieces(range(4, few.size)) == ["▁b", "▁a"]
    assert "1 of 3 words of the source are not in the vocabulary: 16.7%" in capsys.readouterr().err
    assert learn(lines=["b a"] * 20, vocab_size=16).size == 6
    many = learn(lines=[" ".join(map(str, range(40)))], vocab_size=16)
    assert many.size == 16
    assert many.pieces([4, 5, 6]) == ["▁0", "▁1", "▁10"]


def test_an_empty_vocabulary_is_refused():
    with pytest.raises(ConfigError, match=r"min_frequency: no word of the source of train occurs"):
        learn(lines=["a b", "a"], min_frequency=3)
    symbols = [f"<{number}>" for number in range(11)]
    with pytest.raises(ConfigError, match="vocab_size: 16 leaves no room for words"):
        learn(user_symbols=symbols, vocab_size=16)
    with pytest.raises(ConfigError, match="vocab_size: 16 is too small for any character"):
        learn("char", user_symbols=symbols[1:], vocab_size=16)


def test_a_text_of_one_character():
    for kind in ("char", "word"):
        tokenizer = learn(kind, lines=["a"])
        assert tokenizer.decode(tokenizer.encode("a")) == "a"


@pytest.mark.parametrize("kind", ["char", "word"])
def test_the_same_text_gives_the_same_file(kind, tmp_path):
    one, two = learn(kind), learn(kind)
    assert one.fingerprint == two.fingerprint
    pair = TokenizerPair(one, learn(kind, lines=["a b"]), joint=False)
    pair.save(tmp_path)
    loaded = TokenizerPair.load(tmp_path)
    assert loaded.fingerprint == pair.fingerprint
    for tokenizer in (loaded.source, pickle.loads(pickle.dumps(loaded.source))):
        assert type(tokenizer) is type(one)
        assert tokenizer.encode(LINES[1]) == one.encode(LINES[1])
        assert tokenizer.kind == kind


def test_sentencepiece_reads_the_file_of_words(tmp_path):
    WORDS.save(tmp_path / "joint.model")
    processor = SentencePieceProcessor(model_file=str(tmp_path / "joint.model"))
    assert processor.get_piece_size() == WORDS.size
    assert processor.decode(WORDS.encode("Go, now!")) == "Go, now!"
    assert "\\p{P}" in WORDS.segmentation_instructions
    assert CHARACTERS.segmentation_instructions is None


def test_links_count_the_words_between_spaces():
    text = "Go, (zorglub) now!"
    segmented = SegmentedText(text, WORDS.subwords(text))
    assert segmented.spans == [(0, 1), (0, 1), (1, 2), (1, 2), (1, 2), (2, 3), (2, 3)]


class SpacesTokenizer(ListedTokenizer):
    """What stands between spaces."""

    def divide(self, text):
        return re.findall("▁?[^▁]+|▁", text)


LINE = registry.TokenizerKind(
    f"{__name__}:SpacesTokenizer", "what stands between spaces", ("min_frequency",), "words"
)


def test_a_kind_is_one_class_and_one_line(monkeypatch, tmp_path):
    monkeypatch.setitem(registry.TOKENIZERS.kinds, "spaces", LINE)
    tokenizer = learn("spaces", min_frequency=1)
    assert tokenizer.pieces(tokenizer.encode("Go, now! Go")) == ["▁Go,", "▁now!", "▁Go"]
    tokenizer.save(tmp_path / "joint.model")
    loaded = TokenizerPair.load(tmp_path).target
    assert type(loaded) is SpacesTokenizer
    assert (loaded.kind, loaded.units) == ("spaces", "words")
    with pytest.raises(ValueError, match=r"`tokenizer\.byte_fallback` is for kind unigram or bpe"):
        TokenizerSettings(kind="spaces", byte_fallback=False)
    monkeypatch.undo()
    with pytest.raises(ModelError, match=r"joint.model: unknown tokenizer kind 'spaces'"):
        TokenizerPair.load(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"\xc2\x0c", b"\xc2\x0c\x04word", write_model("word", [], {}, b"")]
)
def test_damaged_files_are_refused(content):
    with pytest.raises(ModelError, match="file: is damaged or not a SentencePiece model"):
        open_tokenizer(content, "file")


def test_a_plain_model_is_a_plain_tokenizer():
    assert type(CHARACTERS) is Tokenizer

"""The normalization rules, character by character and in trained models."""

import io
import sys
import unicodedata

import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st

from nmt.config.settings import TokenizerSettings
from nmt.errors import UsageError
from nmt.text.characters import BREAKS, CONTROLS, INVISIBLE, clean_input
from nmt.tokenizers.normalization import make_normalizer, normalization_advice, side_rules
from nmt.tokenizers.round_trip import Change
from nmt.tokenizers.tokenizer import Tokenizer

RULES = ["composed", "nmt_nfkc", "nfkc", "nmt_nfkc_cf", "nfkc_cf", "identity"]


def normalize(rule: str, text: str, language: str | None = None) -> str:
    return make_normalizer(rule, language).normalize(text).replace("▁", " ").strip(" ")


def train(**options: object) -> Tokenizer:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["le chat dort", "the cat sleeps", "می\u200cروم ， ½"]),
        model_writer=model,
        vocab_size=300,
        hard_vocab_limit=False,
        byte_fallback=True,
        pad_id=0,
        unk_id=1,
        bos_id=2,
        eos_id=3,
        minloglevel=2,
        **options,
    )
    return Tokenizer(model.getvalue())


@pytest.fixture(scope="module")
def composed() -> Tokenizer:
    """A tokenizer of some letters and bytes."""
    return train(normalizer=make_normalizer("composed"))


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_cleans_texts_alike(rule):
    for character in BREAKS:
        assert normalize(rule, f"a{character}b") == "a b"
    for character in (CONTROLS + INVISIBLE).replace("\0", ""):
        assert normalize(rule, f"a{character}b") == "ab"
    for joined in ("می\u200cروم", "क\u094d\u200dष", "👩\u200d🔬"):
        assert normalize(rule, joined) == joined


@pytest.mark.parametrize(
    "text",
    [
        "， ！ （ ） ： ； ？ 。 、 「 」 ～",
        "½ ² … ﬁ ™ № ℃ ㈜ ① Ⅷ ㎞",
        "ＡＢＣ １２３ ｶﾞ",
        "10\u00a0000 5\u202f% a\u2009b 漢\u3000字",
        "İstanbul ILIK ıi",
        "य़ क़ য় שׁ שּׁ",
        "Å K 神 﨑",
        "الســلام عَلَيْكُم ﷺ",
        "“ ” ‘ ’ „ « » ‹ › – — −",
    ],
)
def test_composed_keeps_what_people_write(text):
    assert normalize("composed", text) == text


@given(st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"])))
def test_composed_is_clean_input_and_nothing_but_canonical_composition(text):
    clean = " ".join(filter(None, clean_input(text).replace("▁", " ").split(" ")))
    found = normalize("composed", text.replace("\0", ""))
    assert unicodedata.normalize("NFD", found) == unicodedata.normalize("NFD", clean)


@pytest.mark.parametrize("language", ["vi", "ko", "fr", "el"])
def test_decomposed_accents_are_composed(language):
    texts = {
        "vi": "Tiếng Việt có nhiều dấu: ệ ộ ữ ẵ",
        "ko": "각하 한국어 값",
        "fr": "Où êtes-vous, Noël ?",
        "el": "Ἀθῆναι ᾧ ΐ",
    }
    text = unicodedata.normalize("NFC", texts[language])
    assert normalize("composed", unicodedata.normalize("NFD", text)) == text
    assert normalize("composed", text) == text


def test_accents_may_come_in_any_order_and_be_composed_in_part():
    forms = ["e\u0302\u0323", "e\u0323\u0302", "ê\u0323", "ẹ\u0302", "ệ"]
    assert {normalize("composed", form) for form in forms} == {"ệ"}
    assert normalize("composed", "하\u11ab") == "한"


def test_folding_case_follows_the_language():
    for rule in ("nmt_nfkc_cf", "nfkc_cf"):
        assert normalize(rule, "IĞDIR İZMİR I\u0307", "tr") == "ığdır izmir i"
        assert normalize(rule, "IĞDIR", "az-Latn") == "ığdır"
        assert normalize(rule, "IT IS", "en") == normalize(rule, "IT IS") == "it is"
    assert normalize("nmt_nfkc", "IĞDIR", "tr") == "IĞDIR"
    assert normalize("composed", "İIıi", "tr") == "İIıi"


def test_the_rules_of_sentencepiece_are_its_own_otherwise():
    text = "ＡＢＣ ½ ﬁ ｶﾞ ﾊﾟ ² … ™ é e\u0301 İ ß Ω ㈜"
    for rule in RULES[1:5]:
        original = sentencepiece.SentencePieceNormalizer(
            rule_name=rule,
            add_dummy_prefix=True,
            remove_extra_whitespaces=True,
            escape_whitespaces=True,
        )
        assert make_normalizer(rule).normalize(text) == original.normalize(text)


def test_auto_folds_a_source_with_a_model_of_its_own_and_keeps_every_target():
    assert side_rules(TokenizerSettings(joint=False)) == ("nmt_nfkc", "composed")
    assert side_rules(TokenizerSettings(joint=True)) == ("composed", "composed")
    asked = TokenizerSettings(joint=False, normalization="nfkc_cf")
    assert side_rules(asked) == ("nfkc_cf", "nfkc_cf")
    folded, accent = Change("，", ",", 2), Change("e\u0302\u0301", "ế", 3)
    assert not normalization_advice(TokenizerSettings(), [folded, accent])
    assert "nfkc_cf folds them" in normalization_advice(asked, [folded, accent])
    for settings in (TokenizerSettings(), asked):
        assert "as NFC" in normalization_advice(settings, [accent])


def test_what_comes_out_is_what_went_in(composed):
    for text in ("می\u200cروم", "，½ ﬁ… 10\u00a0000", "👩\u200d🔬", "चाय"):
        assert composed.decode(composed.encode(text)) == text
    assert composed.decode(composed.encode("le ch\u00adat\u200b\ufeff")) == "le chat"
    assert composed.encode("le ch\0at") == composed.encode("le chat")
    assert composed.subwords("le ch\0at") == composed.subwords("le chat")
    assert composed.encode("le\x0bchat\x85dort") == composed.encode("le chat dort")


def test_any_bytes_decode_to_a_line_that_every_reader_takes_for_one(composed):
    for token in range(composed.size):
        text = composed.decode([*composed.encode("a"), token, *composed.encode("b")])
        assert len(text.splitlines()) == 1
        assert not {unicodedata.category(c) for c in text} & {"Cc", "Zl", "Zp"}
    pieces = [f"<0x{byte:02X}>" for byte in "a\x85b\x1bc\ufeff\u2028é".encode()]
    surfaces = [each.surface for each in composed.decoded_subwords(pieces)]
    assert "".join(surfaces) == "a bc é" == composed.decode(composed.ids(pieces))
    spelled = composed.ids([f"<0x{byte:02X}>" for byte in "a\u2028b\x85c\x00".encode()])
    assert composed.decode(spelled) == "a b c"


def test_half_of_a_surrogate_pair_is_a_plain_error(composed):
    with pytest.raises(UsageError, match=r"text 2 has half of a surrogate pair \(U\+D800\)"):
        composed.encode_batch(["a", "b\ud800"])
    for encode in (composed.encode, composed.subwords):
        with pytest.raises(UsageError, match="half of a surrogate pair"):
            encode("\udcff")


def test_a_tokenizer_of_an_earlier_release_keeps_its_rule():
    old = train(normalization_rule_name="nmt_nfkc")
    assert old.encode("le\u200bchat") == old.encode("le chat")
    assert old.encode("می\u200cروم") == old.encode("می روم")
    assert old.encode("，") == old.encode(",")
    assert old.encode("le\x0bchat") == old.encode("lechat")
    assert old.decode(old.ids(["<0x63>", "<0x00>", "<0x1B>", "<0x0A>", "<0x61>"])) == "c a"


def test_a_rule_is_made_once_and_stays_below_a_second():
    assert make_normalizer("composed") is make_normalizer("composed", "fr")
    assert sys.getsizeof(make_normalizer("composed").serialized_normalizer_spec()) < 500_000

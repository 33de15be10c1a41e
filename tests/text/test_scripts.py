import pytest

from nmt.data.binary_dataset import Corpus, CorpusWriter
from nmt.text.scripts import Scripts, count_scripts, script_share
from nmt.training.data_preparation import source_scripts

FRENCH = Scripts.from_texts(["le chat est là", "où vont-ils ?"])
JAPANESE = Scripts.from_texts(["猫は家にいます", "テレビを見る"])


def test_letters_are_counted_by_script():
    counts = count_scripts("Ab, 12 жé 漢字 かナ שלום!")
    assert counts == {"Latin": 3, "Cyrillic": 1, "Han": 2, "Kana": 2, "Hebrew": 4}
    assert script_share(counts, "Latin") == 0.25
    assert script_share(count_scripts("1, 2"), "Latin") == 1.0


def test_shares_of_letters():
    assert Scripts.from_texts(["ab", "при 12!"]).shares == {"Cyrillic": 0.6, "Latin": 0.4}
    assert FRENCH.main == ["Latin"]
    assert set(JAPANESE.main) == {"Han", "Kana"}


@pytest.mark.parametrize(
    "text", ["le chien", "", "12 345 !", "naïveté Привет là", "猫", "αβ", "😀😀"]
)
def test_text_at_home(text):
    assert FRENCH.foreign_script(text) is None


@pytest.mark.parametrize(
    ("text", "script"),
    [("кошка дома", "Cyrillic"), ("猫は家にいます", "Kana"), ("le кошка дома", "Cyrillic")],
)
def test_text_that_is_not(text, script):
    assert FRENCH.foreign_script(text) == script


def test_each_script_of_a_language_is_at_home():
    assert JAPANESE.foreign_script("テレビテレビ") is None
    assert JAPANESE.foreign_script("television") == "Latin"


def test_a_script_of_stray_letters_is_not_at_home():
    assert Scripts.from_texts(["a" * 999, "ж"]).foreign_script("кошка дома") == "Cyrillic"


def test_nothing_is_foreign_to_no_text():
    assert Scripts.from_texts([]).foreign_script("le chat dort") is None


def test_of_a_corpus(tmp_path, tokenizers):
    tokenizer = tokenizers.source
    with CorpusWriter(tmp_path / "train", tokenizer.size) as writer:
        for line in range(5000):
            text = "un chien" if line % 2 else "ж"
            writer.add(line + 1, tokenizer.encode(text), [4])
    shares = source_scripts(Corpus.open(tmp_path / "train"), tokenizer).shares
    assert set(shares) == {"Latin", "Cyrillic"}
    assert shares["Latin"] == pytest.approx(7 / 8, abs=0.05)


def test_other_widths_and_styles_of_letters_are_of_the_same_script():
    counts = count_scripts("Ｈé 𝐀ª ﾈｺﾞー 漢々 ﾡ ﷺ")
    assert counts == {"Latin": 4, "Kana": 4, "Han": 2, "Hangul": 1, "Arabic": 1}

import pytest

from nmt.evaluation.input_checks import (
    blank_reference_warnings,
    input_warnings,
    short_reference_warning,
    unspaced_text_warning,
)

REFERENCES = [["The black cat is on the mat.", "A dog sleeps, I think."]]


def test_plain_text_is_not_suspected():
    assert input_warnings(["The cat is on the mat.", "A dog ... sleeps!"], REFERENCES) == []
    assert input_warnings(["Où est le chat ?", "Il dort : enfin !"], REFERENCES) == []
    assert input_warnings([], [[]]) == []
    assert input_warnings(["", ""], REFERENCES) == []


def test_subwords():
    for text in ("▁The ▁cat", "The bl@@ ack cat", "bl@@"):
        (warning,) = input_warnings(["Fine.", text], REFERENCES)
        assert warning.startswith(f"hypotheses look like subwords, line 2: {text!r}")


def test_tokenized():
    (warning,) = input_warnings(["The cat is on the mat .", "A dog , I think ."], REFERENCES)
    assert warning.startswith("hypotheses look tokenized, line 1: 'The cat is on the mat .'")


def test_tokenized_text_may_be_meant():
    spaced = ["The cat is on the mat .", "A dog , I think ."]
    assert input_warnings(spaced, [spaced], tokenize="none") == []
    assert len(input_warnings(spaced, [spaced])) == 1
    assert len(input_warnings(spaced, REFERENCES, tokenize="none")) == 1
    assert len(input_warnings(REFERENCES[0], [spaced], tokenize="none")) == 1


def test_lower_case():
    lower = ["the cat is on the mat.", "a dog sleeps."]
    (warning,) = input_warnings(lower, REFERENCES)
    assert "no capital letter" in warning
    assert input_warnings(lower, [[line.lower() for line in REFERENCES[0]]]) == []
    assert input_warnings(["猫はマットの上。", "犬は寝る。"], REFERENCES) == []


def test_case_that_is_not_compared_cannot_be_wrong():
    assert input_warnings(["the cat is on the mat.", "a dog."], REFERENCES, lowercase=True) == []


def test_references_may_be_the_strange_ones():
    plain = ["The black cat is on the mat.", "A dog sleeps, I think."]
    (warning,) = input_warnings(plain, [["▁The ▁cat", "x"]])
    assert warning.startswith("references look like subwords, line 1: '▁The ▁cat'")
    (warning,) = input_warnings(plain, [["The cat is on the mat .", "A dog , I think ."]])
    assert warning.startswith("references look tokenized, line 1")
    (warning,) = input_warnings(plain, [[line.lower() for line in plain]])
    assert warning.startswith("references have no capital letter but the hypotheses do")
    assert "swapped" in warning


def test_text_without_spaces():
    chinese = ["猫在垫子上。", "狗在睡觉。"]
    (warning,) = input_warnings(chinese, [chinese])
    assert "--language zh or --language ja" in warning
    (warning,) = input_warnings(["แมวอยู่บนเสื่อ"], [["แมวอยู่บนเสื่อ"]])
    assert "--tokenize char" in warning
    assert input_warnings(chinese, [chinese], tokenize="zh") == []
    assert input_warnings(["그 고양이"], [["그 고양이"]]) == []


@pytest.mark.parametrize(
    "texts",
    [
        (["猫が好きです。", "これは本です。"], [["ABCも好き。", "これは本。"]]),
        (["ალბათ კარგია", "წიგნი"], [["NATO კარგია", "წიგნი აქ არის"]]),
        (["القط على السجادة", "الكلب نائم"], [["القط على سجادة BBC", "الكلب"]]),
        (["यह एक किताब है"], [["यह किताब है DNA"]]),
        (["the cat", "a dog"], [["", ""]]),
        (["The cat", "A dog"], [["", " "]]),
        (["", ""], [["The cat", "A dog"]]),
        (["123", "..."], [["The cat", "A dog"]]),
    ],
)
def test_scripts_without_capitals_and_blank_lines_lack_none(texts):
    assert not [each for each in input_warnings(*texts, tokenize="char") if "capital" in each]


def test_one_set_of_references_without_capitals_is_enough_to_compare_with_the_other():
    lower = ["the cat is on the mat.", "a dog sleeps."]
    assert len(input_warnings(lower, [["The cat is here.", "A dog."], ["", ""]])) == 1
    assert input_warnings(["The cat is here.", "A dog."], [["The cat is.", "A dog."], lower]) == []


@pytest.mark.parametrize(
    "text",
    [
        "&quot;the cat&quot; &amp; dog",
        "it&apos;s",
        "a &#91; b",
        "x &#x27; y",
        "&nbsp;",
        "&lt;b&gt;",
    ],
)
def test_entities_on_one_side(text):
    (warning,) = input_warnings(["Fine.", text], [["Fine.", "A dog and a cat."]])
    assert warning.startswith("hypotheses have HTML entities where the references have none, in 1")
    assert f"(line 2): {text!r}" in warning
    (warning,) = input_warnings(["Fine.", "A dog and a cat."], [["Fine.", text]])
    assert warning.startswith("references have HTML entities where the hypotheses have none")
    assert input_warnings([text], [[text]]) == []


@pytest.mark.parametrize("text", ["AT&T; R&D;", "a & b; c", "& amp;", "Q&A", "&unknownname;"])
def test_what_is_no_entity(text):
    assert input_warnings([text], [["A dog and a cat."]], lowercase=True) == []


def test_entities_in_one_of_several_references_are_in_both():
    assert input_warnings(["a &amp; b"], [["a & b"], ["a &amp; b"]]) == []


JAPANESE = ["猫は庭で眠っています。", "二人の男が公園で話しています。"]
SPACED = ["猫 は 庭 で 眠っ て い ます 。", "二人 の 男 が 公園 で 話し て い ます 。"]


def test_text_whose_words_have_spaces_between_them():
    assert input_warnings(SPACED, [SPACED]) == []
    (warning,) = input_warnings(JAPANESE, [JAPANESE])
    assert "have no spaces" in warning and "Give --language ja," in warning
    (warning,) = input_warnings(SPACED, [JAPANESE])
    assert "the hypotheses have spaces between words and the references have none" in warning
    (warning,) = input_warnings(JAPANESE, [SPACED])
    assert "the references have spaces between words and the hypotheses have none" in warning
    for tokenizer in ("char", "ja-mecab"):
        assert input_warnings(JAPANESE, [SPACED], tokenize=tokenizer) == []


def test_a_space_between_sentences_is_none_between_words():
    lines = ["猫は庭で眠っています。 二人の男が公園で話しています。"] * 3
    assert len(input_warnings(lines, [lines])) == 1
    thai = ["แมวกำลังนอนหลับอยู่ในสวนหลังบ้าน และสุนัขกำลังวิ่งเล่นอยู่ริมแม่น้ำ"]
    assert len(input_warnings(thai, [thai])) == 1


def test_blank_references_are_counted():
    several = [["a", "b", "c", ""], ["", "x", " ", ""], ["d", "e", "f", "\u200b"]]
    assert blank_reference_warnings(several) == [
        "reference 2 is blank in 2 lines (first: line 1), where another reference is not. It is "
        "ignored there.",
        "1 line (line 4) without a reference: BLEU and TER count all words of their translations "
        "as wrong; chrF skips these lines.",
    ]
    assert blank_reference_warnings([["a", "", ""]]) == [
        "2 lines (first: line 2) without a reference: BLEU and TER count all words of their "
        "translations as wrong; chrF skips these lines."
    ]
    assert blank_reference_warnings([["a", "b"], ["c", "d"]]) == []


def test_references_of_few_words():
    phrases = ["a dog", "two cats", "the red house", "a long walk by the river"]
    warning = short_reference_warning([phrases])
    assert warning.startswith("only 1 of 4 references have four tokens or more. BLEU counts")
    assert "Use chrF" in warning
    assert short_reference_warning([phrases], "char") is None
    assert short_reference_warning([["a long walk by the river", "a dog"]]) is None
    assert short_reference_warning([["", ""]]) is None
    assert short_reference_warning([phrases, ["a dog that barks loudly"] * 4]) is None


@pytest.mark.parametrize(
    ("text", "tokenizer", "warned"),
    [
        ("แมวกำลังนอนหลับ", "zh", True),
        ("แมวกำลังนอนหลับ", "intl", True),
        ("แมวกำลังนอนหลับ", "ja-mecab", True),
        ("แมวกำลังนอนหลับ", "char", False),
        ("แมวกำลังนอนหลับ", "flores200", False),
        ("ねこはにわでねむっています", "zh", True),
        ("ねこはにわでねむっています", "ja-mecab", False),
        ("猫在垫子上", "intl", True),
        ("猫在垫子上", "none", True),
        ("猫在垫子上", "ja-mecab", False),
        ("ཁྱི་ནི་གཉིད་ལོག", "13a", True),
        ("ខ្ញុំចូលចិត្តអានសៀវភៅ", "13a", True),
        ("ကျွန်တော်စာဖတ်ရတာကြိုက်တယ်", "13a", True),
        ("ຂ້ອຍມັກອ່ານປຶ້ມ", "13a", True),
        ("ﾈｺﾊﾆﾜﾃﾞﾈﾑｯﾃｲﾏｽ", "13a", True),
        ("ｔｈｅ　ｃａｔ　ｓｌｅｅｐｓ", "13a", False),
    ],
)
def test_what_a_tokenizer_does_not_divide(text, tokenizer, warned):
    found = input_warnings([text], [[text]], tokenize=tokenizer)
    assert [f"tokenizer {tokenizer} cannot split them into words" in each for each in found] == [
        True
    ] * warned


def test_invisible_characters():
    plain = ["The black cat is on the mat.", "A dog sleeps, I think."]
    for invisible in ("\u00ad", "\u200b", "\ufeff", "\u200f", "\u2060", "\x92", "\x01"):
        odd = [plain[0], f"A d{invisible}og sleeps, I think."]
        (warning,) = input_warnings(plain, [odd])
        assert warning.startswith("1 line of the references (line 2) have invisible characters")
        assert f"U+{ord(invisible):04X}" in warning
        (warning,) = input_warnings(odd, [plain])
        assert warning.startswith("1 line of the hypotheses (line 2)")
        assert input_warnings(odd, [odd]) == []


def test_invisible_characters_of_a_blank_reference_match_nothing():
    texts = ["The black cat is on the mat.", "A dog sleeps, I think."]
    assert input_warnings(texts, [["The cat is.", "\u200b"], ["\xa0\u200b", "A dog."]]) == []


def test_the_tokenizer_of_bleu_matters_for_bleu_alone():
    chinese = ["猫在垫子上", "狗在睡觉"]
    assert input_warnings(chinese, [chinese], metrics=["chrf++", "ter"]) == []
    assert len(input_warnings(chinese, [chinese], metrics=["bleu", "chrf"])) == 1


def test_joiners_are_no_invisible_characters():
    persian = ["به خانه می\u200cروم.", "👩\u200d🔬 ❤\ufe0f"]
    assert input_warnings(persian, [persian]) == []
    assert input_warnings(persian, [[persian[0], "👩🔬"]]) == []
    (warning,) = input_warnings(["به خانه می روم.", "👩🔬"], [persian])
    assert warning.startswith(
        "2 lines of the references (line 1) have characters such as U+200C ZERO WIDTH NON-JOINER, "
        "but the hypotheses have none"
    )


def test_forms_that_one_side_never_has():
    written, folded = ["Er sagt …", "5 m² ½"] * 50, ["Er sagt ...", "5 m2 1/2"] * 50
    (warning,) = input_warnings(folded, [written])
    assert "100 lines of the references (line 1) have characters such as …" in warning
    assert input_warnings(written, [written]) == []
    assert input_warnings([*folded[:99], "½"], [written]) == []
    assert input_warnings(["Il dort !"] * 9, [["Il dort\u00a0!"] * 9]) == []
    assert input_warnings(["a dog"] * 100, [["a dog"] * 99 + ["½ dog"]]) == []


def test_accents_as_characters_of_their_own():
    composed, decomposed = ["Où êtes-vous ?", "Là."], ["Ou\u0300 êtes-vous ?", "La\u0300."]
    (warning,) = input_warnings(composed, [decomposed])
    assert warning.startswith("2 lines of the references (line 1) have decomposed accents")
    assert "u U+0300" in warning
    assert input_warnings(decomposed, [decomposed]) == []
    assert input_warnings(["শব্দ হ\u09df"], [["শব্দ হ\u09df"]]) == []
    (warning,) = input_warnings(["শব্দ হ\u09af\u09bc"], [["শব্দ হ\u09df"]])
    assert "such as \u09df, but the hypotheses have none" in warning


def test_a_run_whose_target_language_is_not_known_to_have_no_spaces_is_warned_of():
    chinese = ["他在家裡。", "今天天氣很好！"]
    assert "Set `data.target_language`" in unspaced_text_warning(chinese)
    assert unspaced_text_warning(chinese, "zh") is None
    assert unspaced_text_warning(["他 在 家裡 。", "今天 天氣 很 好 ！"]) is None
    assert unspaced_text_warning(["He is at home.", "집에 있어요."]) is None

from pathlib import Path

import pytest

from nmt.errors import ConfigError
from nmt.text.languages import (
    check_file_languages,
    find_language,
    is_same_language,
    read_file_languages,
    read_target_language,
)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("zh", "zh"),
        ("zh-CN", "zh"),
        ("ZHO_Hant", "zh"),
        ("cmn-Hans", "zh"),
        ("cn", "zh"),
        ("Chinese (Simplified)", "zh"),
        ("traditional chinese", "zh"),
        ("中文", "zh"),
        ("yue_Hant", "yue"),
        ("ja_XX", "ja"),
        ("jp", "ja"),
        ("jpn", "ja"),
        ("kr", "ko"),
        (" korean ", "ko"),
        ("tha", "th"),
        ("lao_Laoo", "lo"),
        ("khm_Khmr", "km"),
        ("bur", "my"),
        ("tib", "bo"),
        ("pt_BR.UTF-8", "pt"),
        ("Brazilian Portuguese", "pt"),
        ("sr-Latn", "sr"),
        ("mon", "mn"),
        ("yi", "yi"),
        ("target", None),
        ("tgt", None),
        ("", None),
        (None, None),
    ],
)
def test_what_codes_and_names_mean(text, code):
    found = find_language(text)
    assert (None if found is None else found.code) == code


@pytest.mark.parametrize(
    ("code", "has_spaces", "tokenizer"),
    [
        ("zh", False, "zh"),
        ("ja", False, "ja-mecab"),
        ("ko", True, "ko-mecab"),
        ("th", False, "char"),
        ("lo", False, "char"),
        ("km", False, "char"),
        ("my", False, "char"),
        ("bo", False, "char"),
        ("dz", False, "char"),
        *((code, True, "13a") for code in ["ar", "fa", "he", "hi", "de", "tr", "vi", "am"]),
    ],
)
def test_how_languages_are_written(code, has_spaces, tokenizer):
    found = find_language(code)
    assert (found.has_spaces, found.tokenizer) == (has_spaces, tokenizer)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("de", "deu", True), ("de", "ger", True), ("zh", "yue", False), ("x", "x", True)],
)
def test_is_same_language(one, other, same):
    assert is_same_language(one, other) is same
    assert is_same_language(one, None) is False


@pytest.mark.parametrize(
    ("source", "target", "languages"),
    [
        ("train.en", "train.de", ("en", "de")),
        ("a/train.en.gz", "b/train.de.txt", ("en", "de")),
        ("en.txt", "de.txt", ("en", "de")),
        ("news-v15.en-de.en", "news-v15.en-de.de", ("en", "de")),
        ("fra-eng-2019.eng.gz", "fra-eng-2019.fra.gz", ("eng", "fra")),
        ("de/train.en", "de/train.fr", ("en", "fr")),
        ("eng/text", "deu/text", ("eng", "deu")),
        ("train_en.txt", "train_de.txt", ("en", "de")),
        ("news.zh-CN", "news.en-US", ("zh", "en")),
        ("train.source", "train.de", (None, "de")),
        ("train.src", "train.tgt", (None, None)),
        ("in", "out", (None, None)),
        ("a", "b", (None, None)),
        ("train.en", "train.en", (None, None)),
        ("1", "2.en", (None, None)),
    ],
)
def test_what_names_of_files_tell(source, target, languages):
    assert read_file_languages(Path(source), Path(target)) == languages


@pytest.mark.parametrize(
    "texts", [("t.fr.gz", "t.en.gz"), ("x.en-fr.fr", "x.en-fr.en"), ("t.fra", "t.eng")]
)
def test_texts_in_the_languages_of_one_another(texts):
    files = [(Path("1.en"), Path("1.fr")), tuple(map(Path, texts))]
    with pytest.raises(ConfigError, match=rf"{texts[0]} and {texts[1]} suggest the opposite"):
        check_file_languages("en", "fr", files, "data.dev")


@pytest.mark.parametrize(
    "texts", [("t.en", "t.fr"), ("t.fr", "t.fr"), ("t.fr", "t.de"), ("a", "b"), ("t.fr", "t")]
)
def test_texts_that_do_not_tell_the_contrary(texts):
    check_file_languages("en", "fr", [tuple(map(Path, texts))], "data.dev")
    check_file_languages("en", "en", [tuple(map(Path, texts))], "data.dev")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("arb_Arab", "ar"),
        ("azj_Latn", "az"),
        ("npi_Deva", "ne"),
        ("ory_Orya", "or"),
        ("als_Latn", "sq"),
        ("lvs_Latn", "lv"),
        ("ckb", "ku"),
        ("Bahasa Indonesia", "id"),
        ("Bahasa Melayu", "ms"),
        ("zhTW", "zh"),
        ("繁體中文", "zh"),
    ],
)
def test_codes_of_members_of_a_group_of_languages(text, code):
    assert find_language(text).code == code


@pytest.mark.parametrize(
    ("label", "code"),
    [
        ("zh", "zh"),
        ("en-zh", "zh"),
        ("zh-en", "en"),
        ("en_ja", "ja"),
        ("eng_Latn-zho_Hans", "zh"),
        ("en-zh-CN", "zh"),
        ("zh-CN", "zh"),
        ("zh-TW", "zh"),
        ("zh-tw", "zh"),
        ("ms-MY", "ms"),
        ("<2ko>", "ko"),
        ("en2th", "th"),
        ("en→de", "de"),
        ("English-Chinese", "zh"),
        ("news", None),
        ("en-news", None),
        ("news-zh", None),
        ("en-de-zh", None),
        ("", None),
        ("---", None),
    ],
)
def test_the_target_language_of_a_label(label, code):
    found = read_target_language(label)
    assert (found and found.code) == code

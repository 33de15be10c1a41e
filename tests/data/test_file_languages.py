from pathlib import Path

import pytest

from nmt.config.settings.data import DataSettings
from nmt.data.file_languages import check_languages, languages_of
from nmt.errors import ConfigError


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
def test_what_names_tell(source, target, languages):
    assert languages_of(Path(source), Path(target)) == languages


def english_to_french(source, target):
    texts = {"source": ["1.en", source], "target": ["1.fr", target]}
    languages = {"source_language": "en", "target_language": "fr"}
    return DataSettings(train={"source": "a", "target": "b"}, dev=texts, **languages)


@pytest.mark.parametrize("texts", [("t.fr.gz", "t.en.gz"), ("x.en-fr.fr", "x.en-fr.en")])
def test_texts_in_the_languages_of_one_another(texts):
    with pytest.raises(ConfigError, match=rf"{texts[0]} and {texts[1]} are named the other way"):
        check_languages(english_to_french(*texts))


@pytest.mark.parametrize(
    "texts", [("t.en", "t.fr"), ("t.fr", "t.fr"), ("t.fr", "t.de"), ("a", "b"), ("t.fr", "t")]
)
def test_texts_that_do_not_tell_the_contrary(texts):
    check_languages(english_to_french(*texts))

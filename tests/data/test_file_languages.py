from pathlib import Path

import pytest

from nmt.data.file_languages import languages_of


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

"""Labels of the lines of a text."""

import pytest

from nmt.errors import DataError
from nmt.evaluation.breakdown import Bucket, by_label
from nmt.evaluation.line_labels import group_tokenizers, read_labels


def test_groups_come_in_order_of_first_appearance():
    assert by_label(["fr-en", "en-zh", "de-en", "fr-en", "en-zh"]) == [
        Bucket("fr-en", (0, 3)),
        Bucket("en-zh", (1, 4)),
        Bucket("de-en", (2,)),
    ]


def test_tokenizers_follow_the_target_language():
    labels = ["zh-en", "en-zh", "zh", "news", "fr_th", "en-zh"]
    reported = []
    tokenizers = group_tokenizers(labels, "intl", reported.append)
    assert tokenizers == {
        "zh-en": None,
        "en-zh": "zh",
        "zh": "zh",
        "news": "intl",
        "fr_th": "char",
    }
    assert len(reported) == 1 and "Thai" in reported[0]


def test_labels_of_a_file(tmp_path):
    file = tmp_path / "labels"
    file.write_bytes(b"\xef\xbb\xbfen-de \r\n en-de\r\nen-fr\n")
    assert read_labels(file).labels == ["en-de", "en-de", "en-fr"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"en-de\n \n", "line 2: the label is blank. Give each line a label."),
        (b"en-de\tnews\n", r"line 1: the label 'en-de\\tnews' has a tab or a control character."),
        (b"en-de\nen\x01fr\n", "line 2: the label 'en"),
    ],
)
def test_unfit_labels(tmp_path, content, message):
    file = tmp_path / "labels"
    file.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_labels(file)


def test_a_text_in_place_of_labels_is_warned_of(tmp_path, capsys):
    file = tmp_path / "text"
    file.write_text("".join(f"sentence {index}\n" for index in range(20)))
    read_labels(file)
    assert "20 different labels on 20 lines" in capsys.readouterr().err

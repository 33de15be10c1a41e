import json
from dataclasses import replace

import numpy as np
import pytest
from looked_at import TREE, made_up, random_weights, sentence

from nmt.inspection.attention_data import (
    InspectedTranslation,
    ModelOutput,
    Sentence,
    translation_of_score,
    tree_record,
    with_views,
)
from nmt.inspection.attention_page import attention_page, draw_attention
from nmt.search.forced_decoding import ForcedScore
from nmt.search.head_attentions import HeadAttention

HOSTILE = "</script><script>alert(1)</script>"


def data_of(page: str):
    begin = page.index('<script type="application/json" id="data">')
    begin = page.index(">", begin) + 1
    return json.loads(page[begin : page.index("</script>", begin)])


def test_the_data_of_a_page():
    best = made_up("The ca+t", "Le ch+at", -0.5)
    second = made_up("A cat", "Le ch+at", -1.5)
    page = attention_page(
        [
            sentence(1, "Le chat", best, second, reference="The cat!"),
            sentence(2, "", made_up("", "")),
        ],
        ["runs/a"],
        subwords=True,
    )
    data = data_of(page)
    assert data["models"] == ["runs/a"]
    assert data["subwords"] is True
    first, blank = data["sentences"]
    assert (first["number"], first["text"], first["reference"]) == (1, "Le chat", "The cat!")
    (reading,) = first["readings"]
    assert reading["source"] == ["▁Le", "▁ch", "at", "</s>"]
    assert reading["source_words"] == [1, 2, 1]
    assert [look["text"] for look in reading["looks"]] == ["The cat", "A cat"]
    assert [look["score"] for look in reading["looks"]] == [-0.5, -1.5]
    assert reading["looks"][0]["target_words"] == [1, 2, 1]
    weights = np.array(reading["looks"][0]["weights"])
    assert (weights.sum(1) == 1000).all()
    np.testing.assert_allclose(weights / 1000, best.attention, atol=1e-3)
    assert blank["readings"][0]["looks"][0]["target"] == []
    assert "tree" not in reading


def test_entropy_is_that_of_the_best():
    half = np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]], np.float32)
    data = data_of(attention_page([sentence(1, "x y", made_up("a", "x y", weights=half))], [""]))
    assert data["sentences"][0]["readings"][0]["entropy"] == 0.5


def test_hostile_text_stays_in_the_data():
    page = attention_page(
        [sentence(1, HOSTILE, made_up(HOSTILE, HOSTILE))], [HOSTILE], about=HOSTILE
    )
    assert HOSTILE not in page
    assert data_of(page)["sentences"][0]["text"] == HOSTILE


def test_what_is_infinite_is_null():
    """What a model holds to be impossible can be given to it."""
    worst = replace(made_up("a", "x"), score=float("-inf"), token_log_probabilities=[-np.inf, 0.0])
    data = data_of(attention_page([sentence(1, "x", worst)], [""]))
    look = data["sentences"][0]["readings"][0]["looks"][0]
    assert look["score"] is None
    assert look["probabilities"] == [0, 1000]


def test_nothing_is_asked_of_the_network():
    page = attention_page([sentence(1, "x", made_up("a", "x"))], [""])
    assert "http" not in page.replace('http-equiv="Content-Security-Policy"', "")
    assert "default-src 'none'" in page


def test_a_tree_in_columns():
    record = tree_record(TREE)
    assert record["pieces"] == ["▁The", "▁A", "▁cat", "▁do", "</s>", "▁x", "g", "▁y", "▁z"]
    assert record["tokens"] == [0, 1, 2, 3, 4, 4, 5, 6, 7, 8]
    assert record["parents"] == [-1, -1, 0, 0, 2, 3, 2, 3, 7, 7]
    assert record["ranks"] == [0, 0, 0, 0, 1, 2, 0, 0, 0, 3]
    assert [record["fates"][fate] for fate in record["fate"][:2]] == ["extended", "pruned"]
    assert record["scores"][:2] == [-100, -2000]
    page = attention_page([sentence(1, "x", made_up("a", "x", tree=TREE))], [""])
    assert data_of(page)["sentences"][0]["readings"][0]["tree"] == record


def test_views_go_with_their_translations():
    weights = random_weights(2, 2)
    reading = ModelOutput(tuple(map(InspectedTranslation, [made_up("a", "x"), made_up("b", "x")])))
    reading = with_views(reading, [[HeadAttention("head 1", weights)], []])
    data = data_of(attention_page([Sentence(1, "x", (reading,))], [""]))
    one, two = data["sentences"][0]["readings"][0]["looks"]
    assert [view["name"] for view in one["views"]] == ["head 1"]
    assert "views" not in two
    with pytest.raises(ValueError, match="argument"):
        with_views(reading, [[]])


def test_a_forced_score_as_a_translation():
    score = ForcedScore(
        -1.0, -2.0, ["▁a", "</s>"], ["▁x", "</s>"], [-1.0, -1.0], random_weights(2, 2)
    )
    translation = translation_of_score(" a ", score)
    assert (translation.text, translation.score, translation.log_probability) == ("a", -1.0, -2.0)
    assert translation.attention is score.attention


def test_in_a_notebook(tmp_path):
    translation = made_up('The "ca+t"', "Le ch+at , é")
    drawing = draw_attention(translation)
    assert data_of(drawing.html)["sentences"][0]["text"] == "Le chat , é"
    frame = drawing._repr_html_()
    assert frame.startswith('<iframe srcdoc="&lt;!DOCTYPE html&gt;')
    drawing.save(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == drawing.html
    two = draw_attention([translation, translation])
    assert [each["number"] for each in data_of(two.html)["sentences"]] == [1, 2]

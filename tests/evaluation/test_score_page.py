import json
import re

from nmt.evaluation.score_page import score_page
from nmt.evaluation.score_report import ReportOptions, System, compare_systems
from nmt.pages.page import render

REFERENCES = ["The cat <b>sat</b>.", "A dog sleeps.", "قطة سوداء"]
OTHERS = ["The cat sat.", "", "قطة"]


def page_of(*systems, **question):
    found = compare_systems(
        [System(f"system & {i}", lines) for i, lines in enumerate(systems)],
        ReportOptions(references=[REFERENCES], trials=20, **question),
    )
    return score_page(found)


def test_nothing_of_a_text_becomes_html():
    page = render(page_of(REFERENCES, OTHERS, sources=["</script>", "b", "c"]))
    assert "<b>sat" not in page
    assert page.count("</script>") == 2
    (data,) = re.findall(r'id="data">(.*?)</script>', page)
    sentences = json.loads(data)["sentences"]
    assert sentences[0]["source"] == "</script>"
    assert sentences[1]["hypotheses"] == [[["A dog sleeps.", 1]], []]
    assert "system &amp; 0" in page


def test_what_no_system_has_is_missing():
    (first, *_) = page_of(OTHERS, OTHERS).data["sentences"]
    assert [text for text, same in first["reference"] if not same] == ["<b>", "</b>"]
    (first, *_) = page_of(REFERENCES, OTHERS).data["sentences"]
    assert first["reference"] == [["The cat <b>sat</b>.", 1]]


def test_a_long_text_is_shown_in_part(monkeypatch):
    monkeypatch.setattr("nmt.evaluation.score_page.MAX_SENTENCES", 2)
    page = page_of(REFERENCES)
    assert len(page.data["sentences"]) == 2
    assert page.about == "3 lines, of which the first 2 are shown"
    assert "baseline" not in page.body


def test_identical_systems_are_said_to_be():
    assert "identical, p = 1" in page_of(REFERENCES, list(REFERENCES)).body

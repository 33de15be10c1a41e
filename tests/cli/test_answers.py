import json
from dataclasses import replace

import numpy as np
import pytest

from nmt.cli.translate_output import JsonOutput, MosesOutput, TextOutput, TsvOutput
from nmt.data.manifest import LengthRatio
from nmt.errors import UsageError
from nmt.search.constraints import Constraints
from nmt.translation.line_stream import Line
from nmt.translation.quality_estimation import QualityEstimator
from nmt.translation.requests import Request
from nmt.translation.translation import Translation

SECOND = Translation(
    text="ein Tier ||| da",
    score=-2.25,
    log_probability=-4.5,
    tokens=["▁ein", "▁Tier", "</s>"],
    source_tokens=["▁a", "▁dog", "</s>"],
    token_log_probabilities=[-1.5, -1.5, -1.5],
    attention=np.array([[0.5, 0.25, 0.25], [0.6, 0.3, 0.1], [0.0, 0.0, 1.0]], dtype=np.float32),
    finished=True,
)
DONE = replace(
    SECOND,
    text="ein\tHund",
    score=-0.75,
    log_probability=-1.5,
    tokens=["▁ein", "▁Hund", "</s>"],
    attention=np.array(
        [[0.7, 0.2, 0.1], [0.12346, 0.27654, 0.6], [0.0, 0.0, 1.0]], dtype=np.float32
    ),
    alternatives=(SECOND,),
)
PIECES = replace(DONE, attention=None, pieces=2)
BLANK = Translation("", 0.0, 0.0, [], [], [], None, True)
REQUEST = Request(Line(3, "x\ta dog"), "a dog")


def test_a_row_of_empty_cells_has_a_column_more_like_every_other():
    for row, answer in (("\t", "\t\t"), (" \t \t", " \t \t\t"), ("", ""), ("  ", "  ")):
        request = Request(Line(1, row))
        assert TsvOutput().lines(request, BLANK) == [answer]
    assert TsvOutput(alignment=True).lines(Request(Line(1, "\t")), BLANK) == ["\t\t\t"]


def test_text():
    assert TextOutput().lines(REQUEST, DONE) == ["ein\tHund"]
    assert TextOutput(alignment=True).lines(REQUEST, DONE) == ["ein\tHund ||| 0-0 1-1"]
    assert TextOutput(alignment=True).lines(REQUEST, BLANK) == [" ||| "]
    assert TextOutput(alignment=True).lines(REQUEST, PIECES) == ["ein\tHund ||| "]


def test_moses():
    assert MosesOutput().lines(REQUEST, DONE) == [
        "2 ||| ein\tHund ||| logprob= -1.5000 length= 3 ||| -0.7500",
        "2 ||| ein Tier ||| da ||| logprob= -4.5000 length= 3 ||| -2.2500",
    ]
    assert MosesOutput(alignment=True).lines(REQUEST, DONE) == [
        "2 ||| ein\tHund ||| 0-0 1-1 ||| logprob= -1.5000 length= 3 ||| -0.7500",
        "2 ||| ein Tier ||| da ||| 0-0 0-1 ||| logprob= -4.5000 length= 3 ||| -2.2500",
    ]
    assert MosesOutput().lines(REQUEST, BLANK) == [
        "2 |||  ||| logprob= 0.0000 length= 0 ||| 0.0000"
    ]


def test_a_row():
    assert TsvOutput().lines(REQUEST, DONE) == ["x\ta dog\tein Hund"]
    assert TsvOutput(alignment=True).lines(REQUEST, DONE) == ["x\ta dog\tein Hund\t0-0 1-1"]
    bad = Request(Line(1, "x"), problem="too short")
    assert TsvOutput().lines(bad, BLANK) == ["x\t"]
    assert TsvOutput(alignment=True).lines(bad, BLANK) == ["x\t\t"]


def record(form, request, translation):
    (line,) = form.lines(request, translation)
    return json.loads(line)


def test_json():
    plain = {
        "translation": "ein\tHund",
        "score": -0.75,
        "log_probability": -1.5,
        "tokens": ["▁ein", "▁Hund", "</s>"],
        "token_log_probabilities": [-1.5, -1.5, -1.5],
        "finished": True,
        "source_tokens": ["▁a", "▁dog", "</s>"],
    }
    assert record(JsonOutput(), REQUEST, DONE) == plain
    both = record(JsonOutput(n_best=True), REQUEST, DONE)
    best, second = both.pop("n_best")
    assert both == plain
    assert {**best, "source_tokens": plain["source_tokens"]} == plain
    assert (second["translation"], second["score"]) == ("ein Tier ||| da", -2.25)


def test_json_with_attention_and_alignment():
    form = JsonOutput(attention=True, alignment=True, n_best=True)
    told = record(form, REQUEST, DONE)
    assert told["attention"] == [[0.7, 0.2, 0.1], [0.1235, 0.2765, 0.6], [0.0, 0.0, 1.0]]
    assert told["alignment"] == "0-0 1-1"
    assert told["source_words"] == ["a", "dog"]
    assert told["target_words"] == ["ein", "Hund"]
    assert told["n_best"][1]["alignment"] == "0-0 0-1"
    assert told["n_best"][1]["attention"][0] == [0.5, 0.25, 0.25]
    for without in (BLANK, PIECES):
        told = record(form, REQUEST, without)
        assert told["attention"] is None
        assert told["alignment"] is None


def test_missed_terms_are_told_where_terms_were_asked_for():
    asked = replace(REQUEST, constraints=Constraints(terms=("Hund", "Katze")))
    assert record(JsonOutput(), asked, replace(DONE, missed=("Katze",)))["missed"] == ["Katze"]
    assert record(JsonOutput(), asked, DONE)["missed"] == []


def test_members_are_passed_on_as_they_were_written_except_where_ours_have_their_name():
    members = {"id": '"id" :1.10', "score": '"score": "mine"', "text": '"text": "\\u0061"'}
    (line,) = JsonOutput().lines(replace(REQUEST, members=members), DONE)
    assert line.startswith('{"id" :1.10, "score": -0.75, "text": "\\u0061", "translation": "ein')


def test_json_of_a_line_with_a_problem():
    bad = Request(Line(3, "{}"), members={"id": '"id": 7'}, problem="`text` is missing")
    assert JsonOutput(attention=True).lines(bad, BLANK) == [
        '{"id": 7, "line": 3, "error": "`text` is missing"}'
    ]


@pytest.mark.parametrize("form", [TextOutput(alignment=True), JsonOutput(attention=True)])
def test_a_model_without_attention_is_told_of(form):
    with pytest.raises(UsageError, match=r"has no attention\. Remove --attention"):
        form.lines(REQUEST, replace(DONE, attention=None))


JUDGE = QualityEstimator(LengthRatio(1.0, 0.25))
COPY = replace(DONE, text="a\tdog", finished=False)


def test_flags_are_the_last_column():
    text, table = TextOutput(estimator=JUDGE), TsvOutput(estimator=JUDGE)
    assert text.lines(REQUEST, COPY) == ["a dog\tcut_by_limit,diffuse,copy"]
    assert table.lines(REQUEST, COPY) == ["x\ta dog\ta dog\tcut_by_limit,diffuse,copy"]
    sure = replace(DONE, attention=None)
    assert text.lines(REQUEST, sure) == ["ein Hund\t"]
    aligned = TextOutput(alignment=True, estimator=JUDGE)
    assert aligned.lines(REQUEST, COPY) == ["a dog ||| 0-0 1-1\tcut_by_limit,diffuse,copy"]
    assert text.lines(Request(Line(1, " "), " "), BLANK) == [""]


def test_flags_of_each_hypothesis_in_json():
    (line,) = JsonOutput(n_best=True, estimator=JUDGE).lines(REQUEST, COPY)
    told = json.loads(line)
    assert told["flags"] == ["cut_by_limit", "diffuse", "copy"]
    assert told["risk"] > 1.0
    assert [each["flags"] for each in told["n_best"]][1] == ["diffuse", "unsure"]
    (line,) = JsonOutput(estimator=JUDGE).lines(Request(Line(1, " "), " "), BLANK)
    assert (json.loads(line)["flags"], json.loads(line)["risk"]) == ([], None)

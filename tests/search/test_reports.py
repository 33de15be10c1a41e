from dataclasses import replace

import pytest

from nmt.search.reports import report
from nmt.search.requests import Request
from nmt.search.stream import Line
from nmt.search.translation import Translation

DONE = Translation(
    text="ein Hund",
    score=-0.5,
    log_probability=-1.5,
    tokens=["▁ein", "▁Hund", "</s>"],
    source_tokens=["▁a", "▁dog", ".", "</s>"],
    token_log_probabilities=[-0.5, -0.5, -0.5],
    attention=None,
    finished=True,
)
BLANK = replace(
    DONE,
    text="",
    score=0.0,
    log_probability=0.0,
    tokens=[],
    source_tokens=[],
    token_log_probabilities=[],
)
LINE = Line(4, "a dog.")


def test_a_plain_report():
    assert report(Request(LINE, "a dog."), DONE) == {
        "line": 4,
        "status": "ok",
        "score": -0.5,
        "log_probability": -1.5,
        "source_tokens": 4,
        "target_tokens": 3,
        "pieces": 1,
        "flags": [],
    }


@pytest.mark.parametrize(
    ("line", "problem", "translation", "status", "flags"),
    [
        (LINE, None, BLANK, "blank", []),
        (LINE, "no", BLANK, "bad_input", []),
        (replace(LINE, valid=False), None, DONE, "invalid_utf8", ["replaced_bytes"]),
        (replace(LINE, valid=False), None, BLANK, "invalid_utf8", ["replaced_bytes"]),
        (replace(LINE, valid=False), "no", BLANK, "bad_input", ["replaced_bytes"]),
        (LINE, None, replace(DONE, pieces=2), "ok", ["in_pieces"]),
        (LINE, None, replace(DONE, finished=False), "ok", ["cut_by_limit"]),
        (LINE, None, replace(DONE, missed=("a",)), "ok", ["missed_terms"]),
        (
            LINE,
            None,
            replace(DONE, pieces=3, finished=False, missed=("a",)),
            "ok",
            ["in_pieces", "cut_by_limit", "missed_terms"],
        ),
    ],
)
def test_statuses_and_flags(line, problem, translation, status, flags):
    told = report(Request(line, problem=problem), translation)
    assert (told["status"], told["flags"]) == (status, flags)
    assert told["pieces"] == translation.pieces

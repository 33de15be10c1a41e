import json
from dataclasses import replace

import pytest

from nmt.data.manifest import LengthRatio
from nmt.translation.line_stream import Line
from nmt.translation.quality_estimation import QualityEstimator
from nmt.translation.requests import Request
from nmt.translation.translation import Translation, report

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


JUDGE = QualityEstimator(LengthRatio(1.0, 0.25))


def test_with_a_judge_signs_of_a_wrong_translation_are_told():
    told = report(Request(LINE, "ein Hund"), replace(DONE, missed=("a",)), JUDGE)
    assert told["flags"] == ["missed_terms", "copy"]
    assert told["risk"] > 1.0
    assert told["signals"]["copy"] == 1.0
    assert told["signals"]["attention_entropy"] is None
    assert json.loads(json.dumps(told)) == told


def test_a_judge_has_nothing_to_say_of_a_blank_one():
    told = report(Request(LINE), BLANK, JUDGE)
    assert (told["flags"], told["risk"], told["signals"]) == ([], None, None)

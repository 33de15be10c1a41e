import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from nmt.errors import DataError
from nmt.search.constraints import Constraints
from nmt.tokenizers.source_tags import TagInventory
from nmt.translation.line_stream import Line
from nmt.translation.line_translator import LineTranslator, WarningCollector
from nmt.translation.requests import JsonInput, TextInput
from nmt.translation.source_tagging import SourceTagging
from nmt.translation.translation import Translation


@dataclass
class Stub:
    """Translates into upper case and notes what it was asked; no term is ever there."""

    asked: list[dict[str, Any]] = field(default_factory=list)
    tagging = SourceTagging((("stub", TagInventory(("fr",), ("en",), (), False)),))

    def translate(
        self, texts, *, attention, constraints, on_decoded=None, **overrides
    ) -> list[Translation]:
        self.asked.append(
            {"texts": texts, "attention": attention, "constraints": constraints, **overrides}
        )
        wishes = constraints or [Constraints()] * len(texts)
        return [
            Translation(text.upper(), 0.0, 0.0, [], [], [], None, True, missed=wish.terms)
            for text, wish in zip(texts, wishes, strict=True)
        ]

    def find_problem(self, constraints) -> str | None:
        return "terms: 'z' has no character" if "z" in constraints.terms else None


def only_text(request, translation) -> list[str]:
    return [request.problem or translation.text]


def lines(*texts: str) -> list[Line]:
    return [Line(number, text) for number, text in enumerate(texts, start=1)]


def test_without_wishes_none_are_passed_on():
    stub = Stub()
    desk = LineTranslator(
        stub, TextInput(), only_text, WarningCollector("stdin"), overrides={"beam_size": 2}
    )
    answers = desk.answers(lines("a dog", "", "a cat"))
    assert [answer.lines for answer in answers] == [["A DOG"], [""], ["A CAT"]]
    assert [answer.report for answer in answers] == [None] * 3
    assert stub.asked == [
        {
            "texts": ["a dog", "", "a cat"],
            "attention": False,
            "constraints": None,
            "draw_numbers": None,
            "tags": None,
            "beam_size": 2,
        }
    ]


def test_each_line_has_its_wishes(capsys):
    stub = Stub()
    form = JsonInput(Constraints(terms=("x",)))
    desk = LineTranslator(
        stub, form, only_text, WarningCollector("in.json"), attention=True, reported=True
    )
    answers = desk.answers(
        lines('{"text": "a", "prefix": "b"}', "broken", '{"text": "c", "terms": ["y z"]}')
    )
    (asked,) = stub.asked
    assert asked["texts"] == ["a", "", "c"]
    assert asked["attention"] is True
    assert asked["constraints"] == [
        Constraints("b", ("x",)),
        Constraints(),
        Constraints("", ("x", "y z")),
    ]
    assert answers[0].lines == ["A"]
    assert answers[1].lines == ["not a JSON object (Expecting value at column 1)"]
    reports = [json.loads(answer.report) for answer in answers]
    assert [report["line"] for report in reports] == [1, 2, 3]
    assert [report["flags"] for report in reports] == [["missed_terms"], [], ["missed_terms"]]
    assert capsys.readouterr().err == (
        "warning: in.json: line 2: not a JSON object (Expecting value at column 1), not "
        "translated\n"
        "warning: in.json: line 1: the translation lacks 'x'\n"
        "warning: in.json: line 3: the translation lacks 'x', 'y z'\n"
    )


def test_many_bad_lines_are_counted(capsys):
    desk = LineTranslator(Stub(), JsonInput(), only_text, WarningCollector("stdin"))
    assert len(desk.answers(lines(*["[]"] * 20))) == 20
    desk.remarks.summarise()
    told = capsys.readouterr().err.split("\n")
    assert len(told) == 7
    assert told[5] == "warning: stdin: 20 lines could not be translated"


def test_strict_names_file_and_line():
    stub = Stub()
    desk = LineTranslator(stub, JsonInput(), only_text, WarningCollector("in.json", strict=True))
    with pytest.raises(DataError, match=r"in\.json: line 2: `text` is missing\. Fix the line"):
        desk.answers(lines('{"text": "a"}', "{}"))
    assert stub.asked == []


def test_a_line_with_a_term_that_is_nothing_takes_no_other_with_it():
    stub = Stub()
    desk = LineTranslator(stub, JsonInput(), only_text, WarningCollector("in.json"), reported=True)
    answers = desk.answers(lines('{"text": "a", "terms": ["y"]}', '{"text": "b", "terms": ["z"]}'))
    assert [answer.lines for answer in answers] == [["A"], ["terms: 'z' has no character"]]
    assert json.loads(answers[1].report)["status"] == "bad_input"


def test_a_line_whose_terms_cannot_be_placed_takes_no_other_with_it():
    stub = Stub()
    desk = LineTranslator(
        stub, JsonInput(), only_text, WarningCollector("in.json"), reported=True, places_terms=False
    )
    answers = desk.answers(lines('{"text": "a"}', '{"text": "b", "terms": ["x"]}'))
    assert answers[0].lines == ["A"]
    assert answers[1].lines == ["terms require beam search without sampling and groups"]
    assert json.loads(answers[1].report)["status"] == "bad_input"

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.search.constraints import Constraints
from nmt.tokenizers.source_tags import NO_SELECTION, TagSelection
from nmt.translation.line_stream import Line
from nmt.translation.requests import JsonInput, TextInput, TsvInput

EVERY = Constraints("Ein", ("Hund",), ("Katze",))

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_a_line_of_text_is_the_text():
    line = Line(1, ' {"text": 1}\t')
    request = TextInput(EVERY).request(line)
    assert (request.line, request.text, request.constraints) == (line, line.text, EVERY)
    assert request.problem is None


@pytest.mark.parametrize(
    ("row", "column", "text"),
    [
        ("a\tb b\tc", 1, "a"),
        ("a\tb b\tc", 2, "b b"),
        ("a\tb b\tc", 3, "c"),
        ("a\t", 2, ""),
        ("", 1, ""),
        (" \t", 3, ""),
        ('"a\t"b"', 2, '"b"'),
        ("a\x0bb\u2028c\rd\te", 1, "a\x0bb\u2028c\rd"),
    ],
)
def test_columns(row, column, text):
    request = TsvInput(EVERY, column).request(Line(1, row))
    assert (request.text, request.constraints, request.problem) == (text, EVERY, None)


@pytest.mark.parametrize(
    ("row", "column", "problem"),
    [
        ("a", 2, "the row has 1 column and no column 2"),
        ("a\tb", 4, "the row has 2 columns and no column 4"),
    ],
)
def test_rows_that_are_too_short(row, column, problem):
    request = TsvInput(EVERY, column).request(Line(7, row))
    assert (request.text, request.constraints, request.problem) == ("", Constraints(), problem)


@pytest.mark.parametrize(
    ("fields", "constraints"),
    [
        ({}, EVERY),
        ({"prefix": "Der"}, Constraints("Der", ("Hund",), ("Katze",))),
        ({"prefix": ""}, Constraints("", ("Hund",), ("Katze",))),
        ({"terms": ["a", "b"]}, Constraints("Ein", ("Hund", "a", "b"), ("Katze",))),
        ({"avoid": ["c"], "terms": []}, Constraints("Ein", ("Hund",), ("Katze", "c"))),
    ],
)
def test_wishes_of_an_object(fields, constraints):
    request = JsonInput(EVERY).request(Line(1, json.dumps({"text": "a dog", **fields})))
    assert (request.text, request.constraints) == ("a dog", constraints)


@given(
    fields=st.dictionaries(st.text(), json_values, max_size=4),
    place=st.integers(0, 4),
    ascii_only=st.booleans(),
    separators=st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", "\r:  ")]),
)
def test_all_members_are_kept_as_they_are_written(fields, place, ascii_only, separators):
    others = [(key, value) for key, value in fields.items() if key not in ("prefix", "terms")]
    items = [item for item in others if item[0] not in ("avoid", "text")]
    items.insert(place, ("text", "a dog"))
    written = json.dumps(dict(items), ensure_ascii=ascii_only, separators=separators)
    request = JsonInput().request(Line(1, f" {written}\t"))
    assert (request.text, request.problem) == ("a dog", None)
    assert [*request.members] == [key for key, _ in items]
    assert "{" + separators[0].join(request.members.values()) + "}" == written


def test_members_are_not_understood_only_kept():
    numbers = '{"a":1e999, "b": 1.10, "c":' + "9" * 5000 + ', "text": "x", "a": [1,  2]}'
    request = JsonInput().request(Line(1, numbers))
    assert request.problem is None
    assert request.members["b"] == '"b": 1.10'
    assert request.members["c"].endswith("9" * 5000)
    assert request.members["a"] == '"a": [1,  2]'


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("a dog", r"not a JSON object \(Expecting value at column 1\)"),
        ('{"text": "a dog"', r"not a JSON object \(.* at column 17\)"),
        ('{"text": "a"} {"text": "b"}', r"not a JSON object \(Extra data at column 15\)"),
        ('{"text": "a\tdog"}', r"not a JSON object \(Invalid control character .*"),
        ('["a dog"]', "not a JSON object"),
        ('"a dog"', "not a JSON object"),
        ("null", "not a JSON object"),
        ('{"text": "a", "x": NaN}', "NaN is not valid JSON"),
        ('{"text": "a", "x": -Infinity}', "-Infinity is not valid JSON"),
        ("[" * 100_000, "a JSON object nested too deeply"),
        ('{"text": "a", "x": ' + "[" * 100_000 + "]" * 100_000 + "}", ".* nested too deeply"),
        ("{}", "`text` is missing"),
        ('{"text": null}', "`text` is not a text"),
        ('{"text": 5}', "`text` is not a text"),
        ('{"text": ["a dog"]}', "`text` is not a text"),
        ('{"text": "\\ud800"}', "`text` has half of a surrogate pair .*"),
        ('{"text": "a", "prefix": 1}', "`prefix` is not a text"),
        (
            '{"text": "a", "prefix": "\\udc00"}',
            r"`prefix` has half of a surrogate pair \(U\+DC00\) at character 1",
        ),
        ('{"text": "a", "terms": "b"}', "`terms` is not a list of texts"),
        ('{"text": "a", "terms": [1]}', "`terms` is not a list of texts"),
        ('{"text": "a", "avoid": {"b": 1}}', "`avoid` is not a list of texts"),
        ('{"text": "a", "avoid": null}', "`avoid` is not a list of texts"),
        ('{"text": "a", "avoid": [" "]}', "`avoid` has a blank text"),
        ('{"text": "a", "terms": ["\\ud800"]}', "`terms` has half of a surrogate pair .*"),
        ('{"text": "a", "prefix": "b\\nc"}', r"`prefix` has a line break \(U\+000A\) .* 2"),
        ('{"text": "a", "terms": ["b", "\\u0085"]}', "`terms` has a line break .*"),
        ('{"text": "a", "avoid": ["\\u001b"]}', "`avoid` has a control character .*"),
        ('{"text": "a", "avoid": ["b\\tc"]}', "`avoid` has a tab .*"),
    ],
)
def test_lines_that_ask_for_nothing_that_can_be_done(written, problem):
    request = JsonInput(EVERY).request(Line(3, written))
    assert re.fullmatch(problem, request.problem)
    assert (request.text, request.constraints) == ("", Constraints())


def test_an_object_with_a_problem_keeps_its_members():
    request = JsonInput().request(Line(1, '{"id": 7, "terms": []}'))
    assert request.problem == "`text` is missing"
    assert request.members == {"id": '"id": 7', "terms": '"terms": []'}


@given(st.text(st.characters(codec="utf-8")) | st.text('{}[]",:\\u0dtextnul 1e9', max_size=30))
def test_nothing_that_a_line_may_be_is_too_much(text):
    request = JsonInput().request(Line(1, text))
    if text.strip():
        assert request.problem is not None or isinstance(json.loads(text)["text"], str)
    else:
        assert (request.text, request.problem) == ("", None)


def test_to_and_tag_are_read_where_the_model_has_a_choice():
    line = Line(1, '{"text": "a dog", "to": "someone@example.org", "tag": 7}')
    request = JsonInput().request(line)
    assert (request.problem, request.tags) == (None, NO_SELECTION)
    assert request.members["to"] == '"to": "someone@example.org"'
    request = JsonInput(choices=("to",)).request(line)
    assert request.tags == TagSelection("someone@example.org")
    assert JsonInput(choices=("tag",)).request(line).problem == "`tag` is not a text"

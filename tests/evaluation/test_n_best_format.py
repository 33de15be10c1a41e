import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nmt.errors import DataError
from nmt.evaluation.n_best_format import SEPARATOR, parse_entry, text_fields


@pytest.mark.parametrize(
    ("line", "source", "text", "result"),
    [
        ("0 ||| a b", 0, "a b", "0 ||| a b ||| model= -3.2100"),
        ("12 ||| a ||| -0.5", 12, "a", "12 ||| a ||| model= -3.2100 ||| -0.5"),
        ("3 |||  ||| 0.0000", 3, "", "3 |||  ||| model= -3.2100 ||| 0.0000"),
        ("0 ||| a ||| lm= -1 -2 ||| -9", 0, "a", "0 ||| a ||| lm= -1 -2 model= -3.2100 ||| -9"),
        ("0 ||| a ||| -1 -2 ||| -9", 0, "a", "0 ||| a ||| -1 -2 model= -3.2100 ||| -9"),
        ("0 ||| a ||| lm= -1", 0, "a", "0 ||| a ||| lm= -1 model= -3.2100"),
        (
            "0 ||| a ||| f= 1 ||| -9 ||| 0-0",
            0,
            "a",
            "0 ||| a ||| f= 1 model= -3.2100 ||| -9 ||| 0-0",
        ),
        ("7|||a|||-1", 7, "a", "7 ||| a ||| model= -3.2100 ||| -1"),
        (
            "0 ||| a b ||| 0-0 1-1 ||| logprob= -1 length= 3 ||| -0.7",
            0,
            "a b",
            "0 ||| a b ||| 0-0 1-1 ||| logprob= -1 length= 3 model= -3.2100 ||| -0.7",
        ),
        (
            "0 |||  |||  ||| logprob= 0 length= 0 ||| 0.0",
            0,
            "",
            "0 |||  |||  ||| logprob= 0 length= 0 model= -3.2100 ||| 0.0",
        ),
        ("0 ||| a ||| 0-0 ||| -9", 0, "a", "0 ||| a ||| 0-0 ||| model= -3.2100 ||| -9"),
        ("0 ||| a |||  ||| -9", 0, "a", "0 ||| a ||| model= -3.2100 ||| -9"),
        ("0 ||| a ||| lm=-1 ||| -9", 0, "a", "0 ||| a ||| lm=-1 model= -3.2100 ||| -9"),
        ("0 ||| 5", 0, "5", "0 ||| 5 ||| model= -3.2100"),
        # Our own: the text is all that stands before features and alignment.
        (
            "0 ||| x ||| ||| logprob= -1.5 length= 3 ||| -0.7",
            0,
            "x |||",
            "0 ||| x ||| ||| logprob= -1.5 length= 3 model= -3.2100 ||| -0.7",
        ),
        (
            "0 ||| x ||| 0-0 |||  ||| logprob= -1.5 length= 3 ||| -0.7",
            0,
            "x ||| 0-0",
            "0 ||| x ||| 0-0 |||  ||| logprob= -1.5 length= 3 model= -3.2100 ||| -0.7",
        ),
        # That of others: where features with names and score come after it.
        (
            "0 ||| a ||| b ||| f= 1 ||| -9",
            0,
            "a ||| b",
            "0 ||| a ||| b ||| f= 1 model= -3.2100 ||| -9",
        ),
        ("0 ||| a ||| ||| f= 1 ||| -9", 0, "a |||", "0 ||| a ||| ||| f= 1 model= -3.2100 ||| -9"),
        ("0 ||| a |||  ||| f= 1 ||| -9", 0, "a", "0 ||| a |||  ||| f= 1 model= -3.2100 ||| -9"),
        (
            "0 ||| a ||| 0-1 ||| f= 1 ||| -9 ||| 0-0",
            0,
            "a",
            "0 ||| a ||| 0-1 ||| f= 1 model= -3.2100 ||| -9 ||| 0-0",
        ),
        ("0\t|||\ta\t|||\t-1", 0, "a", "0 ||| a ||| model= -3.2100 ||| -1"),
        ("0 ||| a ||| 7", 0, "a", "0 ||| a ||| model= -3.2100 ||| 7"),
        ("0 ||| a|||b ||| -inf", 0, "a|||b", "0 ||| a|||b ||| model= -3.2100 ||| -inf"),
    ],
)
def test_an_entry_and_one_more_feature(line, source, text, result):
    entry = parse_entry(line, "list", 1)
    assert (entry.source, entry.text) == (source, text)
    assert entry.with_feature("model", -3.21) == result


_PARTS = ["a", "|||", "||||", "|", "x=", "3", "0-0", "-0.7", "f=", "1", "\u00a0", "  ", "\t"]


@given(
    parts=st.lists(st.sampled_from(_PARTS), max_size=8),
    alignment=st.sampled_from([None, "0-0 1-1", ""]),
    glue=st.sampled_from([" ", ""]),
)
@example(parts=["a", "|||"], alignment=None, glue=" ")
@example(parts=["a", "|||", "0-0"], alignment=None, glue=" ")
@example(parts=["a", "|||", "logprob= -1.0 length= 1", "|||", "-0.7"], alignment="", glue=" ")
@example(parts=["|||"], alignment=None, glue=" ")
@example(parts=[], alignment="", glue=" ")
def test_what_we_write_comes_back(parts, alignment, glue):
    """Whatever the text has in it; a translation has no spaces at its ends."""
    text = glue.join(parts).strip()
    fields = ["4", *text_fields(text, alignment), "logprob= -1.5000 length= 3", "-0.7000"]
    line = SEPARATOR.join(fields)
    entry = parse_entry(line, "list", 1)
    assert (entry.source, entry.text, entry.alignment or "") == (4, text, alignment or "")
    rescored = entry.with_feature("model", -3.21)
    before, length, after = line.rpartition(" length= 3")
    assert rescored == f"{before}{length} model= -3.2100{after}"
    assert parse_entry(rescored, "list", 1).text == text


@given(st.lists(st.sampled_from(_PARTS), max_size=8), st.sampled_from([" ", ""]))
def test_lines_of_others_keep_their_text_or_are_refused(parts, glue):
    line = "0 ||| " + glue.join(parts)
    try:
        entry = parse_entry(line, "list", 7)
    except DataError as error:
        assert error.message.startswith("list: line 7: ")
        return
    assert parse_entry(entry.with_feature("model", -1.0), "list", 7).text == entry.text


@pytest.mark.parametrize(
    "line",
    [
        "0 ||| a ||| b",
        "0 ||| a |||",
        "0 ||| a ||| ||| -9",
        "0 ||| a ||| b ||| -9",
        "0 ||| a ||| b ||| 1 2 ||| -9",
        "0 ||| a ||| b ||| 0-0 ||| f= 1 ||| -9",
        "0 ||| a ||| f= 1 ||| -9 ||| 0=0 1=1",
        "0 ||| a ||| f= 1 ||| -9 ||| 0-0 ||| phrases",
        "0|||a|||b",
    ],
)
def test_a_line_whose_text_may_end_in_two_places_is_refused_by_number(line):
    with pytest.raises(DataError, match="list: line 7: the end of its text is ambiguous"):
        parse_entry(line, "list", 7)


@pytest.mark.parametrize(
    "line", ["", "a", "0", "x ||| a", "-1 ||| a", "² ||| a", "9" * 5000 + "||| a"]
)
def test_what_is_no_entry(line):
    with pytest.raises(DataError, match="list: line 7: is not a line of an n-best list"):
        parse_entry(line, "list", 7)

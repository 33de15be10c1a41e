import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.errors import DataError
from nmt.evaluation.n_best import parse_entry


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
        ("0 ||| a ||| b", 0, "a ||| b", "0 ||| a ||| b ||| model= -3.2100"),
        ("0 ||| a|||b ||| -inf", 0, "a|||b", "0 ||| a|||b ||| model= -3.2100 ||| -inf"),
    ],
)
def test_an_entry_and_one_more_feature(line, source, text, result):
    entry = parse_entry(line, "list", 1)
    assert (entry.source, entry.text) == (source, text)
    assert entry.with_feature("model", -3.21) == result


@given(
    words=st.lists(st.sampled_from(["a", "|||", "||||", "x=", "3", "0-0"])),
    alignment=st.sampled_from([None, "0-0 1-1", ""]),
)
def test_whatever_the_text_holds_comes_back(words, alignment):
    """The word before the fields is one that cannot be taken for one of them."""
    text = " ".join([*words, "end"])
    fields = [] if alignment is None else [alignment]
    line = " ||| ".join(["4", text, *fields, "logprob= -1.5 length= 3", "-0.7"])
    entry = parse_entry(line, "list", 1)
    assert (entry.source, entry.text, entry.alignment) == (4, text, alignment)
    assert entry.with_feature("model", -3.21) == line.replace(
        "length= 3", "length= 3 model= -3.2100"
    )


@pytest.mark.parametrize(
    "line", ["", "a", "0", "x ||| a", "-1 ||| a", "² ||| a", "9" * 5000 + "||| a"]
)
def test_what_is_no_entry(line):
    with pytest.raises(DataError, match="list: line 7: is no line of an n-best list"):
        parse_entry(line, "list", 7)

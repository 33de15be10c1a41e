import pytest

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
    ],
)
def test_an_entry_and_one_more_feature(line, source, text, result):
    entry = parse_entry(line, "list", 1)
    assert (entry.source, entry.text) == (source, text)
    assert entry.with_feature("model", -3.21) == result


@pytest.mark.parametrize(
    "line", ["", "a", "0", "x ||| a", "-1 ||| a", "² ||| a", "9" * 5000 + "||| a"]
)
def test_what_is_no_entry(line):
    with pytest.raises(DataError, match="list: line 7: is no line of an n-best list"):
        parse_entry(line, "list", 7)

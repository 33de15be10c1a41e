import pytest

from nmt.config.yaml_positions import key_text, plain_value, read_override, read_yaml
from nmt.errors import ConfigError

UNQUOTED = "put a text with {source_language} or {target_language} in quotes"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1E5", 1e5),
        ("-.5", -0.5),
        ("3.", 3.0),
        ("-.inf", float("-inf")),
        ("017", 17),
        ("-3", -3),
        ("0x1F", 31),
        ("0o17", 15),
        ("true", True),
        ("False", False),
        ("", None),
        ("~", None),
        ("null", None),
    ],
)
def test_scalars_of_yaml_1_2(text, value):
    assert plain_value(text) == value
    assert type(plain_value(text)) is type(value)


@pytest.mark.parametrize(
    "text",
    ["no", "yes", "on", "Off", "y", "12:30", "1_000", "2024-01-01", "1e", "e4", ".", "none", "<<"],
)
def test_what_yaml_1_1_would_change_stays_text(text):
    assert plain_value(text) == text
    assert read_yaml(f"key: {text}\n", "c.yaml").value == {"key": text}


def test_quotes_make_texts():
    document = read_yaml("a: '1'\nb: \"true\"\nc: ''\nd: |\n  2\n", "c.yaml")
    assert document.value == {"a": "1", "b": "true", "c": "", "d": "2\n"}


def test_keys_are_texts_whatever_they_look_like():
    assert read_yaml("no: 1\n2: 3\ntrue: 4\n", "c.yaml").value == {"no": 1, "2": 3, "true": 4}


def test_every_key_and_item_has_its_place():
    document = read_yaml("a:\n  b: [x,\n    {c: 1}]\nd: 2.50\n", "c.yaml")
    places = {key_text(path): place.where for path, place in document.positions.items() if path}
    assert places == {
        "a": "c.yaml:1:1",
        "a.b": "c.yaml:2:3",
        "a.b[0]": "c.yaml:2:7",
        "a.b[1]": "c.yaml:3:5",
        "a.b[1].c": "c.yaml:3:6",
        "d": "c.yaml:4:1",
    }
    assert document.position_of(("d",)).raw_scalar == "2.50"
    assert document.position_of(("a", "x", "y")).where == "c.yaml:1:1"


def test_a_key_given_twice_names_both_lines():
    document = read_yaml("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\na: 4\n", "c.yaml")
    assert [str(problem) for problem in document.problems] == [
        "c.yaml:5:3: b.c: duplicate key; the first one is in line 3",
        "c.yaml:6:1: a: duplicate key; the first one is in line 1",
    ]
    assert document.value == {"a": 1, "b": {"c": 1, "d": 2}}


def test_a_key_that_is_a_list_is_a_problem():
    (problem,) = read_yaml("a:\n  ? [x]\n  : 1\n", "c.yaml").problems
    assert str(problem) == "c.yaml:2:5: a: a key must be a single word"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", "c.yaml:1:1: expected keys with values, such as `seed: 1`, found a list"),
        ("abc\n", "c.yaml:1:1: expected keys with values, such as `seed: 1`, found a single value"),
        ("a:\n\tb: 1\n", "c.yaml:2:1: tab character; indent and separate with spaces"),
        ("a:\t1\n", "c.yaml:1:3: tab character; indent and separate with spaces"),
        (
            "a: b: c\n",
            "c.yaml:1:5: unexpected `: `; put a text with `: ` in quotes, or fix the indentation",
        ),
        ("a: 'x\nb: 2\n", "c.yaml:1:4: missing closing quote"),
        ("a: [1, 2\nb: 2\n", "c.yaml:1:4: missing comma or closing ] in a list"),
        ("a: {x: 1\nb: 2\n", "c.yaml:1:4: missing comma or closing } in a section"),
        ("a:\n  b: 1\n c: 2\n", "c.yaml:3:2: the indentation does not match the lines above"),
        ("a: 1\nb\n", "c.yaml:2:1: missing `: ` after a key; check the indentation of this line"),
        ("a: *.txt\n", "c.yaml:1:4: put a text that starts with * or & in quotes"),
        ("a: @x\n", "c.yaml:1:4: put a text that starts with '@' in quotes"),
        ("b: 1\na: {source_language}.gz\n", f"c.yaml:2:21: {UNQUOTED}"),
        ("a: {b: x.{target_language}.gz}\n", f"c.yaml:1:4: {UNQUOTED}"),
        ("a: [x.{target_language}]\n", f"c.yaml:1:4: {UNQUOTED}"),
        ('a: ["x.{target_language}"\n', "c.yaml:1:4: missing comma or closing ] in a list"),
        (
            "a: &x [1]\nb: *x\n",
            "c.yaml:1:4: anchors and aliases (& and *) are not supported; write the value out",
        ),
        (
            "a: !!python/object:os.system {}\n",
            "c.yaml:1:4: tags (!) are not supported; put a text that starts with ! in quotes",
        ),
        (
            "a: 1\n---\nb: 1\n",
            "c.yaml:2:1: second document (---); a configuration must be one document",
        ),
        ("a: " + "[" * 50_000, "c.yaml:1:33: nested too deeply"),
        ("a: 1\nb: x\x01\n", "c.yaml:2:5: the character U+0001 is not allowed"),
        ('a: "\\q"\n', "c.yaml:1:6: found unknown escape character 'q'"),
    ],
)
def test_what_is_not_yaml_is_told_in_plain_words(text, message):
    with pytest.raises(ConfigError) as caught:
        read_yaml(text, "c.yaml")
    assert caught.value.message == message


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "---\n"])
def test_an_empty_file_is_told_what_it_needs(text):
    with pytest.raises(ConfigError, match=r"^c\.yaml: is empty\. A configuration needs"):
        read_yaml(text, "c.yaml")


def test_an_override_has_the_command_line_as_its_place():
    document = read_override("{b: 1, c: [no]}", ("a",), order=0)
    assert document.value == {"b": 1, "c": ["no"]}
    assert {place.where for place in document.positions.values()} == {"--set a"}
    assert read_override("", ("a",), order=0).value is None
    with pytest.raises(ConfigError, match=r"^--set a\.b: missing comma"):
        read_override("[1", ("a", "b"), order=0)

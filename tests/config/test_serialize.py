import os

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.config.load import load_config
from nmt.config.serialize import dump_config, format_value
from nmt.config.settings import Config
from nmt.text.characters import find_unwritable

SMALL = {
    "name": "small",
    "run_dir": "/runs/small",
    "data": {
        "train": {"source": "/a", "target": "/b"},
        "dev": {"source": "/c", "target": "/d"},
    },
    "training": {"max_updates": 10},
}

texts = st.text() | st.sampled_from(
    [
        "1e-4",
        "017",
        "0o17",
        "no",
        "true",
        "null",
        "~",
        "",
        "12:30",
        "a: b",
        "# a",
        "- a",
        "!a",
        "*a",
    ]
)
words = texts.filter(
    lambda text: len(text.split()) == 1 and text == text.strip() and not find_unwritable(text)
)
names = st.from_regex(r"[^./\\\x00-\x1f][^/\\\x00-\x1f]*", fullmatch=True).filter(
    lambda name: name.isprintable()
)
paths = (
    st.text(min_size=1)
    .filter(lambda text: "\0" not in text)
    .map(lambda text: os.path.normpath("/" + text))
)
positive = st.floats(min_value=0, exclude_min=True, allow_infinity=False)


def config(**changes):
    return Config.model_validate({**SMALL, **changes})


@settings(max_examples=60, deadline=None)
@given(
    name=names,
    path=paths,
    language=texts,
    symbols=st.lists(words, max_size=4, unique=True),
    rate=positive,
    bias=st.floats(allow_nan=False, allow_infinity=False),
    kind=st.sampled_from(["lstm", "gru"]),
    seed=st.integers(0, 2**31 - 1),
)
def test_what_is_dumped_loads_as_the_same(
    tmp_path_factory, name, path, language, symbols, rate, bias, kind, seed
):
    asked = config(
        name=name,
        run_dir=path,
        seed=seed,
        data={
            "root": path,
            "source_language": language,
            "train": {"source": [path, "/x"], "target": ["/y", path]},
            "validation_split": 0.1,
        },
        tokenizer={"user_symbols": symbols},
        model={"encoder": {"cell": kind}, "forget_bias": bias},
        training={"max_time": "1.5h", "optimizer": {"learning_rate": rate}},
    )
    file = tmp_path_factory.mktemp("dump") / "config.yaml"
    file.write_text(dump_config(asked), encoding="utf-8", newline="\n")
    assert load_config(file) == asked


def test_every_default_is_written_out():
    written = yaml.safe_load(dump_config(config()))
    assert written["model"]["encoder"]["layers"] == 1
    assert written["training"]["optimizer"]["epsilon"] == 1e-8
    assert written["data"]["train"] == {"source": ["/a"], "target": ["/b"]}
    assert list(written) == list(Config.model_fields)


def test_other_readers_of_yaml_see_the_same_texts():
    symbols = ["no", "1e-4", "017", "12:30", "2024-01-01", "1_000"]
    written = yaml.safe_load(dump_config(config(tokenizer={"user_symbols": symbols})))
    assert written["tokenizer"]["user_symbols"] == symbols


def test_a_value_on_one_line():
    assert format_value("a b") == "a b"
    assert format_value("no") == "'no'"
    assert format_value(["a", None, 1e-4]) == "[a, null, 0.0001]"
    assert format_value({"a": {"b": True}}) == "{a: {b: true}}"
    assert format_value("x" * 300) == "x" * 300

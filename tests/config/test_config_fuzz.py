"""Any file and any override give settings or a ConfigError."""

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.config.key_index import all_keys
from nmt.config.load import load_config
from nmt.config.yaml_positions import plain_value, read_yaml
from nmt.errors import ConfigError

RIGHT = "data: {train: {source: a, target: b}, validation_split: 0.1}\ntraining: {max_updates: 9}\n"

scraps = st.lists(
    st.sampled_from(
        [*"abc:-?[]{}#&*!|>%@`'\"\\,.~=<0179_\t\n\r \u00e9\u2028\x00", ": ", "- ", "\n  "]
    )
    | st.sampled_from([name.rpartition(".")[2] for name in all_keys()]),
    max_size=40,
).map("".join)


@settings(max_examples=400, deadline=None)
@given(text=scraps)
def test_any_text(text):
    with contextlib.suppress(ConfigError):
        assert isinstance(read_yaml(text, "c.yaml").value, dict)


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=60))
def test_any_bytes(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "bytes.yaml"
    path.write_bytes(content)
    try:
        load_config(path)
    except ConfigError as error:
        assert error.message.startswith((str(path), f"{error.message.split()[0]} problems in "))
    else:
        raise AssertionError("no bytes so short are a configuration")


values = st.recursive(
    st.sampled_from(
        ["1", "-1", "0.5", "1e99", ".nan", "true", "", "x", "''", '"\\ud800"', "9" * 300]
    ),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.lists(inner, min_size=1, max_size=2).map(
            lambda items: "{" + ", ".join(f"k{n}: {item}" for n, item in enumerate(items)) + "}"
        )
    ),
    max_leaves=4,
)


@settings(max_examples=400, deadline=None)
@given(key=st.sampled_from(sorted(all_keys())), value=values | scraps)
def test_any_override_of_any_key(tmp_path_factory, key, value):
    path = tmp_path_factory.getbasetemp() / "right.yaml"
    path.write_text(RIGHT, encoding="utf-8")
    with contextlib.suppress(ConfigError):
        load_config(path, [f"{key}={value}"])


@given(text=scraps)
def test_any_scalar(text):
    assert plain_value(text) is None or isinstance(plain_value(text), bool | int | float | str)

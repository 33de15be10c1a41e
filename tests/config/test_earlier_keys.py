"""Keys of earlier releases are understood, or refused by name."""

import pytest

from nmt.config import earlier_keys
from nmt.config.load import load_config
from nmt.errors import ConfigError

TEXT = """\
data: {train: {source: a.fr, target: a.en}, validation_split: 0.1}
training: {max_updates: 9, %s}
"""


@pytest.fixture
def write(tmp_path):
    def make(training):
        file = tmp_path / "it.yaml"
        file.write_text(TEXT % training, encoding="utf-8")
        return file

    return make


@pytest.fixture
def renamed(monkeypatch):
    monkeypatch.setitem(
        earlier_keys.RENAMED, "training.pace.learning", "training.optimizer.learning_rate"
    )


def test_a_renamed_key_is_understood_and_reported(write, renamed):
    lines = []
    config = load_config(write("pace: {learning: 0.25}"), say=lines.append)
    assert config.training.optimizer.learning_rate == 0.25
    (line,) = lines
    assert "training.pace.learning is now training.optimizer.learning_rate" in line


def test_a_renamed_key_may_be_set_on_the_command_line(write, renamed):
    config = load_config(write(""), ["training.pace.learning=2"])
    assert config.training.optimizer.learning_rate == 2


def test_a_wrong_value_of_a_renamed_key_is_shown_where_it_was_written(write, renamed):
    with pytest.raises(ConfigError, match=r"it\.yaml:2:\d+: training\.optimizer\.learning_rate"):
        load_config(write("pace: {learning: much}"))


def test_a_key_under_both_names_is_refused(write, renamed):
    with pytest.raises(ConfigError, match="which is given too"):
        load_config(write("pace: {learning: 1}, optimizer: {learning_rate: 2}"))


def test_a_key_that_is_gone_may_be_given_where_it_did_nothing(write):
    load_config(write("r_drop: 0.0"))


def test_a_key_that_is_gone_and_had_an_effect_is_refused(write):
    with pytest.raises(ConfigError, match=r"training\.r_drop: no longer exists"):
        load_config(write("r_drop: 5"))

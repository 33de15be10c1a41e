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
        earlier_keys.RENAMED_KEYS, "training.pace.learning", "training.optimizer.learning_rate"
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


@pytest.mark.parametrize(
    ("text", "override", "value"),
    [
        ("pace: {learning: 1}", "training.optimizer.learning_rate=2", 2),
        ("optimizer: {learning_rate: 1}", "training.pace.learning=2", 2),
    ],
)
def test_the_command_line_counts_whichever_name_it_uses(write, renamed, text, override, value):
    config = load_config(write(text), [override])
    assert config.training.optimizer.learning_rate == value


@pytest.mark.parametrize("text", ["early_stopping: ", "early_stopping: {}", "faults: null"])
def test_an_empty_section_that_is_gone_is_passed_over(write, text):
    load_config(write(text))


def test_two_keys_that_are_one_now_and_differ_are_reported(write):
    lines = []
    keys = "checkpoint: {best_metric: loss}, early_stopping: {metric: chrf}"
    assert load_config(write(keys), say=lines.append).training.metric == "loss"
    assert "training.early_stopping.metric has no effect together with" in lines[0]


def test_the_change_of_defaults_is_told_where_no_preset_keeps_the_values(write):
    lines = []
    load_config(write("batch_tokens: 5"), say=lines.append)
    load_config(write("batch_tokens: 5"), ["preset=gnmt"], say=lines.append)
    assert ["Defaults have changed" in line for line in lines] == [True, False]


@pytest.mark.parametrize(
    "sections", ["", "model:\ntokenizer:\n", "model: {decoder: }\ntokenizer: {sampling: }\n"]
)
def test_the_former_default_preset_keeps_its_values_in_empty_sections_too(tmp_path, sections):
    file = tmp_path / "c.yaml"
    file.write_text(TEXT % "schedule: , optimizer: " + f"preset: default\n{sections}", "utf-8")
    lines = []
    config = load_config(file, say=lines.append)
    assert lines and "its values are used" in lines[0]
    assert (config.model.encoder.cell, config.model.decoder.dropout) == ("lstm", 0.3)
    assert (config.tokenizer.kind, config.tokenizer.sampling.alpha) == ("unigram", 0.0)
    assert (config.training.schedule.kind, config.training.optimizer.learning_rate) == (
        "constant",
        1e-3,
    )


@pytest.mark.parametrize(
    ("model", "initialization", "lines"),
    [
        ("{initial_range: 0.0}", "by_layer", 0),
        ("{initial_range: 0.2}", "by_layer", 1),
        ("{initial_range: 0.2, initialization: normal}", "normal", 0),
    ],
)
def test_a_range_without_effect_is_reported(write, model, initialization, lines):
    file = write("batch_size: 99")
    file.write_text(f"{file.read_text()}model: {model}\n", encoding="utf-8")
    said = []
    config = load_config(file, say=said.append)
    assert config.model.initialization == initialization
    assert sum("model.initial_range has no effect" in line for line in said) == lines


@pytest.mark.parametrize("preset", ["preset: gnmt\n", "model: {initialization: uniform}\n"])
def test_a_range_of_zero_is_refused_where_it_counts(write, preset):
    file = write("batch_size: 99")
    section = "" if "model" in preset else "model: {}\n"
    file.write_text(f"{file.read_text()}{preset}{section}", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"model.initial_range"):
        load_config(file, ["model.initial_range=0"])


@pytest.mark.parametrize(("metric", "lines"), [("perplexity", 1), ("bleu", 0)])
def test_the_metric_of_a_plateau_is_not_dropped_in_silence(write, metric, lines):
    said = []
    load_config(write(f"schedule: {{kind: plateau, metric: {metric}}}"), say=said.append)
    assert sum("training.schedule.metric" in line for line in said) == lines

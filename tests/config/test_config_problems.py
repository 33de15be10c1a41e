"""Wrong configurations, each with the exact words that a user reads."""

import pytest

from nmt.config.load import load_config
from nmt.errors import ConfigError

RIGHT = """\
data:
  train: {source: a, target: b}
  validation_split: 0.1
training:
  max_updates: 9
"""


@pytest.fixture
def complaint(tmp_path):
    """The message for RIGHT with further lines and overrides, the file being called c.yaml."""

    def message(more="", *overrides, text=RIGHT):
        path = tmp_path / "c.yaml"
        path.write_text(text + more, encoding="utf-8")
        with pytest.raises(ConfigError) as caught:
            load_config(path, overrides)
        assert caught.value.exit_code == 2
        return caught.value.message.replace(str(path), "c.yaml")

    return message


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("seed: four", "seed: expected a whole number >= 0 and < 2147483648, got the text 'four'"),
        ("seed: -1", "seed: expected a whole number >= 0 and < 2147483648, got -1"),
        ("seed: 1e3", "seed: expected a whole number >= 0 and < 2147483648, got 1e3; write 1000"),
        (
            "seed: 1_000",
            "seed: expected a whole number >= 0 and < 2147483648, got the text '1_000'; write 1000",
        ),
        (
            "seed: +1_000",
            "seed: expected a whole number >= 0 and < 2147483648, got the text '+1_000'; "
            "write 1000",
        ),
        (
            "seed: +5",
            "seed: expected a whole number >= 0 and < 2147483648, got +5; write 5",
        ),
        ("seed: true", "seed: expected a whole number >= 0 and < 2147483648, got true"),
        ("seed:", "seed: expected a whole number >= 0 and < 2147483648, got nothing"),
        ("name: 2024", "name: expected a text, got 2024; put it in quotes"),
        (
            "name: a/b",
            "name: 'a/b' is not a valid folder name; remove slashes and a leading dot",
        ),
        ("run_dir: ''", "run_dir: '' is not a path"),
        ("run_dir: [a]", "run_dir: expected a path, got a list"),
        ("search: [1]", "search: expected a section of keys, got a list"),
        ("search: 5", "search: expected a section of keys, got 5"),
        (
            "foo: 1",
            "foo: unknown key; known keys: name, run_dir, seed, preset, data, tokenizer, model, "
            "training, search, runtime",
        ),
        ("serach: {}", "serach: unknown key; did you mean search?"),
        ("Search: {}", "Search: unknown key; did you mean search?"),
        (
            "beam_size: 3",
            "beam_size: unknown key; it belongs in one of training.validation, search",
        ),
        ("device: cpu", "device: unknown key; it belongs in runtime"),
        (
            "model.encoder.dropout: 0.1",
            "model.encoder.dropout: unknown key; write it as nested keys: model: encoder: dropout",
        ),
    ],
)
def test_a_wrong_line_at_the_top(complaint, line, message):
    assert complaint(line) == f"c.yaml:6:1: {message}"


@pytest.mark.parametrize(
    ("line", "place", "message"),
    [
        (
            "model: {encoder: {dropuot: 0.2}}",
            "19: model.encoder.dropuot",
            "unknown key; did you mean dropout?",
        ),
        (
            "model: {dropout: 0.2}",
            "9: model.dropout",
            "unknown key; it belongs in one of model.encoder, model.attention, model.decoder, "
            "model.output",
        ),
        (
            "model: {decoder: {input_feeding: yes}}",
            "19: model.decoder.input_feeding",
            "expected true or false, got the text 'yes'",
        ),
        (
            "model: {decoder: {input_feeding: 'true'}}",
            "19: model.decoder.input_feeding",
            "expected true or false, got the text 'true'; write it without quotes",
        ),
        (
            "model: {encoder: {cell: gruu}}",
            "19: model.encoder.cell",
            "'gruu' is not a valid cell; choose one of lstm, gru, layer_norm_lstm, layer_norm_gru; "
            "did you mean gru?",
        ),
        (
            "model: {tying: alll}",
            "9: model.tying",
            "expected one of none, source_target, target_output, all, got the text 'alll'; "
            "did you mean all?",
        ),
        (
            "model: {embedding_dropout: 1}",
            "9: model.embedding_dropout",
            "expected a number >= 0 and < 1, got 1",
        ),
        (
            "model: {forget_bias: .nan}",
            "9: model.forget_bias",
            "expected a number, got .nan",
        ),
        (
            "model: {initial_range: '0.1'}",
            "9: model.initial_range",
            "expected a number > 0, got the text '0.1'; write it without quotes",
        ),
        (
            "tokenizer: {user_symbols: [a, 5]}",
            "31: tokenizer.user_symbols[1]",
            "expected a text, got 5; put it in quotes",
        ),
        (
            "tokenizer: {user_symbols: a}",
            "13: tokenizer.user_symbols",
            "expected a list of texts, got the text 'a'",
        ),
        (
            "tokenizer: {sampling: {n_best: 1}}",
            "24: tokenizer.sampling.n_best",
            "must be -1 (all segmentations) or at least 2, not 1",
        ),
        (
            "tokenizer: {user_symbols: [<s>]}",
            "13: tokenizer.user_symbols",
            "has '<s>', a reserved subword; choose another symbol",
        ),
        (
            'tokenizer: {user_symbols: ["<a\\x1b>"]}',
            "13: tokenizer.user_symbols",
            r"has '<a\x1b>' with a control character (U+001B) at character 3, which cannot occur "
            "in a translation",
        ),
        (
            "tokenizer: {case: inline, normalization: nmt_nfkc_cf}",
            "1: tokenizer",
            "`tokenizer.normalization: nmt_nfkc_cf` turns capitals into small letters, so "
            "`tokenizer.case: inline` has no effect: remove one of them",
        ),
        (
            "tokenizer: {case: inline, user_symbols: [<Aa>]}",
            "1: tokenizer",
            "`tokenizer.user_symbols` has '<Aa>', a mark of `tokenizer.case: inline`: choose "
            "another symbol",
        ),
        (
            "tokenizer: {case: inline, model: foreign.model}",
            "1: tokenizer",
            "`tokenizer.model` sets these values: remove `tokenizer.case`",
        ),
        (
            "tokenizer: {capitals: 0.1}",
            "1: tokenizer",
            "`tokenizer.capitals` needs `tokenizer.case: inline`: set it, or remove "
            "`tokenizer.capitals`",
        ),
        (
            "runtime: {device: gpu}",
            "11: runtime.device",
            "'gpu' is not a device; choose auto, cpu, cuda or cuda:N",
        ),
        (
            "search: {n_best: 9}",
            "1: search",
            "`n_best` (9) cannot exceed `beam_size` (5)",
        ),
    ],
)
def test_a_wrong_value_in_a_section(complaint, line, place, message):
    assert complaint(line) == f"c.yaml:6:{place}: {message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "data: {train: {source: a, target: b}, validation_split: 0.1}\ntraining:\n",
            "c.yaml:2:1: training: has no end: set `max_updates`, `max_epochs`, `max_time` or "
            "`patience`",
        ),
        (
            "data: {train: {source: a, target: b}, validation_split: 0.1}\n"
            "training: {max_updates: 1, cuda_graphs: true, batch_size: null}\n",
            "c.yaml:2:1: training: `cuda_graphs` needs a fixed batch size: set `batch_size`",
        ),
        (
            "data: {train: {source: a, target: b}, validation_split: 0.1}\n"
            "training: {max_updates: 1, cuda_graphs: true, teacher_forcing: {final_ratio: 0.5}}\n",
            "c.yaml:2:1: training: `cuda_graphs` needs a constant ratio: remove "
            "`teacher_forcing.final_ratio`",
        ),
        (
            "data: {train: {source: a, target: b}}\ntraining: {max_updates: 1}\n",
            "c.yaml:1:1: data: needs `dev`, or a `validation_split` such as 0.02 to hold it out "
            "from train",
        ),
        (
            "data: {train: {source: a, target: [b, c]}, validation_split: 0.1}\n"
            "training: {max_updates: 1}\n",
            "c.yaml:1:8: data.train: has 1 source files and 2 target files; give the same number "
            "of both",
        ),
        (
            "data: {train: {source: 3, target: ''}, validation_split: 0.1}\n"
            "training: {max_time: 30}\n",
            "3 problems in c.yaml:\n"
            "c.yaml:1:16: data.train.source: expected a path or a list of paths, got 3\n"
            "c.yaml:1:27: data.train.target: '' is not a path\n"
            "c.yaml:2:12: training.max_time: 30 is not a duration; write a number and a unit, "
            "such as 90s, 30m, 2.5h or 1d",
        ),
        (
            "data: {validation_split: 0.1}\n",
            "2 problems in c.yaml:\n"
            "c.yaml: training: missing. Training settings.\n"
            "c.yaml:1:1: data.train: missing. Training corpus, or a list of corpora.",
        ),
        (
            "data: {train: {source: a, target: b, target_language: de}, dev: {source: a, target: "
            "b, target_language: fr}}\ntraining: {max_updates: 1}\n",
            "c.yaml:1:1: data: has `dev` in the target language fr, but `train` has de; set its "
            "`target_language` to one of them",
        ),
        (
            "data: {train: {source: a, target: b, tag: web}, validation_split: 0.1}\n"
            "tokenizer: {user_symbols: [<web>]}\ntraining: {max_updates: 1}\n",
            "c.yaml:2:13: `tokenizer.user_symbols` has <web>, the tag of a corpus, which "
            "no text may contain: remove it",
        ),
        (
            "data: {train: {source: a, target: b, tag: web}, dev: {source: a, target: b}}\n"
            "training: {max_updates: 1}\n",
            "c.yaml:1:1: data: has a corpus without `tag` in `dev`, but every corpus of `train` "
            "has one; set its `tag`",
        ),
        (
            "data: {train: {source: a, target: b, filters: {max_lenght: 9}}, validation_split: "
            "0.1}\ntraining: {max_updates: 1}\n",
            "c.yaml:1:48: data.train.filters.max_lenght: unknown key; did you mean max_length?",
        ),
        (
            "data: {train: {source: a, target: b, filters: {max_length: 90}}, validation_split: "
            "0.1, max_length: 9}\ntraining: {max_updates: 1}\n"
            "model: {attention: {kind: location, query_embedding: true, max_positions: 50}}\n",
            "c.yaml:3:60: `model.attention.max_positions: 50` is too small for `data.max_length: "
            "90` and an end-of-sentence token: set it to 91, or `data.max_length` to 49",
        ),
        (
            RIGHT + "model: {tying: all}\ntokenizer: {joint: false}\n",
            "c.yaml:6:9: `model.tying: all` needs `tokenizer.joint: true`: both sides have the "
            "same subwords only in a joint vocabulary",
        ),
    ],
)
def test_what_settings_need_of_each_other(complaint, text, message):
    assert complaint(text=text) == message


def test_all_problems_come_at_once_in_the_order_of_the_file(complaint):
    message = complaint(
        "seed: x\nseed: 2\nmodel:\n  encoder: {layers: 0}\n  modle: 1\n",
        "search.beam=3",
        "model.decoder.layers=four",
    )
    assert message == (
        "6 problems in c.yaml:\n"
        "c.yaml:6:1: seed: expected a whole number >= 0 and < 2147483648, got the text 'x'\n"
        "c.yaml:7:1: seed: duplicate key; the first one is in line 6\n"
        "c.yaml:9:13: model.encoder.layers: expected a whole number >= 1 and <= 100, got 0\n"
        "c.yaml:10:3: model.modle: unknown key; known keys: embedding_size, embedding_dropout, "
        "source_word_dropout, target_word_dropout, variational_dropout, tying, encoder, "
        "attention, decoder, output, initialization, initial_range, forget_bias\n"
        "--set search.beam: unknown key; did you mean beam_size?\n"
        "--set model.decoder.layers: expected a whole number >= 1 and <= 100, got the text 'four'"
    )


def test_an_override_below_a_value_or_in_a_section_of_its_own(complaint):
    assert complaint("", "seed.x=3") == (
        "--set seed.x: seed: expected a whole number >= 0 and < 2147483648, got a section of keys"
    )
    assert complaint("", "search={beam_size: 0, beam_size: 1}") == (
        "2 problems in c.yaml:\n"
        "--set search: search.beam_size: expected a whole number >= 1 and <= 1000000, got 0\n"
        "--set search: search.beam_size: duplicate key"
    )


def test_a_long_value_is_shortened(complaint):
    (line,) = complaint(f"seed: {'x' * 500}").split("\n")
    assert line.endswith("xxx...'")
    assert len(line) < 150


@pytest.mark.parametrize(
    ("override", "got"),
    [
        ("training.max_updates=+500", "got +500; write 500"),
        ("training.max_updates= +500", "got +500; write 500"),
        ("training={max_updates: +7}", "got +7; write 7"),
        ("model.encoder.layers=+1", "got +1; write 1"),
    ],
)
def test_a_sum_is_not_taken_for_a_count(complaint, override, got):
    """As if it were so many more."""
    message = complaint("", override)
    assert "expected a whole number" in message
    assert message.endswith(got)


def test_numbers_that_are_no_counts_may_have_a_sign(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(RIGHT, encoding="utf-8")
    config = load_config(path, ["search.alpha=+0.5", "search.length_penalty=word_reward"])
    assert config.search.alpha == 0.5

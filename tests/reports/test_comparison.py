"""Runs beside each other."""

import math

import pytest
from run_folders import CONFIG, dev, start, train, write_run

from nmt.errors import DataError
from nmt.evaluation.metrics import make_scorer
from nmt.evaluation.score_report import ReportOptions, System, compare_systems
from nmt.reports.comparison import RunScores, compare_runs, largest_deltas, print_deltas, print_runs
from nmt.reports.curves import dev_points_by_minutes
from nmt.reports.run_history import RunHistory
from nmt.reports.run_scoring import Text, read_shared_dev, read_text_files, score_runs
from nmt.reports.run_state import open_run

REFERENCES = ["the cat is on the mat", "a dog sleeps in the house", "one two three four"]
ONE = ["the cat is on the mat", "a dog sleeps", "one two three"]
TWO = ["the cat is on a mat", "a dog sleeps in the house", "one two three"]


def states(tmp_path, *configs):
    return [
        open_run(write_run(tmp_path / f"run{i}", start(), config=config))
        for i, config in enumerate(configs)
    ]


def nothing(names):
    return "no translations"


def test_settings_that_differ_have_a_value_for_each_run(tmp_path):
    other = CONFIG.replace("max_updates: 100", "max_updates: 200")
    third = other + "seed: 7\nname: third\n"
    found = compare_runs(states(tmp_path, CONFIG, other, third), nothing)
    assert [(each.key, each.values) for each in found.settings] == [
        ("seed", (1, 1, 7)),
        ("training.max_updates", (100, 200, 200)),
    ]
    folders = [str(tmp_path / f"run{i}") for i in range(2)]
    assert list(found.names) == [*folders, "third"]


def test_the_same_run_twice_has_two_names(tmp_path):
    (state,) = states(tmp_path, CONFIG)
    found = compare_runs([state, state], nothing)
    assert found.names == (str(state.run.path), f"{state.run.path} (2)")
    assert found.settings == ()


def test_a_configuration_that_cannot_be_read_stops_only_the_settings(tmp_path):
    found = compare_runs(states(tmp_path, CONFIG, "nonsense: 1\n"), nothing)
    assert found.settings == ()
    assert "nonsense" in found.settings_problem
    assert found.scores_problem == "no translations"


def asked(sources=None):
    systems = [System("one", ONE), System("two", TWO)]
    return compare_systems(systems, ReportOptions([REFERENCES], sources, metrics=("bleu",)))


def test_swings_are_the_largest_changes_of_sentences_by_chrf():
    chrf = make_scorer("chrf")
    scores = [
        [
            chrf.sentence_score(text, [ref]).score
            for text, ref in zip(texts, REFERENCES, strict=True)
        ]
        for texts in (ONE, TWO)
    ]
    first, second = largest_deltas(asked(["s1", "s2", "s3"]), 10)  # the third is the same in both
    assert (first.line, first.run, first.source) == (2, 1, "s2")
    assert first.hypotheses == ("a dog sleeps", "a dog sleeps in the house")
    assert first.scores == pytest.approx((scores[0][1], 100.0))
    assert first.change == pytest.approx(100.0 - scores[0][1])
    assert (second.line, second.scores[0]) == (1, pytest.approx(100.0))
    assert second.change < 0
    assert len(largest_deltas(asked(), 1)) == 1


def test_the_first_run_is_the_baseline(tmp_path):
    pair = states(tmp_path, CONFIG, CONFIG)
    text = Text("dev", ["s1", "s2", "s3"], [REFERENCES])
    found = score_runs(pair, ["one", "two"], text, [ONE, TWO]).report
    assert found.systems[0].name == "one"
    assert found.results[0].system_scores[0].p is None
    assert found.words is None  # the training text is not known
    with pytest.raises(DataError, match="line counts differ"):
        score_runs(pair, ["one", "two"], text, [ONE, TWO[:2]])


def test_dev_must_be_there_and_be_the_same(tmp_path):
    pair = states(tmp_path, CONFIG, CONFIG)
    with pytest.raises(DataError, match="no such file"):
        read_shared_dev(pair)
    for state in pair:
        state.run.data.mkdir()
        (state.run.data / "dev.source.txt").write_text("a\nb\n")
        (state.run.data / "dev.target.txt").write_text("c\nd\n")
    assert read_shared_dev(pair) == Text("dev", ["a", "b"], [["c", "d"]])
    (pair[1].run.data / "dev.target.txt").write_text("c\ne\n")
    with pytest.raises(DataError, match="different dev texts"):
        read_shared_dev(pair)
    file = pair[0].run.data / "dev.source.txt"
    assert read_text_files(file, [file, file]).references == [["a", "b"], ["a", "b"]]


def test_scores_by_time_are_where_the_log_says():
    records = [
        train(10, seconds=60.0),
        dev(10, bleu=1.0),
        dev(15, bleu=2.0),
        train(20, seconds=180.0),
    ]
    history = RunHistory.from_records(records)
    assert dev_points_by_minutes(history, "bleu") == [(1.0, 1.0), (2.0, 2.0)]
    assert dev_points_by_minutes(RunHistory.from_records([dev(10)]), "bleu") == []


def test_the_terminal_shows_runs_settings_curves_and_swings(tmp_path, capsys):
    config = CONFIG + "name: other\n"
    one = write_run(
        tmp_path / "a", start(parameters=1000), train(10), dev(10), dev(20), config=CONFIG
    )
    two = write_run(
        tmp_path / "b", start(), train(10), dev(10, bleu=9.0), config=config + "seed: 9\n"
    )
    pair = [open_run(one), open_run(two)]
    found = compare_runs(pair, lambda names: RunScores("dev", asked(["s1", "s2\x1b[2J", "s3"])))
    print_runs(found)
    print_deltas(found, 1)
    shown = capsys.readouterr().out
    assert "config  training stopped at update 20" in shown
    assert "seed               1       9" in shown, shown
    assert "BLEU of dev   * config   o other" in shown
    assert "line 2: " in shown and "a dog sleeps in the house" in shown
    assert "\x1b" not in shown
    record = found.record(1)
    assert [run["parameters"] for run in record["runs"]] == [1000, None]
    assert record["settings"] == [{"key": "seed", "values": [1, 9]}]
    assert record["systems"][1]["name"] == "two"
    assert record["swings"][0]["run"] == "other"
    assert math.isclose(record["swings"][0]["chrf"][1], 100.0)

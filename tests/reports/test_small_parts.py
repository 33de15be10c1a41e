"""Scripts of texts, warnings of a log, followed samples."""

import math
import unicodedata

import pytest
from run_folders import dev

from nmt.evaluation.metrics import make_scorer
from nmt.reports.run_history import DevPoint, RunHistory, _chrf, read_warnings, track_samples
from nmt.reports.run_report import _last_validation


def test_warnings_are_counted_and_other_lines_are_not(tmp_path):
    log = tmp_path / "train.log"
    assert read_warnings(log) == []
    day = "2026-11-21 08:2"
    log.write_bytes(
        f"{day}0:00 update 5  loss 1\n{day}1:00 warning: the disk is full\n"
        f"{day}2:00   source:     warning: no\n{day}3:00 warning: the disk is full\n"
        f"{day}4:00 warning: an odd byte ".encode()
        + b"\xff\nwarning: without a time\n"
    )
    first, second = read_warnings(log)
    assert (first.time, first.text, first.count) == (f"{day}1:00", "the disk is full", 2)
    assert second.text == "an odd byte \ufffd"


def test_translations_that_stay_are_one_stage():
    texts = [("a", "x"), ("b", "x"), ("b", "the reference 1"), ("a", "the reference 1")]
    history = RunHistory.from_records(
        [dev(10 * (i + 1), hypotheses=both) for i, both in enumerate(texts)]
    )
    one, two = track_samples(history)
    assert [(s.first, s.last, s.text) for s in one.stages] == [
        (10, 10, "a"),
        (20, 30, "b"),
        (40, 40, "a"),
    ]
    assert [(s.first, s.last) for s in two.stages] == [(10, 20), (30, 40)]
    assert two.stages[1].chrf == 100.0
    chrf = make_scorer("chrf").sentence_score("b", ["the reference 0"]).score
    assert one.stages[1].chrf == chrf


def test_a_sentence_without_reference_has_no_score():
    record = dev(10)
    record["samples"] = [{"source": "s", "reference": " ", "hypothesis": "x"}]
    (only,) = track_samples(RunHistory.from_records([record]))
    assert math.isnan(only.stages[0].chrf)


@pytest.mark.parametrize(
    ("best_metric", "noise", "first"),
    [("chrf++", {}, "chrF++ 21.0"), ("bleu", {}, "BLEU 1.0"), ("bleu", {"bleu": "x"}, "chrF 20.0")],
)
def test_the_last_validation_is_shown_by_what_chooses(best_metric, noise, first):
    values = {"loss": 2.0, "perplexity": 7.39, "bleu": 1.0, "chrf": 20.0, "chrf++": 21.0}
    tile = _last_validation(DevPoint(4, 0.0, values, 0.1, (), noise), best_metric)
    told = [tile.value, *tile.note.split(", ")]
    assert told[0].startswith(first[:-1])
    assert len(told) == len(set(told)) == 4


def test_the_spelling_of_accents_changes_no_score_of_a_sample():
    assert _chrf("ế ở đây", unicodedata.normalize("NFD", "ế ở đây")) == pytest.approx(100.0)

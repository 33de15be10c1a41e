"""What a log comes to: the later of what was done twice."""

import math

from run_folders import dev, end, rollback, start, train

from nmt.reports.run_history import RunHistory
from nmt.reports.run_state import validations_without_improvement


def points(history):
    return [(p.update, p.loss) for p in history.train], [(p.update, p.metrics) for p in history.dev]


def test_a_whole_run():
    history = RunHistory.from_records(
        [start(parameters=7), train(10), dev(10), train(20), dev(20), end(20)]
    )
    assert [point.update for point in history.train] == [10, 20]
    assert history.dev[1].metrics == {"loss": 3.8, "perplexity": 55.0, "bleu": 5.0, "chrf": 10.0}
    assert history.ended == "training.max_updates (100)"
    assert (history.update, history.fact("parameters"), history.fact("other")) == (20, 7, None)
    assert history.seconds == 20.5  # with the validation that came last
    assert history.best("bleu").update == history.best("loss").update == 20


def test_after_a_resume_the_later_of_two_counts():
    first = [start(), train(10), dev(10), train(20), dev(20), train(30)]
    again = [start(10), train(20, loss=2.0), dev(20, bleu=9.0)]
    history = RunHistory.from_records(first + again)
    assert points(history)[0] == [(10, 4.9), (20, 2.0)]
    assert [(p.update, p.metrics["bleu"]) for p in history.dev] == [(10, 2.5), (20, 9.0)]
    assert [session.update for session in history.sessions] == [0, 10]
    assert history.update == 20


def test_a_run_begun_again_before_its_first_checkpoint():
    history = RunHistory.from_records([start(), train(10), train(20), start(), train(10, loss=1.0)])
    assert points(history)[0] == [(10, 1.0)]


def test_what_is_rolled_back_does_not_count():
    history = RunHistory.from_records(
        [start(), train(10), dev(10), train(20), dev(20), rollback(25, 10)]
    )
    assert [point.update for point in history.train] == [10]
    assert [point.update for point in history.dev] == [10]
    assert history.update == 10
    (fault,) = history.faults
    assert fault.text == "back to update 10, learning rate times 0.5"


def test_a_start_that_was_lost_does_not_disorder_the_points():
    history = RunHistory.from_records(
        [train(10), train(20), train(30), train(20, loss=1.0), dev(20), dev(20)]
    )
    assert points(history)[0] == [(10, 4.9), (20, 1.0)]
    assert len(history.dev) == 1


def test_a_run_goes_on_after_its_end_and_after_being_given_up():
    history = RunHistory.from_records([start(), train(10), end(10)])
    assert history.ended
    history.add(start(10))
    assert history.ended is None
    history.add({"kind": "given_up", "update": 12, "time": 1.0})
    assert history.given_up
    history.add(start(10))
    assert not history.given_up


def test_values_that_are_none_are_gaps():
    history = RunHistory.from_records(
        [
            train(10, loss="inf", perplexity=None, learning_rate="x", gradient_norm=10**400),
            {"kind": "train", "update": 20},
            dev(20, bleu="nan", samples=[{"source": 7}, "x"], seconds=[]),
            {"kind": "validation", "update": 30},
            {"kind": "no such kind", "update": 40},
            {"kind": "rollback", "update": 50, "back_to": "x"},
            {"kind": "not_saved", "update": 60},
        ]
    )
    first, second = history.train
    assert first.loss == math.inf
    assert all(map(math.isnan, (first.perplexity, first.learning_rate, first.gradient_norm)))
    assert math.isnan(second.seconds) and second.epoch == 0
    assert history.seconds == 0.0
    assert history.best("bleu") is None
    assert history.dev[0].samples[0].source == "7"
    assert history.faults[-1].text == "could not save ?"


def test_the_best_of_equal_ones_is_the_first():
    history = RunHistory.from_records([dev(10, bleu=3.0), dev(20, bleu=5.0), dev(30, bleu=5.0)])
    assert history.best("bleu").update == 20
    assert history.best("perplexity").update == 30


def test_where_bleu_is_noise_the_best_is_by_chrf():
    noise = {"bleu": "0 matching 4-grams"}
    records = [
        dev(10, bleu=2.19, chrf=11.0, noise=noise),
        dev(20, bleu=0.0, chrf=43.0, noise=noise),
        dev(30, bleu=0.0, chrf=42.0, noise=noise),
    ]
    history = RunHistory.from_records(records)
    assert history.best("bleu").update == 20
    assert history.best("bleu").deciding_value("bleu").shown == ("chrf", 43.0)
    assert validations_without_improvement(history, "bleu") == 1
    history.add(dev(40, bleu=1.0, chrf=44.0, noise={}))
    assert history.best("bleu").update == history.best("chrf").update == 40
    history.add(dev(50, bleu=0.5, chrf=50.0, noise="nonsense"))
    assert history.best("bleu").update == 40


def test_a_metric_of_only_some_validations():
    history = RunHistory.from_records([dev(10), dev(20, **{"chrf++": 3.0})])
    assert history.best("chrf++").update == 20
    assert validations_without_improvement(history, "chrf++") == 0

"""Learning rates and teacher-forcing ratios over time."""

import math

import pytest

from nmt.config.registry import SCHEDULES
from nmt.config.settings import TrainingSettings
from nmt.evaluation.metrics import MetricValue
from nmt.runtime.device import Choices
from nmt.training.checkpoints import TrainingState
from nmt.training.schedules import make_schedule, rate_changes, teacher_forcing_ratio


def make(kind, **changes):
    return make_schedule(
        TrainingSettings(
            max_updates=1000,
            optimizer={"learning_rate": 0.1},
            schedule={"kind": kind, "warmup_updates": 0, **changes},
        )
    )


@pytest.mark.parametrize("kind", SCHEDULES.names())
def test_every_kind_warms_up_evenly_to_its_peak(kind):
    schedule = make(kind, warmup_updates=10, start_update=500)
    assert schedule.rate(1) == pytest.approx(0.01)
    assert schedule.rate(5) == pytest.approx(0.05)
    assert schedule.rate(10) == pytest.approx(0.1)


@pytest.mark.parametrize("kind", SCHEDULES.names())
def test_no_kind_falls_below_the_minimum(kind):
    schedule = make(kind, minimum=0.02, start_update=1, every_updates=1)
    for _ in range(50):
        schedule.after_validation(MetricValue("bleu", 5.0))
    assert schedule.rate(1000) >= 0.02


def test_constant():
    assert make("constant").rate(987) == 0.1


def test_inverse_square_root():
    schedule = make("inverse_sqrt", warmup_updates=100)
    assert schedule.rate(400) == pytest.approx(0.05)


def test_cosine_is_half_way_down_in_the_middle_and_zero_at_the_end():
    schedule = make("cosine", warmup_updates=200)
    assert schedule.rate(600) == pytest.approx(0.05)
    assert schedule.rate(1000) == pytest.approx(0.0)
    assert schedule.rate(360) == pytest.approx(0.1 * (1 + math.cos(0.2 * math.pi)) / 2)


def test_halving_steps_at_start_and_then_at_equal_distances():
    schedule = make("halving", start_update=100, every_updates=50, factor=0.5)
    assert [schedule.rate(u) for u in (99, 100, 149, 150, 200)] == pytest.approx(
        [0.1, 0.05, 0.05, 0.025, 0.0125]
    )


def test_halving_begins_after_one_distance_where_nothing_else_is_said():
    schedule = make("halving", every_updates=50, factor=0.5)
    assert [schedule.rate(u) for u in (1, 49, 50, 100)] == pytest.approx([0.1, 0.1, 0.05, 0.025])


def test_plateau_waits_for_its_patience_and_remembers():
    schedule = make("plateau", patience=1, factor=0.5)
    rates = []
    for bleu in (10, 20, 19, 18, 17, 21, 20, 20):
        schedule.after_validation(MetricValue("bleu", bleu))
        rates.append(schedule.rate(1))
    assert rates == pytest.approx([0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05, 0.025])
    other = make("plateau", patience=1, factor=0.5)
    other.load_state(schedule.state())
    for each in (schedule, other):
        each.after_validation(MetricValue("bleu", 1.0))
        each.after_validation(MetricValue("bleu", 1.0))
    assert other.rate(1) == schedule.rate(1) == pytest.approx(0.0125)


def forcing(**changes):
    return TrainingSettings(max_updates=1, teacher_forcing=changes)


def test_teacher_forcing_is_constant_without_an_end():
    assert teacher_forcing_ratio(forcing(ratio=0.5), 10_000) == 0.5


@pytest.mark.parametrize("decay", ["linear", "exponential", "inverse_sigmoid"])
def test_teacher_forcing_falls_from_one_ratio_to_the_other(decay):
    settings = forcing(ratio=1.0, final_ratio=0.2, decay=decay, decay_updates=100)
    ratios = [teacher_forcing_ratio(settings, update) for update in range(0, 201, 10)]
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[0] == pytest.approx(1.0, abs=0.01)
    assert ratios[-1] == pytest.approx(0.2, abs=0.01)
    if decay != "exponential":
        assert ratios[5] == pytest.approx(0.6, abs=1e-9)


def test_plateau_by_bleu_goes_by_chrf_while_bleu_is_noise():
    schedule = make("plateau", patience=0, factor=0.5)
    values = [
        MetricValue("bleu", 9.0, True, 30.0),
        MetricValue("bleu", 0.0, True, 31.0),
        MetricValue("bleu", 2.0, False, 32.0),
        MetricValue("bleu", 2.0, False, 90.0),
        MetricValue("bleu", 0.1, True, 33.0),
    ]
    rates = []
    for each in values:
        schedule.after_validation(each)
        rates.append(schedule.rate(1))
        other = make("plateau", patience=0, factor=0.5)
        other.load_state(schedule.state())
        assert other.state() == schedule.state()
    assert rates == pytest.approx([0.1, 0.1, 0.1, 0.05, 0.05])


def test_plateau_loads_the_state_of_an_earlier_version():
    schedule = make("plateau")
    schedule.load_state({"scale": 0.25, "best": 12.0, "in_vain": 1})
    assert schedule.rate(1) == pytest.approx(0.025)


def changes(old, new, update=1000, **state):
    at = TrainingState(Choices("cpu", "float32", "highest"), {}, update=update, **state)
    return rate_changes(old, new, at)


def settings(kind="cosine", updates=1000, rate=0.1, **more):
    return TrainingSettings(
        max_updates=updates,
        optimizer={"learning_rate": rate},
        schedule={"kind": kind, "warmup_updates": 0, **more},
    )


def test_a_resume_tells_what_becomes_of_the_rate():
    ended = changes(settings(), settings(updates=2000))
    assert ended == [
        "The cosine now ends at update 2000, not at update 1000.",
        "The learning rate of the next update (1001) is 0.0499 instead of 0.",
    ]
    assert changes(settings(), settings(rate=0.2), update=500)[0].endswith(
        "(501) is 0.0997 instead of 0.0498."
    )
    halved = changes(settings("constant"), settings("constant", rate=0.2), rate_scale=0.5)
    assert halved == ["The learning rate of the next update (1001) is 0.1 instead of 0.05."]
    other = changes(settings(), settings("constant"), update=999)
    assert len(other) == 1
    assert "is 0.1 instead of" in other[0]


def test_a_resume_tells_nothing_of_a_rate_that_stays():
    assert changes(settings("constant"), settings("constant", 2000)) == []
    assert changes(settings(), settings()) == []
    memory = {"scale": 0.25, "best": 1.0, "in_vain": 1}
    lower = changes(settings("plateau"), settings("plateau", 2000), schedule=memory)
    assert lower == []


@pytest.mark.parametrize(
    ("changes", "updates_per_epoch", "warmup", "last"),
    [
        ({"max_updates": 6000}, 0, 350, 6000),
        ({"max_updates": 200}, 0, 20, 200),
        ({"max_epochs": 3}, 40, 12, 120),
        ({"max_epochs": 3, "max_updates": 100}, 40, 10, 100),
        ({"max_time": "1h"}, 40, 350, None),
        ({"max_updates": 200, "schedule": {"warmup_updates": 150}}, 0, 150, 200),
    ],
)
def test_the_usual_warmup_and_the_end_follow_the_length_of_training(
    changes, updates_per_epoch, warmup, last
):
    schedule = make_schedule(TrainingSettings.model_validate(changes), updates_per_epoch)
    assert (schedule.warmup, schedule.last_update) == (warmup, last)
    assert schedule.rate(warmup) == pytest.approx(0.004)
    if last is None:
        assert schedule.rate(10**6) == 0.004
    else:
        assert schedule.rate(last) == pytest.approx(0.0, abs=1e-12)

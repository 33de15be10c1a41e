"""Timing in turns, with a clock that calls advance themselves."""

from collections.abc import Callable, Iterator

import pytest

from nmt.runtime import product_speed
from nmt.runtime.product_speed import clearly_fastest, gigaflops, medians_by_turns


class Machine:
    """A clock, and how long the process waits for cores in each try."""

    def __init__(self) -> None:
        self.time = 0.0
        self.calls: list[str] = []
        self.waits: Iterator[float | None] = iter(())
        self.slowness = 1.0

    def call(self, name: str, seconds: float) -> Callable[[], None]:
        def spend() -> None:
            self.calls.append(name)
            self.time += seconds * self.slowness

        return spend


@pytest.fixture
def machine(monkeypatch) -> Machine:
    made = Machine()

    class Waits:
        def share(self) -> float | None:
            return next(made.waits, 0.0)

    monkeypatch.setattr(product_speed, "perf_counter", lambda: made.time)
    monkeypatch.setattr(product_speed, "CoreWaits", Waits)
    return made


def test_calls_take_turns_after_one_that_does_not_count(machine):
    medians = medians_by_turns([machine.call("a", 0.25), machine.call("b", 0.5)], seconds=1.5)
    assert machine.calls == ["a", "b", "a", "b", "a", "b"]
    assert medians == [0.25, 0.5]


def test_a_slow_call_is_timed_once(machine):
    assert medians_by_turns([machine.call("a", 8.0)], seconds=0.5) == [8.0]
    assert machine.calls == ["a", "a"]


def test_one_disturbed_turn_does_not_count(machine):
    def spend() -> None:
        machine.time += 100.0 if machine.time == 2.0 else 1.0

    assert medians_by_turns([spend], seconds=108.0) == [1.0]


def test_a_disturbed_try_is_taken_again(machine):
    def shares() -> Iterator[float]:
        machine.slowness = 1.0  # read at the end of the first try
        yield 0.4
        yield 0.0

    machine.slowness, machine.waits = 7.0, shares()
    assert medians_by_turns([machine.call("a", 1.0)], seconds=2.0) == [1.0]


def test_of_disturbed_tries_the_least_disturbed_counts(machine):
    def shares() -> Iterator[float]:
        for share in (0.5, 0.3, 0.2, 0.4):
            machine.slowness += 1.0
            yield share
        raise AssertionError("a fifth try")

    machine.waits = shares()
    assert medians_by_turns([machine.call("a", 1.0)], seconds=1.0) == [3.0]


def test_a_system_that_reports_no_waits_is_measured_once(machine):
    machine.waits = iter([None, 0.0])
    medians_by_turns([machine.call("a", 1.0)], seconds=1.0)
    assert machine.calls == ["a", "a"]


def test_gigaflops_are_operations_by_time(machine):
    candidates = {"float32": machine.call("f", 0.5), "int8": machine.call("i", 0.25)}
    assert gigaflops(candidates, operations=1e9) == {"float32": 2.0, "int8": 4.0}


@pytest.mark.parametrize(
    ("speeds", "expected"),
    [
        ({"float32": 100.0, "int8": 109.0}, "float32"),
        ({"float32": 100.0, "int8": 111.0}, "int8"),
        ({"float32": 100.0, "int8": 20.0}, "float32"),
        ({"float32": 100.0, "int8": 115.0, "bfloat16": 300.0}, "bfloat16"),
        ({"float32": 100.0}, "float32"),
    ],
)
def test_only_a_clear_ratio_beats_the_default(speeds, expected):
    assert clearly_fastest(speeds, default="float32") == expected

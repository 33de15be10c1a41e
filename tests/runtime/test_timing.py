"""Timing of candidates, with a clock that the calls advance."""

from collections.abc import Callable

import pytest
import torch

from nmt.runtime import timing
from nmt.runtime.timing import clearly_fastest, measure_gigaflops


class Machine:
    """A clock of CPU time that calls advance."""

    def __init__(self) -> None:
        self.time = 0.0
        self.calls: list[str] = []

    def call(self, name: str, seconds: float) -> Callable[[], None]:
        def spend() -> None:
            assert torch.get_num_threads() == 1, "the clock is that of one thread"
            self.calls.append(name)
            self.time += seconds

        return spend


@pytest.fixture
def machine(monkeypatch) -> Machine:
    made = Machine()
    monkeypatch.setattr(timing, "thread_time", lambda: made.time)
    return made


def test_calls_take_turns_after_one_that_does_not_count(machine):
    calls = {"a": machine.call("a", 0.25), "b": machine.call("b", 0.5)}
    assert measure_gigaflops(calls, operations=1e9, seconds=1.5) == {"a": 4.0, "b": 2.0}
    assert machine.calls == ["a", "b", "a", "b", "a", "b"]


def test_a_slow_call_is_timed_twice(machine):
    assert measure_gigaflops({"a": machine.call("a", 8.0)}, 1e9, seconds=0.5) == {"a": 0.125}
    assert machine.calls == ["a", "a", "a"]


def test_one_disturbed_turn_does_not_count(machine):
    def spend() -> None:
        machine.time += 100.0 if machine.time == 2.0 else 1.0

    assert measure_gigaflops({"a": spend}, 1e9, seconds=108.0) == {"a": 1.0}


def test_the_number_of_threads_is_put_back():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    measure_gigaflops({"a": lambda: None}, 1.0, seconds=0.0)
    assert torch.get_num_threads() == 3
    torch.set_num_threads(before)


def test_gigaflops_are_operations_by_time(machine):
    candidates = {"float32": machine.call("f", 0.5), "int8": machine.call("i", 0.25)}
    assert measure_gigaflops(candidates, operations=1e9) == {"float32": 2.0, "int8": 4.0}


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

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from nmt import Translator
from nmt.search.constraints import Constraints
from nmt.serving.request_queue import Busy, CancellableModel, Cancelled, RequestQueue, TranslateJob

SECONDS = 30


@dataclass
class Stub:
    """Notes what it is asked at once; waits before the first time until it may; the word `bad` is
    too much for it.
    """

    may: threading.Event = field(default_factory=threading.Event)
    began: threading.Event = field(default_factory=threading.Event)
    asked: list[list[str]] = field(default_factory=list)
    model: Any = None

    def with_model(self, model):
        return self

    def translate(self, lines, constraints, **overrides):
        self.asked.append(list(lines))
        self.began.set()
        assert self.may.wait(SECONDS)
        if "bad" in lines:
            raise ValueError("bad")
        return [
            f"{line}{wish.prefix}{overrides}" for line, wish in zip(lines, constraints, strict=True)
        ]


def job(*lines: str, prefix: str = "", **overrides: Any) -> TranslateJob:
    return TranslateJob(lines, Constraints(prefix), overrides)


@pytest.fixture
def stub():
    return Stub()


@pytest.fixture
def desk(stub):
    desk = RequestQueue(stub, waiting=8, together=4)
    yield desk
    stub.may.set()
    desk.close()
    desk.join(SECONDS)
    assert not desk.alive


def at_work(desk: RequestQueue, stub: Stub) -> TranslateJob:
    """A job that the desk is busy with."""
    first = job("first")
    desk.submit(first)
    assert stub.began.wait(SECONDS)
    return first


def test_jobs_that_wait_and_search_alike_are_searched_at_once(desk, stub):
    first = at_work(desk, stub)
    alike = [job("a", "b", n=1, prefix="-"), job("d", n=1), job("e", "f", n=1), job("g", n=1)]
    other = job("c", n=2)
    for each in (alike[0], other, *alike[1:]):
        desk.submit(each)
    stub.may.set()
    answers = [each.answer.result(SECONDS) for each in (first, *alike, other)]
    assert stub.asked == [["first"], ["a", "b", "d", "g"], ["c"], ["e", "f"]]
    assert answers[1] == ["a-{'n': 1}", "b-{'n': 1}"]
    assert answers[2:] == [["d{'n': 1}"], ["e{'n': 1}", "f{'n': 1}"], ["g{'n': 1}"], ["c{'n': 2}"]]


def test_one_that_is_larger_than_that_goes_by_itself(desk, stub):
    stub.may.set()
    large = job(*"abcdefgh")
    desk.submit(large)
    assert len(large.answer.result(SECONDS)) == 8


def test_there_is_room_for_so_many(desk, stub):
    at_work(desk, stub)
    for _ in range(7):
        desk.submit(job("x"))
    with pytest.raises(Busy):
        desk.submit(job("y"))


def test_one_that_nobody_waits_for_takes_no_room_and_is_not_done(desk, stub):
    at_work(desk, stub)
    waiting = [job(f"{i}") for i in range(7)]
    for each in waiting:
        desk.submit(each)
    waiting[0].given_up = True
    waiting[1].answer.cancel()
    desk.submit(job("last"))
    stub.may.set()
    waiting[-1].answer.result(SECONDS)
    done = {line for lines in stub.asked for line in lines}
    assert not done & {"0", "1"}


def test_what_fails_fails_alone(desk, stub):
    at_work(desk, stub)
    good, bad, also = job("a"), job("bad"), job("c")
    for each in (good, bad, also):
        desk.submit(each)
    stub.may.set()
    assert good.answer.result(SECONDS) == ["a{}"]
    assert also.answer.result(SECONDS) == ["c{}"]
    with pytest.raises(ValueError, match="bad"):
        bad.answer.result(SECONDS)
    assert desk.alive


def test_what_waits_when_it_closes_is_told(desk, stub):
    at_work(desk, stub)
    waiting = job("x")
    desk.submit(waiting)
    desk.close()
    with pytest.raises(Cancelled):
        waiting.answer.result(SECONDS)
    with pytest.raises(Busy):
        desk.submit(job("y"))


@dataclass
class Counted:
    """A model that does something at its third step."""

    model: Any
    then: Callable[[], None]
    steps: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def step(self, *arguments: Any) -> Any:
        self.steps += 1
        if self.steps == 3:
            self.then()
        return self.model.step(*arguments)


def test_a_search_that_nobody_waits_for_is_left_off(tiny_bundle):
    translator = Translator.load(tiny_bundle, threads=1)
    wanted = job("le chat noir est sur le tapis .", beam_size=2, min_length=50, max_length=90)

    def leave() -> None:
        wanted.given_up = True

    counted = Counted(translator.model, leave)
    desk = RequestQueue(translator.with_model(counted), waiting=2, together=2)
    desk.submit(wanted)
    with pytest.raises(Cancelled):
        wanted.answer.result(SECONDS)
    assert counted.steps == 3
    desk.submit(again := job("le chat", beam_size=2))
    assert len(again.answer.result(SECONDS)) == 1
    desk.close()


def test_a_watched_model_is_the_model_in_all_else(tiny_bundle):
    translator = Translator.load(tiny_bundle, threads=1)
    watched = translator.with_model(CancellableModel(translator.model, lambda: True))
    (one,), (other,) = (each.translate(["le chat"]) for each in (translator, watched))
    assert one.tokens == other.tokens
    assert watched.score(["le chat"], ["the"])[0].log_probability == pytest.approx(
        translator.score(["le chat"], ["the"])[0].log_probability
    )

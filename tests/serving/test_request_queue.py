import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from nmt import Translator
from nmt.search.constraints import Constraints
from nmt.serving.request_queue import (
    CancellableModel,
    Cancelled,
    QueueFullError,
    RequestQueue,
    TranslateJob,
)

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

    def translate(self, lines, constraints, tags, **overrides):
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
def request_queue(stub):
    request_queue = RequestQueue(stub, max_jobs=8, max_batch_size=4)
    yield request_queue
    stub.may.set()
    request_queue.close()
    request_queue.join(SECONDS)
    assert not request_queue.alive


def at_work(request_queue: RequestQueue, stub: Stub) -> TranslateJob:
    """A job that the desk is busy with."""
    first = job("first")
    request_queue.submit(first)
    assert stub.began.wait(SECONDS)
    return first


def test_jobs_that_wait_and_search_alike_are_searched_at_once(request_queue, stub):
    first = at_work(request_queue, stub)
    alike = [job("a", "b", n=1, prefix="-"), job("d", n=1), job("e", "f", n=1), job("g", n=1)]
    other = job("c", n=2)
    for each in (alike[0], other, *alike[1:]):
        request_queue.submit(each)
    stub.may.set()
    answers = [each.result.result(SECONDS) for each in (first, *alike, other)]
    assert stub.asked == [["first"], ["a", "b", "d", "g"], ["c"], ["e", "f"]]
    assert answers[1] == ["a-{'n': 1}", "b-{'n': 1}"]
    assert answers[2:] == [["d{'n': 1}"], ["e{'n': 1}", "f{'n': 1}"], ["g{'n': 1}"], ["c{'n': 2}"]]


def test_one_that_is_larger_than_that_goes_by_itself(request_queue, stub):
    stub.may.set()
    large = job(*"abcdefgh")
    request_queue.submit(large)
    assert len(large.result.result(SECONDS)) == 8


def test_there_is_room_for_so_many(request_queue, stub):
    at_work(request_queue, stub)
    for _ in range(7):
        request_queue.submit(job("x"))
    with pytest.raises(QueueFullError):
        request_queue.submit(job("y"))


def test_one_that_nobody_waits_for_takes_no_room_and_is_not_done(request_queue, stub):
    at_work(request_queue, stub)
    waiting = [job(f"{i}") for i in range(7)]
    for each in waiting:
        request_queue.submit(each)
    waiting[0].is_abandoned = True
    waiting[1].result.cancel()
    request_queue.submit(job("last"))
    stub.may.set()
    waiting[-1].result.result(SECONDS)
    done = {line for lines in stub.asked for line in lines}
    assert not done & {"0", "1"}


def test_what_fails_fails_alone(request_queue, stub):
    at_work(request_queue, stub)
    good, bad, also = job("a"), job("bad"), job("c")
    for each in (good, bad, also):
        request_queue.submit(each)
    stub.may.set()
    assert good.result.result(SECONDS) == ["a{}"]
    assert also.result.result(SECONDS) == ["c{}"]
    with pytest.raises(ValueError, match="bad"):
        bad.result.result(SECONDS)
    assert request_queue.alive


def test_what_waits_when_it_closes_is_told(request_queue, stub):
    at_work(request_queue, stub)
    waiting = job("x")
    request_queue.submit(waiting)
    request_queue.close()
    with pytest.raises(Cancelled):
        waiting.result.result(SECONDS)
    with pytest.raises(QueueFullError):
        request_queue.submit(job("y"))


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
        wanted.is_abandoned = True

    counted = Counted(translator.model, leave)
    request_queue = RequestQueue(translator.with_model(counted), max_jobs=2, max_batch_size=2)
    request_queue.submit(wanted)
    with pytest.raises(Cancelled):
        wanted.result.result(SECONDS)
    assert counted.steps == 3
    request_queue.submit(again := job("le chat", beam_size=2))
    assert len(again.result.result(SECONDS)) == 1
    request_queue.close()


def test_a_watched_model_is_the_model_in_all_else(tiny_bundle):
    translator = Translator.load(tiny_bundle, threads=1)
    watched = translator.with_model(CancellableModel(translator.model, lambda: True))
    (one,), (other,) = (each.translate(["le chat"]) for each in (translator, watched))
    assert one.tokens == other.tokens
    assert watched.score(["le chat"], ["the"])[0].log_probability == pytest.approx(
        translator.score(["le chat"], ["the"])[0].log_probability
    )

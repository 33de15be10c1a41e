"""The desk where requests wait: one thread translates, and takes several at once where it can."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from nmt.search.alternatives import Alternative
from nmt.search.constraints import Constraints
from nmt.search.translation import Translation
from nmt.search.translator import Translator
from nmt.serving.watched import GivenUp, Watched

Overrides = dict[str, Any]


class Busy(Exception):
    """As many requests wait as may."""


@dataclass(eq=False)
class Job:
    """Something to do; answer: what comes of it; given_up: set when nobody waits any more."""

    answer: "Future[Any]" = field(default_factory=Future, kw_only=True)
    given_up: bool = field(default=False, kw_only=True)


@dataclass(eq=False)
class TranslateJob(Job):
    """Lines to translate; the answer is a list of translations, one for each."""

    lines: Sequence[str]
    constraints: Constraints
    overrides: Overrides

    @property
    def size(self) -> int:
        """How much there is to search: characters times hypotheses."""
        beam_size: int = self.overrides.get("beam_size", 1)
        return beam_size * sum(map(len, self.lines))

    def goes_with(self, other: Job) -> "TypeGuard[TranslateJob]":
        """Whether both can be searched at once."""
        return isinstance(other, TranslateJob) and self.overrides == other.overrides


@dataclass(eq=False)
class AlternativesJob(Job):
    """A place in a translation; the answer is a list of alternatives."""

    text: str
    prefix: str | Sequence[str]
    count: int
    words: bool
    overrides: Overrides


class Desk:
    """Does jobs in one thread, in the order in which they came; jobs that wait and search alike are
    searched at once. A translation depends on its line alone, so it does not matter with which.

    waiting: how many may wait or be worked on; together: the greatest size of what is searched at
    once, which one that is larger is by itself.
    """

    def __init__(self, translator: Translator, waiting: int, together: int) -> None:
        self._translator = translator
        self._room = waiting
        self._together = together
        self._queue: deque[TranslateJob | AlternativesJob] = deque()
        self._current: list[Any] = []
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="translate", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether jobs are still done."""
        return self._thread.is_alive() and not self._closed

    def submit(self, job: TranslateJob | AlternativesJob) -> None:
        """Put a job at the end of the queue. Raises Busy when there is no room."""
        with self._changed:
            waiting = [each for each in self._queue if not each.given_up]
            if self._closed or len(waiting) + len(self._current) >= self._room:
                raise Busy
            self._queue.append(job)
            self._changed.notify()

    def close(self) -> None:
        """Give up what is not done: GivenUp is its answer."""
        with self._changed:
            self._closed = True
            while self._queue:
                job = self._queue.popleft()
                if job.answer.set_running_or_notify_cancel():
                    job.answer.set_exception(GivenUp())
            for job in self._current:
                job.given_up = True
            self._changed.notify()

    def join(self, seconds: float) -> None:
        """Wait for the thread to end."""
        self._thread.join(seconds)

    def _work(self) -> None:
        while jobs := self._next():
            self._do(jobs)
            with self._changed:
                self._current = []

    def _next(self) -> list[Any]:
        """The job at the head of the queue and those that go with it; none when all is over."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._queue or self._closed)
                if self._closed:
                    return []
                head = self._queue.popleft()
                if _begins(head):
                    break
            self._current = [head, *self._companions(head)]
            return self._current

    def _companions(self, head: TranslateJob | AlternativesJob) -> list[Any]:
        """Jobs taken from the queue that are searched with the head of it."""
        if not isinstance(head, TranslateJob):
            return []
        taken: list[Any] = []
        room = self._together - head.size
        for job in list(self._queue):
            if head.goes_with(job) and job.size <= room:
                self._queue.remove(job)
                if _begins(job):
                    taken.append(job)
                    room -= job.size
        return taken

    def _do(self, jobs: list[Any]) -> None:
        """Answer jobs; where several fail together, each is tried by itself."""
        model: Any = self._translator.model
        watched = Watched(model, lambda: not all(job.given_up for job in jobs))
        translator = self._translator.with_model(watched)
        try:
            answers = _ANSWERS[type(jobs[0])](translator, jobs)
        except Exception as error:
            if len(jobs) > 1 and not isinstance(error, GivenUp):
                for job in jobs:
                    self._do([job])
                return
            for job in jobs:
                job.answer.set_exception(error)
        else:
            for job, answer in zip(jobs, answers, strict=True):
                job.answer.set_result(answer)


def _begins(job: Job) -> bool:
    """Whether somebody still waits for it; its answer can then no longer be called off."""
    return not job.given_up and job.answer.set_running_or_notify_cancel()


def _translate(translator: Translator, jobs: Sequence[TranslateJob]) -> list[list[Translation]]:
    found = iter(
        translator.translate(
            [line for job in jobs for line in job.lines],
            constraints=[job.constraints for job in jobs for _ in job.lines],
            **jobs[0].overrides,
        )
    )
    return [[next(found) for _ in job.lines] for job in jobs]


def _alternatives(
    translator: Translator, jobs: Sequence[AlternativesJob]
) -> list[list[Alternative]]:
    (job,) = jobs
    return [
        translator.alternatives(
            job.text, job.prefix, count=job.count, words=job.words, **job.overrides
        )
    ]


_ANSWERS: dict[type[Job], Callable[[Translator, Any], list[Any]]] = {
    TranslateJob: _translate,
    AlternativesJob: _alternatives,
}

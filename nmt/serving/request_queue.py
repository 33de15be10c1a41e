"""The queue of requests: one thread translates, and takes several at once where it can."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from torch import Tensor

from nmt.search.constraints import Constraints
from nmt.tokenizers.source_tags import NO_SELECTION, TagSelection
from nmt.translation.alternatives import Alternative
from nmt.translation.translation import Translation
from nmt.translation.translator import Translator

Overrides = dict[str, Any]


class QueueFullError(Exception):
    """A full queue."""


@dataclass(eq=False)
class Job:
    """A unit of work.

    Attributes:
        result: The future of the result.
        is_abandoned: Whether the client no longer waits for the result.
    """

    result: "Future[Any]" = field(default_factory=Future, kw_only=True)
    is_abandoned: bool = field(default=False, kw_only=True)


@dataclass(eq=False)
class TranslateJob(Job):
    """Lines to translate. The result is a list with a translation for each line.

    Attributes:
        lines: The source lines.
        constraints: The constraints of every line.
        overrides: Search settings.
        tags: The target language and the tag of every line.
    """

    lines: Sequence[str]
    constraints: Constraints
    overrides: Overrides
    tags: TagSelection = NO_SELECTION

    @property
    def size(self) -> int:
        """The amount of work: characters times hypotheses."""
        beam_size: int = self.overrides.get("beam_size", 1)
        return beam_size * sum(map(len, self.lines))

    def can_share_batch(self, other: Job) -> "TypeGuard[TranslateJob]":
        """Return whether both jobs can be searched in one batch."""
        return isinstance(other, TranslateJob) and self.overrides == other.overrides


@dataclass(eq=False)
class AlternativesJob(Job):
    """A position in a translation. The result is a list of alternatives.

    Attributes:
        text: The source line.
        prefix: The translation before the position, as text or as subwords.
        count: The number of alternatives.
        words: Whether alternatives are whole words.
        overrides: Search settings.
        tags: The target language and the tag of the line.
    """

    text: str
    prefix: str | Sequence[str]
    count: int
    words: bool
    overrides: Overrides
    tags: TagSelection = NO_SELECTION


class RequestQueue:
    """A queue whose jobs run in one thread, in order of arrival.

    Waiting jobs with equal search settings run in one batch, each line with its own tags. The
    other lines of a batch do not affect a translation.

    Args:
        translator: The model.
        max_jobs: The greatest number of jobs that wait or run.
        max_batch_size: The greatest size of a batch, see `TranslateJob.size`. A larger job runs
            alone.
    """

    def __init__(self, translator: Translator, max_jobs: int, max_batch_size: int) -> None:
        self._translator = translator
        self._max_jobs = max_jobs
        self._max_batch_size = max_batch_size
        self._queue: deque[TranslateJob | AlternativesJob] = deque()
        self._current: list[Any] = []
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="translate", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the queue still runs jobs."""
        return self._thread.is_alive() and not self._closed

    def submit(self, job: TranslateJob | AlternativesJob) -> None:
        """Add a job to the end of the queue.

        Raises:
            QueueFullError: The queue is full.
        """
        with self._changed:
            unfinished = [queued for queued in self._queue if not queued.is_abandoned]
            if self._closed or len(unfinished) + len(self._current) >= self._max_jobs:
                raise QueueFullError
            self._queue.append(job)
            self._changed.notify()

    def close(self) -> None:
        """End all unfinished jobs with Cancelled."""
        with self._changed:
            self._closed = True
            while self._queue:
                job = self._queue.popleft()
                if job.result.set_running_or_notify_cancel():
                    job.result.set_exception(Cancelled())
            for job in self._current:
                job.is_abandoned = True
            self._changed.notify()

    def join(self, seconds: float) -> None:
        """Wait for the thread to end, at most for some seconds."""
        self._thread.join(seconds)

    def _run(self) -> None:
        while jobs := self._next_batch():
            self._run_batch(jobs)
            with self._changed:
                self._current = []

    def _next_batch(self) -> list[Any]:
        """Return the job at the head of the queue and its batch; none after the queue is closed."""
        with self._changed:
            while True:
                self._changed.wait_for(lambda: self._queue or self._closed)
                if self._closed:
                    return []
                head = self._queue.popleft()
                if _start(head):
                    break
            self._current = [head, *self._take_compatible_jobs(head)]
            return self._current

    def _take_compatible_jobs(self, head: TranslateJob | AlternativesJob) -> list[Any]:
        """Remove from the queue the jobs that run in one batch with its head, and return them."""
        if not isinstance(head, TranslateJob):
            return []
        mates: list[Any] = []
        remaining = self._max_batch_size - head.size
        for job in list(self._queue):
            if head.can_share_batch(job) and job.size <= remaining:
                self._queue.remove(job)
                if _start(job):
                    mates.append(job)
                    remaining -= job.size
        return mates

    def _run_batch(self, jobs: list[Any]) -> None:
        """Run a batch of jobs. After an error each of them runs alone."""
        model: Any = self._translator.model
        cancellable = CancellableModel(model, lambda: not all(job.is_abandoned for job in jobs))
        translator = self._translator.with_model(cancellable)
        try:
            results = _RUNNERS[type(jobs[0])](translator, jobs)
        except Exception as error:
            if len(jobs) > 1 and not isinstance(error, Cancelled):
                for job in jobs:
                    self._run_batch([job])
                return
            for job in jobs:
                job.result.set_exception(error)
        else:
            for job, job_result in zip(jobs, results, strict=True):
                job.result.set_result(job_result)


def _start(job: Job) -> bool:
    """Mark a job as running and return whether the client still waits for it."""
    return not job.is_abandoned and job.result.set_running_or_notify_cancel()


def _translate(translator: Translator, jobs: Sequence[TranslateJob]) -> list[list[Translation]]:
    translations = iter(
        translator.translate(
            [line for job in jobs for line in job.lines],
            constraints=[job.constraints for job in jobs for _ in job.lines],
            tags=[job.tags for job in jobs for _ in job.lines],
            **jobs[0].overrides,
        )
    )
    return [[next(translations) for _ in job.lines] for job in jobs]


def _alternatives(
    translator: Translator, jobs: Sequence[AlternativesJob]
) -> list[list[Alternative]]:
    (job,) = jobs
    translator = translator.with_tags(*job.tags)
    return [
        translator.alternatives(
            job.text, job.prefix, count=job.count, words=job.words, **job.overrides
        )
    ]


_RUNNERS: dict[type[Job], Callable[[Translator, Any], list[Any]]] = {
    TranslateJob: _translate,
    AlternativesJob: _alternatives,
}


class Cancelled(Exception):
    """A search that was stopped."""


class CancellableModel:
    """A model that stops the search once nobody waits for the result.

    Args:
        model: The model.
        is_wanted: A function that returns whether a client still waits for the result.
    """

    def __init__(self, model: Any, is_wanted: Callable[[], bool]) -> None:
        self._model = model
        self._is_wanted = is_wanted

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the model."""
        return getattr(self._model, name)

    def step(self, encoded: Any, state: Any, previous: Tensor) -> Any:
        """Run a step of the model.

        Args:
            encoded: The encoded source.
            state: The decoder state.
            previous: The previous tokens.

        Returns:
            The result of the model's step.

        Raises:
            Cancelled: No client waits for the result.
        """
        if not self._is_wanted():
            raise Cancelled
        return self._model.step(encoded, state, previous)

"""A long text translated by any number of processes, which may be stopped at any point.

The text is cut into blocks. Each process claims one after the other, from a counter that all share,
and writes its answers as a part that is whole or absent; at the end they are joined. Whoever starts
the same command again, with as many processes or others, goes on with the blocks that have no part.
"""

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmt.data.text import PLAIN_TEXT, ExpectedFormats, status
from nmt.errors import DataError, StoppedBySignal, UsageError
from nmt.runtime.console import progress, say
from nmt.runtime.distributed import Counters, World
from nmt.runtime.files import remove_leftovers
from nmt.runtime.lock import exclusive
from nmt.runtime.signals import Signalled, signals_raised
from nmt.search.blocks import in_windows, opened, read_block, survey
from nmt.search.parts import Parts
from nmt.search.ports import Write, is_file_to_be, writer
from nmt.search.stream_progress import TranslationTotals

Answer = Callable[[Iterable[list[bytes]], Write, int], int]
"""Answers windows of lines, of an input that has so many lines before them; gives their number."""

_SECONDS_BETWEEN_LOOKS = 0.1
_BLOCK_BYTES = 1 << 18  # some thousands of lines: well under a minute's work for a CPU
_LEAST_BLOCK_BYTES = 1 << 14
_BLOCKS_EACH = 8

# What the processes count together.
_OPENED = "folders of parts that are open"
_CLAIMED = "blocks claimed"
_ANSWERED = "lines answered"
_TOKENS = "target tokens of finished blocks"
_LEFT = "processes that found no block left"


@dataclass(frozen=True)
class ShardJob:
    """What is to be translated. made_by: all that the answers depend on beside the text, by name;
    window: lines answered together; one_line_each: whether every line has one line as its answer;
    block_bytes: None for what suits the size of the text; expected: formats that are not warned of.
    """

    source: Path
    output: Path
    made_by: dict[str, Any]
    window: int
    one_line_each: bool = True
    block_bytes: int | None = None
    expected: ExpectedFormats = PLAIN_TEXT

    @property
    def parts(self) -> Path:
        """The folder of what is finished."""
        return self.output.with_name(f"{self.output.name}.parts")

    @property
    def lock(self) -> Path:
        """Held by the first process of those that work on it."""
        return self.output.with_name(f".{self.output.name}.translating")


def require_files(source: Path | None, output: Path | None, world: World) -> tuple[Path, Path]:
    """The same two paths. Raises UsageError when one is no file: a stream can neither be shared
    among processes nor read again after a stop.
    """
    who = f"one of {world.size} processes" if world.size > 1 else "--resumable and torchrun"
    if source is None or not stat.S_ISREG(status(source).st_mode):
        raise UsageError(
            f"{source or 'stdin'}: is read only once, and {who} must read parts of it again. Write "
            "the text to a file, and name it with --input."
        )
    if output is None or not is_file_to_be(output):
        raise UsageError(
            f"{output or 'stdout'}: is no file, and {who} must join finished parts in one. Name it "
            "with --output."
        )
    return source, output


def translate_in_shards(
    job: ShardJob, answer: Answer, world: World, own: TranslationTotals | None = None
) -> TranslationTotals:
    """Translate the blocks that are not, together with the other processes; the first of them joins
    all in the end.

    own: what `answer` has translated in this process so far. The first process is given what all
    have translated now, the others nothing.

    Raises StoppedBySignal on SIGINT and SIGTERM (without a message in all but the first process),
    UsageError when the parts that are there were made otherwise, ResourceError when others work on
    the same output.
    """
    worker = _Worker(job, answer, Counters(world), own or TranslationTotals())
    if world.rank == 0:
        with exclusive(job.lock, f"{job.output}", "take another --output"):
            _lead(worker, world)
        return worker.totals
    with _plain_stop(lambda name: ""):
        worker.wait_until(lambda: worker.counters.value(_OPENED) > 0)
        worker.work(Parts.load(job.parts, job.made_by), lambda: None)
    return TranslationTotals()


def _lead(worker: "_Worker", world: World) -> None:
    job = worker.job
    real = Path(os.path.realpath(job.output))
    remove_leftovers(real.parent, [real.name])
    before = status(job.source)
    block_bytes = job.block_bytes or _block_bytes(before.st_size, world)
    parts = Parts.open(job.parts, survey(job.source, block_bytes, job.expected), job.made_by)
    try:
        _translate_and_join(worker, world, parts, before)
    except BaseException:
        if world.size == 1:  # others may still be writing theirs
            parts.remove_if_empty()
        raise
    parts.remove()


def _translate_and_join(
    worker: "_Worker", world: World, parts: Parts, before: os.stat_result
) -> None:
    job = worker.job
    finished = sum(block.lines for block in parts.finished())
    if finished:
        say(f"{job.parts}: {finished} of {parts.text.lines} lines are translated; going on")
    worker.counters.add(_OPENED, 1)
    with (
        _plain_stop(lambda name: _farewell(name, parts)),
        progress("translate", parts.text.lines, "lines", finished, by_time=True) as bar,
    ):

        def show() -> None:
            bar.advance(finished + worker.counters.value(_ANSWERED) - bar.done)

        worker.work(parts, show)
        worker.wait_until(lambda: worker.counters.value(_LEFT) == world.size, show)
        _refuse_a_changed_text(job.source, before)
        with writer(job.output) as write:
            parts.join(write, job.one_line_each)


class _Worker:
    """One process at work."""

    def __init__(
        self, job: ShardJob, answer: Answer, counters: Counters, own: TranslationTotals
    ) -> None:
        self.job = job
        self.counters = counters
        self._answer = answer
        self._own = own

    @property
    def totals(self) -> TranslationTotals:
        """What all processes have translated, as far as their blocks are finished."""
        return TranslationTotals(self.counters.value(_ANSWERED), self.counters.value(_TOKENS))

    def work(self, parts: Parts, show: Callable[[], None]) -> None:
        """Claim and answer blocks until none is left."""
        with opened(self.job.source) as text:
            for number in self._claims(parts):
                block = parts.text.blocks[number]
                lines = read_block(text, block, str(self.job.source))
                tokens_before = self._own.target_tokens
                with parts.writer(number) as write:
                    windows = self._counted(in_windows(lines, self.job.window), show)
                    answered = self._answer(windows, write, block.lines_before)
                    if answered != block.lines:
                        raise AssertionError(f"{block.lines} lines in, {answered} answered")
                self.counters.add(_TOKENS, self._own.target_tokens - tokens_before)
        self.counters.add(_LEFT, 1)

    def wait_until(self, over: Callable[[], bool], show: Callable[[], None] = lambda: None) -> None:
        """Look again and again, so that a signal finds us awake: a barrier would not hear it."""
        while not over():
            show()
            time.sleep(_SECONDS_BETWEEN_LOOKS)

    def _claims(self, parts: Parts) -> Iterator[int]:
        """The blocks that fall to this process, in order, one by one as it asks for them."""
        while (number := self.counters.add(_CLAIMED, 1) - 1) < len(parts.text.blocks):
            if not parts.has(number):
                yield number

    def _counted(
        self, windows: Iterable[list[bytes]], show: Callable[[], None]
    ) -> Iterator[list[bytes]]:
        """The same windows, each counted once it is answered."""
        for window in windows:
            yield window
            self.counters.add(_ANSWERED, len(window))
            show()


@contextmanager
def _plain_stop(farewell: Callable[[str], str]) -> Iterator[None]:
    """A signal in the block as StoppedBySignal, with what `farewell` says when given its name."""
    try:
        with signals_raised():
            yield
    except Signalled as signal:
        raise StoppedBySignal(farewell(signal.name), signal.number) from None


def _farewell(name: str, parts: Parts) -> str:
    finished = sum(block.lines for block in parts.finished())
    if not finished:
        return f"stopped by {name}, before any part was finished."
    return (
        f"stopped by {name}. {finished} of {parts.text.lines} lines are translated, in "
        f"{parts.path}: the same command goes on from there."
    )


def _block_bytes(size: int, world: World) -> int:
    """Several blocks for each process, so that all end at about the same time."""
    return min(_BLOCK_BYTES, max(_LEAST_BLOCK_BYTES, size // (_BLOCKS_EACH * world.size)))


def _refuse_a_changed_text(source: Path, before: os.stat_result) -> None:
    after = status(source)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise DataError(
            f"{source}: was written to while it was translated. Start the same command again: it "
            "goes on if the text is still the same."
        )

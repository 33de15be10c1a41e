"""Translation of a long text by any number of processes, which may stop at any point.

The text is cut into blocks. Each process claims one block after the other, from a shared counter.
It writes the answers as a part, which is complete or absent. At the end, the parts are joined. The
same command, with any number of processes, resumes with the blocks that have no part.
"""

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nmt.console import progress, say
from nmt.errors import DataError, StoppedBySignal, UsageError
from nmt.runtime.atomic_files import remove_leftovers
from nmt.runtime.distributed import Counters, World
from nmt.runtime.lock import hold_lock
from nmt.runtime.process import SignalReceived, raise_signals
from nmt.text.lines import PLAIN_TEXT, ExpectedFormats, file_status
from nmt.translation.line_stream import Write, is_file_to_be, writer
from nmt.translation.shard_store import ShardStore, in_windows, opened, read_block, survey_text
from nmt.translation.stream_progress import TranslationTotals

Answer = Callable[[Iterable[list[bytes]], Write, int], int]
"""Function that writes the answers to windows of lines, and returns the number of lines.

Its last argument is the number of lines of the input before them.
"""

_SECONDS_BETWEEN_LOOKS = 0.1
_BLOCK_BYTES = 1 << 18  # some thousands of lines: well under a minute on a CPU
_LEAST_BLOCK_BYTES = 1 << 14
_BLOCKS_EACH = 8

# The names of the shared counters.
_OPENED = "folders of parts that are open"
_CLAIMED = "blocks claimed"
_ANSWERED = "lines answered"
_TOKENS = "target tokens of finished blocks"
_LEFT = "processes that found no block left"


@dataclass(frozen=True)
class ShardJob:
    """Text to translate, and the output.

    Attributes:
        source: The file of the text.
        output: The file of the translations.
        made_by: The provenance: all that the answers depend on besides the text, by name.
        window: The number of lines that are answered together.
        one_line_each: Whether the answer to every line is one line.
        block_bytes: The minimum size of a block. None: by the size of the text.
        expected: The formats that cause no warning besides plain text.
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
        """The folder of finished parts."""
        return self.output.with_name(f"{self.output.name}.parts")

    @property
    def lock(self) -> Path:
        """The lock file, which rank zero holds during the work."""
        return self.output.with_name(f".{self.output.name}.translating")


def require_files(source: Path | None, output: Path | None, world: World) -> tuple[Path, Path]:
    """Return the same two paths, which must be files.

    A stream can neither be shared among processes nor read again after a stop.

    Args:
        source: The input; None: stdin.
        output: The output; None: stdout.
        world: The processes of the job.

    Raises:
        UsageError: One of them is no file.
    """
    who = f"the {world.size} processes" if world.size > 1 else "--resumable and torchrun"
    if source is None or not stat.S_ISREG(file_status(source).st_mode):
        raise UsageError(
            f"{source or 'stdin'}: can be read only once, but {who} re-read parts of it. Write "
            "the text to a file and give it with --input."
        )
    if output is None or not is_file_to_be(output):
        raise UsageError(
            f"{output or 'stdout'}: is not a file, but {who} join finished parts in a file. Give "
            "one with --output."
        )
    return source, output


def translate_in_shards(
    job: ShardJob, answer: Answer, world: World, own: TranslationTotals | None = None
) -> TranslationTotals:
    """Translate the blocks without a part, together with the other processes.

    Rank zero joins all parts at the end.

    Args:
        job: The text and the output.
        answer: Writes the answers to lines.
        world: The processes of the job.
        own: The totals of this process, which `answer` updates.

    Returns:
        On rank zero, the totals of all processes in this job. On other ranks, empty totals.

    Raises:
        StoppedBySignal: SIGINT or SIGTERM arrived. Only rank zero gives a message.
        UsageError: The parts in the folder have another text or provenance.
        ResourceError: Another job works on the same output.
        DataError: The text has changed, or a part is damaged.
    """
    worker = _Worker(job, answer, Counters(world), own or TranslationTotals())
    if world.rank == 0:
        with hold_lock(job.lock, f"{job.output}", "choose another --output"):
            _run_rank_zero(worker, world)
        return worker.totals
    with _plain_stop(lambda name: ""):
        worker.wait_until(lambda: worker.counters.value(_OPENED) > 0)
        worker.work(ShardStore.load(job.parts, job.made_by), lambda: None)
    return TranslationTotals()


def _run_rank_zero(worker: "_Worker", world: World) -> None:
    job = worker.job
    real = Path(os.path.realpath(job.output))
    remove_leftovers(real.parent, [real.name])
    before = file_status(job.source)
    block_bytes = job.block_bytes or _block_bytes(before.st_size, world)
    parts = ShardStore.open(
        job.parts, survey_text(job.source, block_bytes, job.expected), job.made_by
    )
    try:
        _translate_and_join(worker, world, parts, before)
    except BaseException:
        if world.size == 1:  # others may still write parts
            parts.remove_if_empty()
        raise
    parts.remove()


def _translate_and_join(
    worker: "_Worker", world: World, parts: ShardStore, before: os.stat_result
) -> None:
    job = worker.job
    finished = sum(block.lines for block in parts.finished())
    if finished:
        say(f"{job.parts}: {finished} of {parts.text.lines} lines are translated; resuming")
    worker.counters.add(_OPENED, 1)
    with (
        _plain_stop(lambda name: _stop_message(name, parts)),
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
    """Process that claims and answers blocks."""

    def __init__(
        self, job: ShardJob, answer: Answer, counters: Counters, own: TranslationTotals
    ) -> None:
        self.job = job
        self.counters = counters
        self._answer = answer
        self._own = own

    @property
    def totals(self) -> TranslationTotals:
        """Totals of all processes. Target tokens are counted once their block is finished."""
        return TranslationTotals(self.counters.value(_ANSWERED), self.counters.value(_TOKENS))

    def work(self, parts: ShardStore, show: Callable[[], None]) -> None:
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
        """Poll until `over` returns true. A signal interrupts this, but not a barrier."""
        while not over():
            show()
            time.sleep(_SECONDS_BETWEEN_LOOKS)

    def _claims(self, parts: ShardStore) -> Iterator[int]:
        """Yield the blocks that this process claims, in order, each when it is requested."""
        while (number := self.counters.add(_CLAIMED, 1) - 1) < len(parts.text.blocks):
            if not parts.has(number):
                yield number

    def _counted(
        self, windows: Iterable[list[bytes]], show: Callable[[], None]
    ) -> Iterator[list[bytes]]:
        """Yield the same windows, each counted once it is answered."""
        for window in windows:
            yield window
            self.counters.add(_ANSWERED, len(window))
            show()


@contextmanager
def _plain_stop(farewell: Callable[[str], str]) -> Iterator[None]:
    """Raise StoppedBySignal for a signal in the block.

    Args:
        farewell: Returns the message for the name of the signal.
    """
    try:
        with raise_signals():
            yield
    except SignalReceived as signal:
        raise StoppedBySignal(farewell(signal.name), signal.number) from None


def _stop_message(name: str, parts: ShardStore) -> str:
    finished = sum(block.lines for block in parts.finished())
    if not finished:
        return f"stopped by {name} before any part was finished."
    return (
        f"stopped by {name}. {finished} of {parts.text.lines} lines are translated, in "
        f"{parts.path}. Run the same command to resume."
    )


def _block_bytes(size: int, world: World) -> int:
    """Return a block size that gives several blocks to each process, so that all end together."""
    return min(_BLOCK_BYTES, max(_LEAST_BLOCK_BYTES, size // (_BLOCKS_EACH * world.size)))


def _refuse_a_changed_text(source: Path, before: os.stat_result) -> None:
    after = file_status(source)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise DataError(
            f"{source}: the file changed during translation. Run the same command again; it "
            "resumes if the text is the same as before."
        )

"""The same answers as without shards, however the text is cut and whenever the work is stopped."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.errors import DataError, ResourceError, StoppedBySignal, UsageError
from nmt.runtime.distributed import World
from nmt.runtime.lock import hold_lock
from nmt.text.byte_signatures import Head
from nmt.text.format_detection import identify
from nmt.translation.line_stream import Answer, Line, answer, windows
from nmt.translation.sharding import ShardJob, require_files, translate_in_shards

ALONE = World()
CONTENT = b"".join(b"line %d\n" % number for number in range(20)) + b"the last has no end"


def make_job(folder: Path, content: bytes = CONTENT, block_bytes: int = 30) -> ShardJob:
    source = folder / "in.txt"
    source.write_bytes(content)
    return ShardJob(source, folder / "out.txt", {"model": "m"}, 2, block_bytes=block_bytes)


class Shouter:
    """Answers in capitals, each with the number of its line; notes which texts it was given."""

    def __init__(self, interruption: Callable[[], None] = lambda: None, at: str = "") -> None:
        self.seen: list[str] = []
        self._interrupt = interruption
        self._at = at

    def __call__(self, line_windows, write, lines_before):
        def translate(lines: list[Line]) -> list[Answer]:
            answers = []
            for line in lines:
                if line.text == self._at:
                    self._interrupt()
                self.seen.append(line.text)
                answers.append(Answer([f"{line.number - 1} {line.text.upper()}"]))
            return answers

        return answer(line_windows, translate, write, "in.txt", lines_before=lines_before)


def in_one_go(content: bytes) -> str:
    parts, written = iter([content]), []
    Shouter()(windows(lambda size: next(parts, b""), 3), written.append, 0)
    return "".join(written)


TEXTS = st.binary(max_size=200) | st.text("ab\n\r\ufeff\u2028", max_size=80).map(str.encode)


def is_plain(content: bytes) -> bool:
    """Whether its first bytes are not those of a file of another kind."""
    return all(identify(Head(content, whole)) is None for whole in (True, False))


@settings(max_examples=40)  # each writes and flushes many files
@given(
    content=TEXTS.filter(is_plain),
    block_bytes=st.integers(1, 60),
)
def test_like_without_shards(tmp_path_factory, content, block_bytes):
    job = make_job(tmp_path_factory.mktemp("job"), content, block_bytes)
    translate_in_shards(job, Shouter(), ALONE)
    assert job.output.read_bytes().decode() == in_one_go(content)
    assert sorted(path.name for path in job.output.parent.iterdir()) == ["in.txt", "out.txt"]


def stop(number: int) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


def test_a_signal_before_the_first_block_is_finished_leaves_nothing(tmp_path):
    job = make_job(tmp_path)
    with pytest.raises(StoppedBySignal, match="by SIGTERM before any part was finished"):
        translate_in_shards(job, Shouter(stop(signal.SIGTERM), at="line 1"), ALONE)
    assert [path.name for path in tmp_path.iterdir()] == ["in.txt"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_loses_no_finished_block(tmp_path, number, code):
    job = make_job(tmp_path)
    before = signal.getsignal(number)
    first = Shouter(stop(number), at="line 13")
    with pytest.raises(StoppedBySignal, match="10 of 21 lines are translated") as caught:
        translate_in_shards(job, first, ALONE)
    assert caught.value.exit_code == code
    assert signal.getsignal(number) is before
    assert not job.output.exists()
    second = Shouter()
    translate_in_shards(replace(job, block_bytes=1), second, ALONE)
    assert first.seen[:10] + second.seen == CONTENT.decode().split("\n")
    assert job.output.read_text() == in_one_go(CONTENT)


def test_only_what_changes_the_answers_must_stay(tmp_path):
    job = make_job(tmp_path)
    with pytest.raises(StoppedBySignal):
        translate_in_shards(job, Shouter(stop(signal.SIGTERM), at="line 13"), ALONE)
    with pytest.raises(UsageError, match="model was m, now other"):
        translate_in_shards(replace(job, made_by={"model": "other"}), Shouter(), ALONE)
    job.source.write_bytes(CONTENT + b"!")
    with pytest.raises(UsageError, match="the text was 21 lines"):
        translate_in_shards(job, Shouter(), ALONE)
    job.source.write_bytes(CONTENT)
    translate_in_shards(replace(job, window=7), Shouter(), ALONE)
    assert job.output.read_text() == in_one_go(CONTENT)


def test_a_text_that_changes_meanwhile_is_noticed(tmp_path):
    job = make_job(tmp_path)

    def write_to_it() -> None:
        job.source.write_bytes(CONTENT.replace(b"line", b"LINE"))
        os.utime(job.source, ns=(0, 0))

    with pytest.raises(DataError, match="the file changed during translation"):
        translate_in_shards(job, Shouter(write_to_it, at="line 13"), ALONE)
    assert not job.output.exists()
    with pytest.raises(UsageError, match="the text was"):
        translate_in_shards(job, Shouter(), ALONE)


def test_one_job_for_each_output(tmp_path):
    job = make_job(tmp_path)
    with (
        hold_lock(job.lock, "it"),
        pytest.raises(ResourceError, match=r"is using .*out\.txt.*choose another --output"),
    ):
        translate_in_shards(job, Shouter(), ALONE)


def test_what_a_killed_join_left_goes(tmp_path):
    job = make_job(tmp_path)
    (tmp_path / ".tmp-out.txt-abcdefgh").write_bytes(b"half")
    translate_in_shards(job, Shouter(), ALONE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.txt", "out.txt"]


def test_an_answer_too_few_is_noticed(tmp_path):
    job = make_job(tmp_path)
    with pytest.raises(AssertionError, match="5 lines in, 3 answered"):
        translate_in_shards(job, lambda line_windows, write, before: len(list(line_windows)), ALONE)
    assert not job.parts.exists()


def test_streams_are_refused(tmp_path):
    source, pipe = tmp_path / "in.txt", tmp_path / "pipe"
    source.write_bytes(b"")
    os.mkfifo(pipe)
    assert require_files(source, tmp_path / "out", ALONE) == (source, tmp_path / "out")
    with pytest.raises(UsageError, match="stdin: can be read only once, but the 2 processes"):
        require_files(None, tmp_path / "out", World(size=2))
    with pytest.raises(UsageError, match="pipe: can be read only once, but --resumable"):
        require_files(pipe, tmp_path / "out", ALONE)
    with pytest.raises(DataError, match="no such file"):
        require_files(tmp_path / "missing", tmp_path / "out", ALONE)
    for stream in (None, pipe, Path("/dev/stdout"), Path("/dev/null")):
        with pytest.raises(UsageError, match="is not a file, but --resumable and"):
            require_files(source, stream, ALONE)

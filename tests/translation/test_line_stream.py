import io
import queue

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.errors import DataError
from nmt.translation.line_stream import Answer, Line, LineWarnings, answer, windows


def blocks(*parts: bytes):
    """A read that gives these parts, then the end."""
    waiting = iter(parts)
    return lambda size: next(waiting, b"")


def echo(lines: list[Line]) -> list[Answer]:
    return [Answer([line.text], f"{line.number} {line.valid}") for line in lines]


@given(
    content=st.binary(max_size=200) | st.text("ab\n\r\0\u2028\x85", max_size=60).map(str.encode),
    cut=st.integers(1, 9),
    size=st.integers(1, 9),
)
def test_no_line_is_lost_or_made(content, cut, size):
    parts = [content[i : i + cut] for i in range(0, len(content), cut)]
    made = list(windows(blocks(*parts), size))
    assert all(1 <= len(window) <= size for window in made)
    lines = [line for window in made for line in window]
    expected = content.split(b"\n")
    assert lines == (expected[:-1] if expected[-1] == b"" else expected)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 9, 4096, 65536, 70000])
def test_sizes_around_the_buffers(count):
    read = io.BytesIO(b"\n" * count).read
    assert sum(map(len, windows(read, 3))) == count


def test_a_slow_producer_is_answered_line_by_line():
    pipe: queue.Queue[bytes] = queue.Queue()
    written: list[str] = []
    pipe.put(b"one\n")

    def write(text: str) -> None:
        written.append(text)
        pipe.put(b"two\n" if len(written) == 1 else b"")

    answer(windows(lambda size: pipe.get(timeout=30), 100), echo, write, "pipe")
    assert written == ["one\n", "two\n"]


def test_what_is_there_is_taken_together():
    lines = b"".join(b"%d\n" % i for i in range(10))
    assert [len(window) for window in windows(blocks(lines), 4)] == [4, 4, 2]


def test_errors_of_the_reader_are_raised():
    def read(size: int) -> bytes:
        raise DataError("the disk is gone")

    with pytest.raises(DataError, match="gone"):
        list(windows(read, 4))


def test_text_of_lines(capsys):
    written: list[str] = []
    content = b"\xef\xbb\xbfone\r\n\n \xe9t\xe9\n\0\xe2\x80\xa8x\nlast"
    count = answer(windows(blocks(content), 10), echo, written.append, "in.txt")
    assert count == 5
    assert "".join(written) == "one\n\n \ufffdt\ufffd\n\0\u2028x\nlast\n"
    told = capsys.readouterr().err
    assert told == "warning: in.txt: line 3: not valid UTF-8 (byte 0xE9), replaced by U+FFFD\n"


def test_lines_in_the_middle_of_an_input(capsys):
    """Their numbers go on, what begins them is no byte-order mark, their warnings are the caller's
    to summarise.
    """
    written: list[str] = []
    bad = LineWarnings("in.txt", "were not valid UTF-8", count=4)
    content = b"\xef\xbb\xbfone\n\xff\n\xff\n"
    read = windows(blocks(content), 10)
    assert answer(read, echo, written.append, "in.txt", lines_before=10, bad_lines=bad) == 3
    assert "".join(written) == "\ufeffone\n\ufffd\n\ufffd\n"
    told = capsys.readouterr().err
    assert told == "warning: in.txt: line 12: not valid UTF-8 (byte 0xFF), replaced by U+FFFD\n"
    assert bad.count == 6


def test_many_bad_lines_are_counted(capsys):
    answer(windows(blocks(b"\xff\n" * 20), 7), echo, lambda text: None, "stdin")
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 6
    assert told[-1] == "warning: stdin: 20 lines were not valid UTF-8"


def test_strict_names_the_line():
    with pytest.raises(DataError, match=r"stdin: line 2: not valid UTF-8 \(byte 0xFF\)"):
        answer(windows(blocks(b"a\n\xff\n"), 10), echo, lambda text: None, "stdin", strict=True)


@pytest.mark.parametrize(
    "answers",
    [
        [],
        [Answer(["a"], "ok")] * 2,
        [Answer([], "ok")],
        [Answer(["a\nb"], "ok")],
        [Answer(["a"])],
        [Answer(["a"], "o\nk")],
    ],
)
def test_a_broken_translator_is_noticed(answers):
    with pytest.raises(AssertionError):
        answer(
            windows(blocks(b"a\n"), 10),
            lambda lines: answers,
            lambda text: None,
            "stdin",
            write_report=lambda text: None,
        )


@given(content=st.binary(max_size=60) | st.text("a\n\r\ufffd", max_size=30).map(str.encode))
def test_one_report_for_each_line(content):
    output: list[str] = []
    reports: list[str] = []
    count = answer(
        windows(blocks(content), 3), echo, output.append, "stdin", write_report=reports.append
    )
    expected = content.removesuffix(b"\n").split(b"\n") if content else []
    assert count == len(expected)
    assert "".join(output).count("\n") == count
    assert "".join(reports) == "".join(
        f"{number} {is_utf8(line)}\n" for number, line in enumerate(expected, start=1)
    )


def is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_very_long_lines_are_not_held_together():
    """Whatever came in the meantime, a window ends at 4 MiB and the block that goes beyond."""
    line = b"x" * 60_000 + b"\n"
    made = list(windows(blocks(*[line] * 500), 1000))
    assert sum(map(len, made)) == 500
    assert max(sum(map(len, window)) for window in made) <= (1 << 22) + len(line)

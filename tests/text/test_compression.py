import bz2
import gzip
import io
import lzma
import os
import sys
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.errors import DataError
from nmt.text.compression import open_compressed_writer, open_content, open_file

CONTENT = b"".join(b"line %d of the text\n" % number for number in range(1, 2001))


def zstd(data: bytes) -> bytes:
    return pytest.importorskip("zstandard").ZstdCompressor().compress(data)


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "xz": lzma.compress,
    "lzma": lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE),
    "bzip2": bz2.compress,
    "zstd": zstd,
}
kinds = pytest.mark.parametrize("kind", COMPRESS)


def content_of(data: bytes, name: str = "a file") -> bytes:
    return open_content(io.BufferedReader(io.BytesIO(data)), name).stream.read()


class Slow(io.RawIOBase):
    """A pipe that gives a byte at a time."""

    def __init__(self, data: bytes) -> None:
        self.data, self.given = data, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        data = self.data[self.given : self.given + 1]
        buffer[: len(data)] = data
        self.given += len(data)
        return len(data)


@kinds
@pytest.mark.parametrize("cut", [0, 1, 777, len(CONTENT)])
def test_members_one_after_the_other(kind, cut):
    packed = COMPRESS[kind](CONTENT[:cut]) + COMPRESS[kind](CONTENT[cut:])
    assert content_of(packed) == CONTENT


@kinds
def test_zeros_between_and_after_members(kind):
    packed = COMPRESS[kind](b"one\n") + bytes(4) + COMPRESS[kind](b"two\n") + bytes(400_000)
    assert content_of(packed) == b"one\ntwo\n"


@kinds
def test_nothing_in_a_compressed_file(kind):
    assert content_of(COMPRESS[kind](b"")) == b""


@kinds
def test_a_slow_pipe(kind):
    stream = open_content(io.BufferedReader(Slow(COMPRESS[kind](b"one\ntwo\n"))), "stdin").stream
    assert list(stream) == [b"one\n", b"two\n"]


@pytest.mark.parametrize("text", [b"", b"(", b"(\n", b"BZ", b"B\n", b"\xfd7", b"one\n", b"\x1f"])
def test_a_slow_pipe_of_text(text):
    assert open_content(io.BufferedReader(Slow(text)), "stdin").stream.read() == text


def test_text_of_a_pipe_is_not_waited_for():
    """Somebody types a line and wants its answer before the next."""
    pipe = Slow(b"one\ntwo\n")
    stream = open_content(io.BufferedReader(pipe), "stdin").stream
    assert stream.read1(100) == b"o"
    assert pipe.given == 1


@kinds
@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_a_file_that_is_cut_off(kind, part, tmp_path):
    content = CONTENT + os.urandom(50_000).replace(b"\n", b"")  # so that the half is some text
    packed = COMPRESS[kind](content)
    path = tmp_path / "corpus.en"
    path.write_bytes(packed[: int(part * len(packed))])
    found: list[bytes] = []
    with open_file(path) as file, pytest.raises(DataError) as caught:
        found.extend(open_content(file, str(path)).stream)
    complete = [line for line in found if line.endswith(b"\n")]
    assert CONTENT.startswith(b"".join(complete))
    message = f"{path}: damaged {kind} file: cut off at line "
    assert caught.value.message.startswith(message)
    number = int(caught.value.message.removeprefix(message).split(".")[0])
    assert number >= len(complete) + 1
    assert content.count(b"\n") + 1 >= number


@kinds
@pytest.mark.parametrize("kept", range(1, 12))
def test_a_file_of_its_first_bytes(kind, kept):
    packed = COMPRESS[kind](b"one\n")[:kept]
    try:
        assert content_of(packed) == packed  # not known from plain text yet
        assert kept < 10
    except DataError as error:
        assert "cut off at line 1." in error.message


@kinds
def test_other_bytes_behind_a_member_are_damage(kind):
    with pytest.raises(DataError, match=rf"a file: damaged {kind} file: .* line 3"):
        content_of(COMPRESS[kind](b"one\ntwo\n") + b"three\nfour\n" * 30)


@pytest.mark.parametrize("kind", ["gzip", "xz", "bzip2"])
def test_a_changed_byte_is_damage(kind):
    packed = bytearray(COMPRESS[kind](os.urandom(5000)))
    packed[len(packed) // 2] ^= 0xFF
    with pytest.raises(DataError, match=f"damaged {kind} file"):
        content_of(bytes(packed))


@kinds
def test_compressed_twice(kind):
    content = open_content(
        io.BufferedReader(io.BytesIO(gzip.compress(COMPRESS[kind](CONTENT)))), "x"
    )
    assert [each.name for each in content.compressions] == ["gzip", kind]
    assert content.stream.read() == CONTENT


def test_compressed_again_and_again():
    data = b"text\n"
    for _ in range(4):
        data = gzip.compress(data)
    with pytest.raises(DataError, match="x: is compressed more than 3 times"):
        content_of(data, "x")


def test_an_archive_within_a_compressed_file_is_refused_by_name():
    packed = gzip.compress(b"corpus.en".ljust(257, b"\0") + b"ustar\0" + bytes(300))
    with pytest.raises(DataError, match=r"x\.tgz: is a tar archive\. .*tar -xf x\.tgz"):
        content_of(packed, "x.tgz")


@kinds
@settings(max_examples=20)
@given(reads=st.lists(st.tuples(st.integers(0, len(CONTENT) + 9), st.integers(0, 500)), max_size=5))
def test_any_place_can_be_read(kind, reads):
    stream = open_content(io.BufferedReader(io.BytesIO(COMPRESS[kind](CONTENT))), "x").stream
    for place, size in reads:
        stream.seek(place)
        assert stream.read(size) == CONTENT[place : place + size]


def test_a_file_is_read_from_where_it_is(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"first\n" + gzip.compress(b"one\n"))
    with open_file(path) as file:
        file.readline()
        stream = open_content(file, "text").stream
        assert stream.read() == b"one\n"
        stream.seek(0)
        assert stream.read() == b"one\n"


@pytest.mark.parametrize("kind", ["gzip", "xz", "bzip2", "zstd"])
def test_little_memory_for_much_text(kind):
    """30 MB of the same line take some kilobytes when packed."""
    packed = COMPRESS[kind]((b"a" * 9_999 + b"\n") * 3_000)
    tracemalloc.start()
    stream = open_content(io.BufferedReader(io.BytesIO(packed)), "x").stream
    while stream.read(1 << 20):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 14_000_000  # of which xz's dictionary has 8


def test_zstd_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(DataError, match=r"x\.zst: zstd files need .* `pip install zstandard`"):
        content_of(b"\x28\xb5\x2f\xfd" + bytes(20), "x.zst")
    with pytest.raises(DataError, match=r"pip install zstandard"):
        open_compressed_writer(io.BytesIO(), "x.zst")


@pytest.mark.parametrize("name", ["a.gz", "a.xz", "a.lzma", "a.bz2", "a.zst", "a.txt"])
def test_what_is_packed_comes_back(name, tmp_path):
    if name == "a.zst":
        pytest.importorskip("zstandard")
    written = []
    for _ in range(2):
        with (tmp_path / name).open("wb") as file, open_compressed_writer(file, name) as sink:
            sink.write(b"one\n")
            sink.write(b"two\n")
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]
    assert (written[0] == b"one\ntwo\n") == (name == "a.txt")
    assert content_of(written[0]) == b"one\ntwo\n"


def test_a_named_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    thread = threading.Thread(target=lambda: Path(pipe).write_bytes(lzma.compress(CONTENT)))
    thread.start()
    with open_file(pipe) as file:
        assert open_content(file, str(pipe)).stream.read() == CONTENT
    thread.join()

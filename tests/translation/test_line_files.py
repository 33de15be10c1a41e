import gzip
import os
import threading
from pathlib import Path

import pytest

from nmt.errors import DataError, OutputClosed, ResourceError
from nmt.translation.line_stream import is_file_to_be, reader, writer


def read_all(read) -> bytes:
    content = b""
    while block := read(7):
        content += block
    return content


def test_plain_and_packed_files(tmp_path):
    content = b"one\ntwo\xff\n" * 50
    (tmp_path / "a.txt").write_bytes(content)
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(content))
    (tmp_path / "packed.txt").write_bytes(gzip.compress(content[:90]) + gzip.compress(content[90:]))
    for name in ("a.txt", "a.txt.gz", "packed.txt"):
        with reader(tmp_path / name) as read:
            assert read_all(read) == content


def test_a_named_pipe(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    thread = threading.Thread(target=lambda: pipe.write_bytes(b"one\n"))
    thread.start()
    with reader(pipe) as read:
        assert read_all(read) == b"one\n"
    thread.join()


def test_bad_files(tmp_path):
    with (
        pytest.raises(DataError, match=r"no\.txt: no such file"),
        reader(tmp_path / "no.txt"),
    ):
        pass
    with pytest.raises(DataError, match="is a folder"), reader(tmp_path):
        pass
    damaged = tmp_path / "cut.gz"
    damaged.write_bytes(gzip.compress(os.urandom(1000).hex().encode())[:500])
    with reader(damaged) as read, pytest.raises(DataError, match="damaged gzip"):
        read_all(read)


def test_what_makes_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "new.txt")
    assert is_file_to_be(tmp_path / "new.txt")
    assert is_file_to_be(tmp_path / "link")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/null"), Path("/dev/fd/1")):
        assert not is_file_to_be(path)


def test_output_is_whole_or_absent(tmp_path):
    path = tmp_path / "out.txt"
    with writer(path) as write:
        write("é\n")
        assert not path.exists()
        write("b\n")
    assert path.read_bytes() == "é\nb\n".encode()
    with pytest.raises(RuntimeError), writer(path) as write:
        write("half")
        raise RuntimeError
    assert path.read_bytes() == "é\nb\n".encode()
    assert list(tmp_path.iterdir()) == [path]


def test_packed_output_is_the_same_each_time(tmp_path):
    for name in ("a.gz", "b.gz"):
        with writer(tmp_path / name) as write:
            write("one\n")
    assert gzip.decompress((tmp_path / "a.gz").read_bytes()) == b"one\n"
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def test_output_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError), writer(tmp_path / "file" / "out.txt") as write:
        write("one\n")
    with pytest.raises(ResourceError), writer(tmp_path) as write:
        write("one\n")


def test_a_device_is_written_to_not_replaced():
    with writer(Path(os.devnull)) as write:
        write("one\n")
    assert not Path(os.devnull).is_file()


def test_a_symbolic_link_stays_one(tmp_path):
    (tmp_path / "folder").mkdir()
    real, link = tmp_path / "folder" / "real.txt", tmp_path / "link.txt"
    link.symlink_to(real)
    for text in ("one\n", "two\n"):
        with writer(link) as write:
            write(text)
        assert link.is_symlink()
        assert real.read_text() == text
    assert [path.name for path in real.parent.iterdir()] == ["real.txt"]


def test_an_open_stream_is_written_on_with(tmp_path):
    path = tmp_path / "out.txt"
    with path.open("wb", buffering=0) as file:
        file.write(b"before\n")
        with writer(Path(f"/dev/fd/{file.fileno()}")) as write:
            write("one\n")
            assert path.read_bytes() == b"before\none\n"
        file.write(b"after\n")
    assert path.read_bytes() == b"before\none\nafter\n"
    with pytest.raises(ResourceError, match="Bad file"), writer(Path("/dev/fd/987654")):
        pass


@pytest.mark.parametrize("packed", [False, True])
def test_a_named_pipe_is_written_to(tmp_path, packed):
    pipe = tmp_path / ("pipe.gz" if packed else "pipe")
    os.mkfifo(pipe)
    got: list[bytes] = []
    thread = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    thread.start()
    with writer(pipe) as write:
        write("one\n")
    thread.join()
    assert (gzip.decompress(got[0]) if packed else got[0]) == b"one\n"
    assert pipe.is_fifo()


def test_a_reader_that_goes_away_is_told_from_other_errors(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(OutputClosed), writer(pipe) as write:
        os.close(reading)
        write("one\n")
    assert pipe.is_fifo()


def test_names_that_cannot_be(tmp_path):
    name = Path("x" * 300)
    with pytest.raises(DataError, match="name too long"), reader(tmp_path / name):
        pass
    with pytest.raises(DataError, match="is not a path"), reader(Path("a\0b")):
        pass
    with pytest.raises(ResourceError, match="name too long"), writer(tmp_path / name):
        pass

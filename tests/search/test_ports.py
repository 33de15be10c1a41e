import gzip
import os
import threading
from pathlib import Path

import pytest

from nmt.errors import DataError, ResourceError
from nmt.search.ports import reader, writer


def read_all(read) -> bytes:
    content = b""
    while block := read(7):
        content += block
    return content


def test_plain_and_packed_files(tmp_path):
    content = b"one\ntwo\xff\n" * 50
    (tmp_path / "a.txt").write_bytes(content)
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(content))
    for name in ("a.txt", "a.txt.gz"):
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
    with pytest.raises(DataError, match=r"no\.txt: cannot be read"), reader(tmp_path / "no.txt"):
        pass
    damaged = tmp_path / "cut.gz"
    damaged.write_bytes(gzip.compress(os.urandom(1000))[:500])
    with reader(damaged) as read, pytest.raises(DataError, match="damaged gzip"):
        read_all(read)


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

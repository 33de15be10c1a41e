"""Folders and archives hold the same files; foreign archives are refused."""

import os
import struct
import warnings
import zipfile

import pytest

from nmt.errors import ModelError
from nmt.runtime.folder_or_archive import (
    Archive,
    Folder,
    is_archive,
    open_file_store,
    write_archive,
)

FILES = {"b.txt": b"second", "a.bin": bytes(range(256)) * 9, "empty": b""}


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    for name, content in FILES.items():
        (path / name).write_bytes(content)
    return path


@pytest.fixture
def archive(tmp_path, folder):
    path = tmp_path / "x.nmt"
    write_archive(path, [("b.txt", FILES["b.txt"]), ("a.bin", folder / "a.bin"), ("empty", b"")])
    return path


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_both_hold_the_same(request, kind):
    place = open_file_store(request.getfixturevalue(kind))
    assert isinstance(place, Folder if kind == "folder" else Archive)
    assert place.names() == ["a.bin", "b.txt", "empty"]
    assert {name: place.read(name) for name in place.names()} == FILES
    assert place.read("a.bin", 3) == b"\0\1\2"
    assert [place.size(name) for name in place.names()] == [2304, 6, 0]
    assert (place.has("empty"), place.has("none")) == (True, False)
    assert len({place.digest(name) for name in FILES}) == 3
    for ask in (place.read, place.size, place.digest):
        with pytest.raises(FileNotFoundError):
            ask("none")


def test_digests_are_alike(folder, archive):
    for name in FILES:
        assert open_file_store(folder).digest(name) == open_file_store(archive).digest(name)


def test_the_same_files_make_the_same_bytes(tmp_path, folder, archive, monkeypatch):
    os.utime(folder / "a.bin", (1, 1))
    (folder / "a.bin").chmod(0o600)
    again = tmp_path / "again.nmt"
    write_archive(again, [("b.txt", b"second"), ("a.bin", folder / "a.bin"), ("empty", b"")])
    assert again.read_bytes() == archive.read_bytes()
    with zipfile.ZipFile(again) as opened:
        assert opened.testzip() is None
        assert {member.compress_type for member in opened.infolist()} == {zipfile.ZIP_STORED}


def test_what_is_no_archive(tmp_path, folder):
    (tmp_path / "text").write_text("PK")
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "text", tmp_path / "pipe", tmp_path / "none", folder):
        assert not is_archive(path)


def zipped(path, *members, compression=zipfile.ZIP_STORED):
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", compression) as archive:
        warnings.simplefilter("ignore")  # of names given twice
        for name, content in members:
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "name", ["../out", "/etc/passwd", "a/b", "folder/", "..", "a\\b", "C:\\x", "\\\\host\\x"]
)
def test_names_lead_nowhere(tmp_path, name):
    with pytest.raises(ModelError, match=r"x\.nmt: is damaged or not a single-file model"):
        open_file_store(zipped(tmp_path / "x.nmt", ("a", b""), (name, b"x")))


def test_one_name_stands_for_one_file(tmp_path):
    with pytest.raises(ModelError, match="a duplicate name"):
        open_file_store(zipped(tmp_path / "x.nmt", ("a", b"1"), ("a", b"2")))


def test_nothing_grows_when_it_is_read(tmp_path):
    bomb = zipped(tmp_path / "x.nmt", ("a", bytes(10**6)), compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ModelError, match="'a' is compressed"):
        open_file_store(bomb)


def test_too_many_files(tmp_path):
    with pytest.raises(ModelError, match="too many files"):
        open_file_store(zipped(tmp_path / "x.nmt", *((str(i), b"") for i in range(1001))))


def test_sizes_larger_than_the_file(tmp_path, archive):
    content = bytearray(archive.read_bytes())
    at = content.index(b"PK\x01\x02")  # the first entry of the directory: sizes at 20 and 24
    struct.pack_into("<II", content, at + 20, 2**31, 2**31)
    archive.write_bytes(content)
    with pytest.raises(ModelError, match="larger than itself"):
        open_file_store(archive)


def test_members_that_lie_over_each_other(tmp_path, archive):
    """The second entry of the directory points to the first file."""
    content = bytearray(archive.read_bytes())
    second = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 4)
    struct.pack_into("<I", content, second + 42, 0)
    archive.write_bytes(content)
    with pytest.raises(ModelError):
        open_file_store(archive).read("a.bin")


def test_a_flipped_bit_is_seen(archive):
    content = bytearray(archive.read_bytes())
    content[content.index(b"second")] ^= 1
    archive.write_bytes(content)
    with pytest.raises(ModelError, match=r"x\.nmt: is damaged"):
        open_file_store(archive).read("b.txt")

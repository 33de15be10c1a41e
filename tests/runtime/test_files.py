"""Files and directories are whole or absent."""

import os

import pytest

from nmt.errors import ResourceError
from nmt.runtime.files import (
    atomic_directory,
    atomic_file,
    remove_leftovers,
    sha256,
    write_text,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "new" / "file"
    with atomic_file(path) as file:
        file.write(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert names(path.parent) == ["file"]


def test_after_an_error_the_old_file_stands(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(KeyError), atomic_file(path) as file:
        file.write(b"half")
        raise KeyError
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_a_directory_appears_whole_and_replaces_the_old_one(tmp_path):
    path = tmp_path / "folder"
    with atomic_directory(path) as new:
        (new / "sub").mkdir()
        (new / "sub" / "a").write_text("1", encoding="utf-8")
        assert not path.exists()
    with atomic_directory(path) as new:
        (new / "b").write_text("2", encoding="utf-8")
        assert names(path) == ["sub"]
    assert names(path) == ["b"]
    assert names(tmp_path) == ["folder"]


def test_after_an_error_the_old_directory_stands(tmp_path):
    path = tmp_path / "folder"
    with atomic_directory(path) as new:
        (new / "a").write_text("1", encoding="utf-8")
    with pytest.raises(KeyError), atomic_directory(path) as new:
        (new / "b").write_text("2", encoding="utf-8")
        raise KeyError
    assert names(path) == ["a"]
    assert names(tmp_path) == ["folder"]


def test_permissions_are_those_of_ordinary_files(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "file", "x")
        with atomic_directory(tmp_path / "folder"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o750


def test_a_place_that_cannot_be_written_to_is_a_resource_error(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ResourceError, match="cannot be written"):
        write_text(tmp_path / "file" / "below", "x")
    with (
        pytest.raises(ResourceError, match="cannot be written"),
        atomic_directory(tmp_path / "file" / "below"),
    ):
        pass


def test_leftovers_are_removed_and_nothing_else(tmp_path):
    (tmp_path / ".tmp-abc").mkdir()
    (tmp_path / ".tmp-abc" / "x").write_text("", encoding="utf-8")
    (tmp_path / ".tmp-def").write_text("", encoding="utf-8")
    (tmp_path / "mine").write_text("", encoding="utf-8")
    remove_leftovers(tmp_path)
    assert names(tmp_path) == ["mine"]
    remove_leftovers(tmp_path / "absent")


def test_text_is_utf8_with_bare_line_ends(tmp_path):
    write_text(tmp_path / "file", "é\n")
    assert (tmp_path / "file").read_bytes() == b"\xc3\xa9\n"


def test_sha256(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert sha256(tmp_path / "file").startswith("ba7816bf8f01cfea")

"""Files and directories are complete or absent."""

import contextlib
import errno
import itertools
import os
import sys
from pathlib import Path

import pytest

from nmt.errors import ResourceError
from nmt.runtime import atomic_files
from nmt.runtime.atomic_files import (
    append_text,
    atomic_directory,
    atomic_file,
    remove_directory,
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


def test_text_is_appended_whole_or_not_at_all(tmp_path):
    resource = pytest.importorskip("resource")
    path = tmp_path / "log"
    append_text(path, "één\n")
    append_text(path, "two\n")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (15, hard))
    try:
        with pytest.raises(ResourceError, match="log: cannot be written"):
            append_text(path, "three and four\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    append_text(path, "five\n")
    assert path.read_text(encoding="utf-8") == "één\ntwo\nfive\n"


def test_folders_on_the_way_to_a_file_are_made_durable(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr(atomic_files, "flush_directory", flushed.append)
    write_text(tmp_path / "a" / "b" / "file", "x")
    assert flushed == [tmp_path, tmp_path / "a", tmp_path / "a" / "b"]


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


def test_other_errors_of_the_block_are_not_taken_for_the_disk(tmp_path):
    for error in (BrokenPipeError(errno.EPIPE, "pipe"), FileNotFoundError(errno.ENOENT, "input")):
        with pytest.raises(type(error)), atomic_file(tmp_path / "file"):
            raise error
        with pytest.raises(type(error)), atomic_directory(tmp_path / "folder"):
            raise error
    assert names(tmp_path) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_a_full_or_failing_disk_is_a_resource_error(tmp_path, number):
    for atomic in (atomic_file, atomic_directory):
        with (
            pytest.raises(ResourceError, match="path: cannot be written"),
            atomic(tmp_path / "path"),
        ):
            raise OSError(number, os.strerror(number))
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("atomic", "made_by"), [(atomic_file, "open"), (atomic_directory, "mkdir")]
)
def test_an_interrupt_while_it_is_made_leaves_nothing(tmp_path, monkeypatch, atomic, made_by):
    make = getattr(Path, made_by)

    def interrupted(path, *options, **more):
        if path.parent == tmp_path:
            made = make(path, *options, **more)
            assert len(names(tmp_path)) == 1
            if made is not None:
                made.close()
            raise KeyboardInterrupt
        return make(path, *options, **more)

    monkeypatch.setattr(Path, made_by, interrupted)
    with pytest.raises(KeyboardInterrupt), atomic(tmp_path / "path"):
        raise AssertionError("came too far")
    assert names(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_is_full_when_the_buffer_is_written_is_a_resource_error(tmp_path, monkeypatch):
    full = os.open("/dev/full", os.O_WRONLY)
    monkeypatch.setattr(Path, "open", lambda *_: os.fdopen(os.dup(full), "wb"))
    with pytest.raises(ResourceError, match="No space left"):
        write_text(tmp_path / "file", "x")
    with pytest.raises(ResourceError, match="No space left"), atomic_file(tmp_path / "file") as f:
        f.write(b"x" * (1 << 20))
    os.close(full)


def leave_behind(folder, name):
    """What a process killed while it wrote the file `name` leaves behind, under which name."""
    before = set(names(folder))
    with contextlib.suppress(KeyError), atomic_file(folder / name):
        (leftover,) = set(names(folder)) - before
        raise KeyError
    (folder / leftover).write_bytes(b"half")
    return leftover


def test_leftovers_are_removed_and_nothing_else(tmp_path):
    file = leave_behind(tmp_path, "mine")
    (tmp_path / ".tmp-folder-0123abc_").mkdir()
    (tmp_path / ".tmp-folder-0123abc_" / "x").write_text("", encoding="utf-8")
    others = [".old-shoes", ".tmp-", ".tmp-abc", ".tmp-my-notes.txt", "mine"]
    for name in others:
        (tmp_path / name).write_text("", encoding="utf-8")
    remove_leftovers(tmp_path, {"folder"})
    assert names(tmp_path) == sorted([file, *others])
    remove_leftovers(tmp_path)
    assert names(tmp_path) == others
    remove_leftovers(tmp_path / "absent")


def test_only_leftovers_of_the_given_names_are_removed(tmp_path):
    kept = [leave_behind(tmp_path, name) for name in ("best", "data-old", "my-data")]
    leave_behind(tmp_path, "data")
    remove_leftovers(tmp_path, {"data"})
    assert names(tmp_path) == sorted(kept)


def test_a_directory_is_removed_whole(tmp_path, monkeypatch):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a").write_text("", encoding="utf-8")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(atomic_files.shutil, "rmtree", interrupt)
        remove_directory(folder)
    assert not folder.exists()
    remove_leftovers(tmp_path, {"folder"})
    assert names(tmp_path) == []


def interrupt(path):
    raise KeyboardInterrupt


def fill(folder, content):
    for name in ("a", "b", "c"):
        (folder / name).write_text(content, encoding="utf-8")


def killed_before_change(number, work):
    """Run `work` in a process that is killed before its change `number` to the disk's names.

    Gives whether it was: a number beyond the last change kills nothing.
    """
    changes = itertools.count(1)

    def kill(event, arguments):
        changing = event in ("os.rename", "os.mkdir", "os.rmdir", "os.remove")
        if changing and next(changes) == number:
            os._exit(9)

    child = os.fork()
    if child == 0:
        status = 1
        try:
            sys.addaudithook(kill)
            work()
            status = 0
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 9)
    return status == 9


def replace(path):
    with atomic_directory(path) as new:
        fill(new, "new")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_kill_at_any_instant_leaves_a_whole_directory_to_be_found(tmp_path):
    found = []
    for number in itertools.count(1):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = folder / "data"
        path.mkdir()
        fill(path, "old")
        killed = killed_before_change(number, lambda path=path: replace(path))
        # Mending may be killed in its turn, wherever it stands.
        for second in itertools.count(1):
            if not killed_before_change(second, lambda folder=folder: remove_leftovers(folder)):
                break
        assert names(folder) == ["data"]
        assert names(path) == ["a", "b", "c"]
        (content,) = {file.read_text(encoding="utf-8") for file in path.iterdir()}
        found.append(content)
        if not killed:
            break
    assert found == sorted(found, reverse=True)
    assert found.count("old") > 2 and found.count("new") > 2


def test_the_old_directory_gets_its_name_back_when_the_new_cannot_have_it(tmp_path, monkeypatch):
    path = tmp_path / "data"
    path.mkdir()
    fill(path, "old")
    original = Path.rename

    def rename(self, target):
        if self.name.startswith(".tmp-data-") and target == path:
            raise PermissionError(errno.EACCES, "no")
        return original(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(ResourceError, match="data: cannot be written: no"):
        replace(path)
    assert (path / "a").read_text(encoding="utf-8") == "old"
    assert names(tmp_path) == ["data"]


def test_of_several_directories_aside_the_newest_comes_back(tmp_path):
    for number, aside in enumerate((".old-data-aaaaaaa1", ".old-data-aaaaaaa0")):
        (tmp_path / aside / "data").mkdir(parents=True)
        fill(tmp_path / aside / "data", str(number))
        os.utime(tmp_path / aside, ns=(number, number))
    remove_leftovers(tmp_path, {"best"})
    assert len(names(tmp_path)) == 2
    remove_leftovers(tmp_path, {"data"})
    assert (tmp_path / "data" / "a").read_text(encoding="utf-8") == "1"
    assert names(tmp_path) == ["data"]


def test_text_is_utf8_with_bare_line_ends(tmp_path):
    write_text(tmp_path / "file", "é\n")
    assert (tmp_path / "file").read_bytes() == b"\xc3\xa9\n"


def test_sha256(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert sha256(tmp_path / "file").startswith("ba7816bf8f01cfea")


def test_what_stands_in_the_way_is_told(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    for place, advice in (
        (tmp_path / "file" / "new", "a parent folder of it is a file"),
        (tmp_path / "file" / "deeper" / "new", "a parent folder of it is a file"),
        (tmp_path / "folder", "it is the name of a folder"),
        (tmp_path / ("x" * 300), "a shorter name"),
    ):
        with pytest.raises(ResourceError, match=advice):
            write_text(place, "text")

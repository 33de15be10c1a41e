import errno
import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.errors import DataError
from nmt.text.lines import (
    LinePair,
    check_line_counts,
    count_lines,
    decode_line,
    read_lines,
    read_pairs,
)

_lines = st.lists(
    st.text(st.characters(exclude_characters="\n\0", exclude_categories=["Cs"])), min_size=1
)


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@given(lines=_lines, packed=st.booleans(), last_ends=st.booleans())
def test_lines_come_back_whatever_they_hold(tmp_path_factory, lines, packed, last_ends):
    lines = [line.rstrip("\r") for line in lines]
    lines[0] = lines[0].removeprefix("\ufeff")
    if not last_ends and not lines[-1]:
        lines[-1] = "x"
    content = "\n".join(lines).encode() + (b"\n" if last_ends else b"")
    path = tmp_path_factory.mktemp("text") / ("t.gz" if packed else "t")
    written(path, gzip.compress(content) if packed else content)
    assert list(read_lines(path)) == lines
    assert count_lines(path) == len(lines)


def test_only_newline_ends_a_line(tmp_path):
    text = "a\u2028b\x0bc\x0cd\x1ce\x85f\u2029g\rh\n"
    assert list(read_lines(written(tmp_path / "t", text.encode()))) == [text[:-1]]


def test_byte_order_mark_and_carriage_returns_are_removed(tmp_path):
    content = b"\xef\xbb\xbfone\r\n\xef\xbb\xbftwo\r\r\n\r\nthree"
    assert list(read_lines(written(tmp_path / "t", content))) == [
        "one",
        "\ufefftwo\r",
        "",
        "three",
    ]


def test_gzip_is_known_by_its_content_under_any_name(tmp_path):
    assert list(read_lines(written(tmp_path / "t.txt", gzip.compress(b"a\nb\n")))) == ["a", "b"]


BAD = b"good\nd\xc3\xa9j\xe0 vu\nmore\n"


def test_bad_utf8_is_an_error_with_its_place(tmp_path):
    path = written(tmp_path / "t", BAD)
    with pytest.raises(DataError) as caught:
        list(read_lines(path))
    assert caught.value.message == (
        f"{path}: line 2: not valid UTF-8 (byte 0xE0 at column 4).\n"
        "Fix the file, or set data.on_bad_utf8: skip_pair."
    )


def test_bad_utf8_is_replaced_or_given_as_none(tmp_path):
    path = written(tmp_path / "t", BAD)
    assert list(read_lines(path, "replace")) == ["good", "déj\ufffd vu", "more"]
    assert list(read_lines(path, "skip_pair")) == ["good", None, "more"]


@pytest.mark.parametrize("policy", ["error", "replace", "skip_pair"])
def test_nul_is_always_an_error(tmp_path, policy):
    path = written(tmp_path / "t", b"one\ntwo\0\n")
    with pytest.raises(DataError, match=r"t: line 2: NUL"):
        list(read_lines(path, policy))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t", b"", "is empty"),
        ("t.gz", b"", "is empty"),
        ("t.gz", gzip.compress(b"", mtime=0), "is empty"),
        ("t.gz", gzip.compress(b"some lines\n" * 1000, mtime=0)[:-20], "damaged gzip"),
        ("t.gz", gzip.compress(b"some lines\n", mtime=0)[:12] + b"\xff" * 20, "damaged gzip"),
    ],
)
def test_unfit_files_are_named(tmp_path, name, content, message):
    path = written(tmp_path / name, content)
    with pytest.raises(DataError, match=message) as caught:
        list(read_lines(path))
    assert str(path) in caught.value.message


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        list(read_lines(tmp_path / "absent"))
    with pytest.raises(DataError, match="is a folder"):
        list(read_lines(tmp_path))


def test_pairs_are_numbered_over_all_files(tmp_path):
    files = {
        name: written(tmp_path / name, text)
        for name, text in {"a1": b"a\nb\n", "a2": b"c\n", "b1": b"A\nB\n", "b2": b"C"}.items()
    }
    pairs = list(read_pairs([files["a1"], files["a2"]], [files["b1"], files["b2"]]))
    assert pairs == [LinePair(1, "a", "A"), LinePair(2, "b", "B"), LinePair(3, "c", "C")]


def test_files_must_match_one_by_one_and_not_only_in_sum(tmp_path):
    two, one = written(tmp_path / "two", b"a\nb\n"), written(tmp_path / "one", b"a\n")
    with pytest.raises(DataError, match=r"two has 2 lines, .*one 1;"):
        list(read_pairs([two, one], [one, two]))


def test_different_line_counts_name_the_first_suspect(tmp_path):
    source = [f"line {number:02} of some words" for number in range(50)]
    target = source[:20] + source[21:]
    target[30] = "x"
    a = written(tmp_path / "a", "\n".join(source).encode())
    b = written(tmp_path / "b", "\n".join(target).encode())
    with pytest.raises(DataError) as caught:
        check_line_counts([(a, 50)], [(b, 49)])
    assert f"{a} has 50 lines, {b} 49" in caught.value.message
    assert "ratio is line 31" in caught.value.message
    check_line_counts([(a, 50)], [(b, 50)])


def test_decode_line_removes_one_line_end():
    assert decode_line(b"a\r\r\n") == "a\r"
    assert decode_line(b"a") == "a"
    assert decode_line(b"\xff\n", "replace") == "\ufffd"
    with pytest.raises(UnicodeDecodeError):
        decode_line(b"\xff\n")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x" * 300, "cannot be read: File name too long"),
        ("file/t", "cannot be read: Not a directory"),
        ("a\0b", "is not a path: embedded null"),
    ],
)
def test_names_that_cannot_be_are_explained(tmp_path, name, message):
    written(tmp_path / "file", b"")
    with pytest.raises(DataError, match=message):
        list(read_lines(tmp_path / name))
    with pytest.raises(DataError, match=message):
        count_lines(tmp_path / name)


def test_a_folder_that_may_not_be_entered(tmp_path, monkeypatch):
    """Simulated: the superuser may enter any."""

    def refuse(path, **options):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(DataError, match="t: cannot be read: Permission denied"):
        count_lines(tmp_path / "t")

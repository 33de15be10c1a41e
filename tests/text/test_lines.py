import gzip

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nmt.errors import DataError
from nmt.text.lines import (
    pair_with_source,
    read_all_input_lines,
    read_corpus,
    read_input_lines,
    read_parallel,
)

BOM = b"\xef\xbb\xbf"


@given(lines=st.lists(st.text(st.characters(blacklist_characters="\n\r", codec="utf-8"))))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_every_line_comes_back(tmp_path, lines):
    path = tmp_path / "text"
    path.write_bytes((BOM if lines else b"") + "".join(f"{line}\n" for line in lines).encode())
    assert read_all_input_lines(path) == list(read_input_lines(path)) == lines
    path.write_bytes(gzip.compress("\r\n".join([*lines, "end"]).encode()))
    assert read_all_input_lines(path) == [*lines, "end"]


@pytest.mark.parametrize(
    ("content", "lines"),
    [(b"", []), (BOM, [""]), (b"\n", [""]), (BOM + b"\n", [""]), (b"a\n\nb", ["a", "", "b"])],
)
def test_blank_and_empty(tmp_path, content, lines):
    path = tmp_path / "text"
    path.write_bytes(content)
    assert read_all_input_lines(path) == lines


def test_lines_before_a_bad_one_are_given_first(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(b"fine\na \xff\n")
    lines = read_input_lines(path)
    assert next(lines) == "fine"
    with pytest.raises(DataError, match=r"text: line 2: not valid UTF-8 .* at column 3"):
        next(lines)


@given(sources=st.integers(0, 4), targets=st.integers(0, 4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pairs_need_equal_counts(tmp_path, sources, targets):
    path = tmp_path / "source"
    path.write_text("".join(f"{i}\n" for i in range(sources)))
    given_lines = [f"t{i}" for i in range(targets)]
    pairs = pair_with_source(path, given_lines, "stdin")
    for i in range(min(sources, targets)):
        assert next(pairs) == (str(i), f"t{i}")
    if sources == targets:
        assert next(pairs, None) is None
        return
    with pytest.raises(DataError, match=f"source: {sources}, stdin: {targets}\\. "):
        next(pairs)


@pytest.fixture
def file(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


def test_texts_that_belong_together(file):
    plain = file("dev.fr", "un\n\u2028\n\nquatre".encode())
    packed = file("dev.en.gz", gzip.compress(b"one\r\ntwo\nthree\nfour\n"))
    assert read_parallel([plain, packed]) == [
        ["un", "\u2028", "", "quatre"],
        ["one", "two", "three", "four"],
    ]


def test_unequal_counts_are_named(file):
    paths = [file("dev.fr", b"a\nb\n"), file("dev.en", b"a\nb\n"), file("dev2.en", b"a\n")]
    with pytest.raises(DataError, match=r"dev\.fr: 2, .*dev\.en: 2, .*dev2\.en: 1\. Line i"):
        read_parallel(paths)


def test_texts_without_lines_are_refused(file):
    with pytest.raises(DataError, match=r"dev\.fr: the file is empty"):
        read_parallel([file("dev.fr", b""), file("dev.en", b"")])


def test_a_corpus_of_several_files(file):
    sources = [file("a.fr", b"un\ndeux\n"), file("b.fr", gzip.compress(b"trois\n"))]
    targets = [file("a.en", b"one\ntwo\n"), file("b.en", b"three\n")]
    assert read_corpus(sources, targets) == (["un", "deux", "trois"], ["one", "two", "three"])
    file("b.en", b"three\nfour\n")
    with pytest.raises(DataError, match=r"b\.fr: 1, .*b\.en: 2"):
        read_corpus(sources, targets)

import gzip
import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.errors import DataError
from nmt.text.byte_signatures import Head
from nmt.text.format_detection import identify
from nmt.translation.shard_store import TextBlock, cut, in_windows, opened, read_block, survey_text


def is_read(content: bytes) -> bool:
    """Whether no format is seen in a text that is unpacked or refused."""
    found = [identify(Head(content, whole)) for whole in (True, False)]
    return all(each is None or each.treatment == "report" for each in found)


TEXTS = st.binary(max_size=200) | st.text("ab\n\r\0\u2028\x85", max_size=80).map(str.encode)
PLAIN_TEXTS = TEXTS.filter(is_read)


def lines_of(content: bytes) -> list[bytes]:
    lines = content.split(b"\n")
    return lines[:-1] if lines[-1] == b"" else lines


@given(content=TEXTS, block_bytes=st.integers(1, 50))
def test_runs_are_the_text_cut_at_ends_of_lines(content, block_bytes):
    runs = list(cut(io.BufferedReader(io.BytesIO(content)), block_bytes))
    assert b"".join(runs) == content
    for run in runs[:-1]:
        assert run.endswith(b"\n")
        assert len(run) >= block_bytes
    for run in runs:
        assert len(lines_of(run)[0]) == len(run) or b"\n" not in run[block_bytes - 1 : -1]


@pytest.mark.parametrize("packed", [False, True])
@given(content=PLAIN_TEXTS, block_bytes=st.integers(1, 50))
def test_blocks_give_every_line_once(tmp_path_factory, packed, content, block_bytes):
    path = tmp_path_factory.mktemp("blocks") / "in.txt"
    path.write_bytes(gzip.compress(content) if packed else content)
    found = survey_text(path, block_bytes)
    expected = lines_of(content)
    assert found.lines == len(expected)
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    lines: list[bytes] = []
    with opened(path) as text:
        for block in found.blocks:
            assert block.lines_before == len(lines)
            lines += read_block(text, block, "in.txt")
    assert lines == expected


def test_any_block_can_be_read_first(tmp_path):
    path = tmp_path / "in.txt.gz"
    path.write_bytes(gzip.compress(b"one\n\ntwo\nthree"))
    blocks = survey_text(path, 3).blocks
    with opened(path) as text:
        read = [read_block(text, block, "in.txt.gz") for block in reversed(blocks)]
    assert read == [[b"three"], [b"", b"two"], [b"one"]]


def test_blocks_do_not_depend_on_how_the_text_is_packed(tmp_path):
    content = b"".join(b"line %d\n" % number for number in range(1000))
    plain, packed = tmp_path / "in.txt", tmp_path / "in.txt.gz"
    plain.write_bytes(content)
    packed.write_bytes(gzip.compress(content[:3000]) + gzip.compress(content[3000:]))
    assert survey_text(plain, 100) == survey_text(packed, 100)


@pytest.mark.parametrize("changed", [b"one\n", b"one\ntwo", b"one\nt\no\n"])
def test_a_text_that_has_changed_is_noticed(tmp_path, changed):
    path = tmp_path / "in.txt"
    path.write_bytes(changed)
    with opened(path) as text, pytest.raises(DataError, match=r"in\.txt: the file changed"):
        read_block(text, TextBlock(0, 8, 0, 2), "in.txt")


def test_what_cannot_be_read_is_told(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        survey_text(tmp_path / "missing.txt", 10)
    damaged = tmp_path / "in.txt.gz"
    damaged.write_bytes(gzip.compress(b"line\n" * 100)[:-9])
    with pytest.raises(DataError, match="damaged gzip file"):
        survey_text(damaged, 10)


def test_windows():
    lines = [b"a", b"", b"b", b"c", b"d"]
    assert list(in_windows(lines, 2)) == [[b"a", b""], [b"b", b"c"], [b"d"]]
    assert list(in_windows([], 2)) == []

from pathlib import Path

import pytest

from nmt.errors import DataError, UsageError
from nmt.translation.shard_store import ShardStore, TextBlock, TextSurvey

TEXT = TextSurvey("f" * 64, 3, [TextBlock(0, 4, 0, 2), TextBlock(4, 6, 2, 1)])
MADE_BY = {"model": "m", "search.alpha": 0.1, "search.max_length": None}


def open_parts(tmp_path: Path) -> ShardStore:
    return ShardStore.open(tmp_path / "out.parts", TEXT, MADE_BY)


def joined(parts: ShardStore, one_line_each: bool = True) -> str:
    written: list[str] = []
    parts.join(written.append, one_line_each)
    return "".join(written)


def fill(parts: ShardStore, number: int, text: str) -> None:
    with parts.writer(number) as write:
        write(text)


def test_what_is_written_is_there_for_others(tmp_path):
    parts = open_parts(tmp_path)
    assert parts.finished() == []
    fill(parts, 1, "three\u2028\r\n")
    again = open_parts(tmp_path)
    assert again == parts == ShardStore.load(parts.path, MADE_BY)
    assert again.finished() == [TEXT.blocks[1]]
    fill(again, 0, "one\ntwo\n")
    assert joined(parts) == "one\ntwo\nthree\u2028\r\n"
    parts.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_part_is_whole_or_absent(tmp_path):
    parts = open_parts(tmp_path)
    with pytest.raises(KeyboardInterrupt), parts.writer(0) as write:
        write("one\n")
        raise KeyboardInterrupt
    assert not parts.has(0)


def test_what_a_killed_process_left_goes(tmp_path):
    parts = open_parts(tmp_path)
    fill(parts, 1, "three\n")
    half = parts.path / ".tmp-000000.part-abcdefgh"
    half.write_bytes(b"on")
    open_parts(tmp_path)
    assert not half.exists()


@pytest.mark.parametrize(
    ("text", "one_line_each", "fits"),
    [
        ("one\ntwo\n", True, True),
        ("one\n", True, False),
        ("one\n", False, False),
        ("1\n2\n3\n", True, False),
        ("1\n2\n3\n", False, True),
    ],
)
def test_lines_are_counted(tmp_path, text, one_line_each, fits):
    parts = open_parts(tmp_path)
    fill(parts, 0, text)
    fill(parts, 1, "three\n")
    if fits:
        assert joined(parts, one_line_each) == text + "three\n"
    else:
        with pytest.raises(DataError, match=r"000000\.part: has \d lines, but 2 were translated"):
            joined(parts, one_line_each)


@pytest.mark.parametrize(
    ("text", "made_by", "told"),
    [
        (TEXT, {**MADE_BY, "search.alpha": 0.2}, "search.alpha was 0.1, now 0.2"),
        (TEXT, {**MADE_BY, "search.max_length": 9}, "search.max_length was None, now 9"),
        (TEXT, {**MADE_BY, "new": True}, "new was None, now True"),
        (
            TextSurvey("e" * 64, 3, TEXT.blocks),
            MADE_BY,
            "the text was 3 lines (sha256 ffffffffffff)",
        ),
        (TextSurvey("f" * 64, 4, TEXT.blocks), MADE_BY, "now 4 lines"),
    ],
)
def test_parts_of_another_translation_are_refused(tmp_path, text, made_by, told):
    fill(open_parts(tmp_path), 0, "one\ntwo\n")
    with pytest.raises(UsageError) as caught:
        ShardStore.open(tmp_path / "out.parts", text, made_by)
    assert told in caught.value.message
    assert "remove the folder" in caught.value.message
    assert open_parts(tmp_path).has(0)


def test_blocks_stay_as_they_were_first_cut(tmp_path):
    fill(open_parts(tmp_path), 1, "three\n")
    other = TextSurvey(TEXT.sha256, TEXT.lines, [TextBlock(0, 6, 0, 3)])
    assert ShardStore.open(tmp_path / "out.parts", other, MADE_BY).text == TEXT


@pytest.mark.parametrize("manifest", [None, "{", "[]", '{"format": 1}', '{"format": 2}'])
def test_a_folder_of_somebody_elses_is_left_alone(tmp_path, manifest):
    folder = tmp_path / "out.parts"
    folder.mkdir()
    if manifest is not None:
        (folder / "manifest.json").write_text(manifest)
    with pytest.raises(UsageError, match="cannot resume from this folder"):
        open_parts(tmp_path)
    assert folder.exists()


@pytest.mark.parametrize("text", [TEXT, TextSurvey("e" * 64, TEXT.lines, TEXT.blocks)])
@pytest.mark.parametrize("made_by", [MADE_BY, {"model": "other"}])
def test_where_nothing_is_finished_anything_may_begin(tmp_path, text, made_by):
    open_parts(tmp_path)
    parts = ShardStore.open(tmp_path / "out.parts", text, made_by)
    assert ShardStore.load(parts.path, made_by) == ShardStore(parts.path, text, made_by)


DAMAGES = {
    "other bytes": lambda content: b"\xff\xfe\n" * 20,
    "changed": lambda content: content.replace(b"two", b"TWO"),
    "cut": lambda content: content[:-1],
    "a line less": lambda content: content.partition(b"\n")[2],
    "a line more": lambda content: content + b"more\n",
    "empty": lambda content: b"",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_part_is_made_again(tmp_path, capsys, damage):
    parts = open_parts(tmp_path)
    fill(parts, 0, "one\ntwo\n")
    fill(parts, 1, "three\n")
    part = parts.path / "000000.part"
    part.write_bytes(damage(part.read_bytes()))
    with pytest.raises(DataError, match=r"000000\.part: is damaged.*same command again"):
        joined(parts)
    again = open_parts(tmp_path)
    assert "000000.part: is damaged; re-translating its lines" in capsys.readouterr().err
    assert again.finished() == [TEXT.blocks[1]]
    fill(again, 0, "one\ntwo\n")
    assert joined(again) == "one\ntwo\nthree\n"


def test_a_part_that_went_is_told_of(tmp_path):
    parts = open_parts(tmp_path)
    fill(parts, 0, "one\ntwo\n")
    with pytest.raises(DataError, match=r"000001\.part: no such file"):
        joined(parts)

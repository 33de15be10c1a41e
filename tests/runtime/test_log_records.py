"""Reading a log that other processes write, interrupt, truncate or replace."""

import json

from hypothesis import given
from hypothesis import strategies as st

from nmt.runtime.log_records import LogRecords, read_records

WHOLE = [b'{"kind": "train", "update": 1}\n', b'{"kind": "end", "update": 2}', b"\n", b"{", b"["]


def line(update, kind="train", **values):
    return json.dumps({"kind": kind, "update": update, **values}) + "\n"


def updates(records):
    return [record["update"] for record in records]


def append(path, text):
    with path.open("ab") as file:
        file.write(text if isinstance(text, bytes) else text.encode())


def test_only_what_is_new_is_given_and_half_a_line_waits_for_its_end(tmp_path):
    path = tmp_path / "log.jsonl"
    log = LogRecords(path)
    assert log.read_new() == []
    append(path, line(1) + line(2)[:9])
    assert updates(log.read_new()) == [1]
    assert log.read_new() == []
    append(path, line(2)[9:] + line(3))
    assert updates(log.read_new()) == [2, 3]
    assert (log.damaged, log.restarts) == (0, 0)


def test_half_a_character_waits_too(tmp_path):
    path = tmp_path / "log.jsonl"
    log = LogRecords(path)
    whole = json.dumps({"kind": "end", "update": 4, "reason": "für"}, ensure_ascii=False).encode()
    cut = whole.index("ü".encode()) + 1
    append(path, whole[:cut])
    assert log.read_new() == []
    append(path, whole[cut:] + b"\n")
    assert log.read_new()[0]["reason"] == "für"


def test_what_is_no_record_is_counted_and_passed_over(tmp_path):
    path = tmp_path / "log.jsonl"
    wrong = (
        b'{"kind": "tra\n',
        b"\xff\xfe\n",
        b"[1, 2]\n",
        b"7\n",
        b'{"kind": "train"}\n',
        b'{"kind": "train", "update": "7"}\n',
        b'{"kind": "train", "update": true}\n',
        b'{"kind": "train", "update": -1}\n',
        b'{"kind": 7, "update": 1}\n',
        b"[" * 100_000 + b"\n",
        b'{"kind": "train", "update": ' + b"9" * 10_000 + b"}\n",
    )
    append(path, line(1) + "\n")
    append(path, b"".join(wrong))
    append(path, line(2))
    log = LogRecords(path)
    assert updates(log.read_new()) == [1, 2]
    assert log.damaged == len(wrong)


def test_a_record_behind_a_torn_one_is_not_lost(tmp_path):
    path = tmp_path / "log.jsonl"
    append(path, line(1) + line(2)[:20] + line(2, "start"))
    log = LogRecords(path)
    assert [(each["kind"], each["update"]) for each in log.read_new()] == [
        ("train", 1),
        ("start", 2),
    ]
    assert log.damaged == 1


def test_a_log_that_is_begun_anew_is_read_anew(tmp_path):
    path = tmp_path / "log.jsonl"
    append(path, line(1) + line(2))
    log = LogRecords(path)
    log.read_new()
    path.write_text(line(3))
    assert updates(log.read_new()) == [3]
    assert log.restarts == 1
    path.rename(tmp_path / "old.jsonl")
    assert log.read_new() == []
    append(path, line(4) + line(5) + line(6))
    assert updates(log.read_new()) == [4, 5, 6]
    assert log.restarts == 2


def test_all_at_once(tmp_path):
    append(tmp_path / "log.jsonl", line(1) + line(2))
    assert updates(read_records(tmp_path / "log.jsonl")) == [1, 2]


@given(st.lists(st.one_of(st.binary(max_size=30), st.sampled_from(WHOLE)), max_size=8))
def test_no_bytes_whatever_stop_the_reading(tmp_path_factory, parts):
    path = tmp_path_factory.mktemp("logs") / "log.jsonl"
    log = LogRecords(path)
    read = []
    for part in parts:
        append(path, part)
        read += log.read_new()
    assert read == read_records(path)
    assert all(isinstance(record["kind"], str) and record["update"] >= 0 for record in read)

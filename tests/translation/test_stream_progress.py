"""What is shown of a stream of lines, and where."""

import gzip
import os
import sys
from pathlib import Path

import pytest

from nmt.console import Progress, set_quiet
from nmt.translation import stream_progress as module
from nmt.translation.stream_progress import StreamProgress, TranslationTotals, stream_progress


def test_a_window_is_counted_by_batches_and_then_as_a_whole():
    bar = Progress("translate", None, "lines", writes_lines=False)
    shown = StreamProgress(bar)
    counts = []
    for window in shown.counted([["a", "b", "", "c"], ["d"]]):
        counts.append((len(window), bar.done, bar.waiting))
        shown.on_decoded(2)
        counts.append(bar.done)
        shown.on_decoded(9)  # a line in pieces is several sentences
        counts.append(bar.done)
    assert counts == [(4, 0, False), 2, 4, (1, 4, False), 5, 5]
    assert (bar.done, bar.waiting) == (5, True)


@pytest.mark.parametrize(
    ("totals", "seconds", "text"),
    [
        (TranslationTotals(), 0.0, "translated 0 lines"),
        (
            TranslationTotals(1, 1),
            2.04,
            "translated 1 line: 1 target token in 2.0 s, 0.49 lines/s",
        ),
        (
            TranslationTotals(2000, 45123),
            35.2,
            "translated 2,000 lines: 45,123 target tokens in 35.2 s, 57 lines/s",
        ),
    ],
)
def test_the_summary(totals, seconds, text):
    assert totals.summary(seconds) == text


@pytest.mark.parametrize(
    ("content", "lines"),
    [(b"", 0), (b"a", 1), (b"a\n", 1), (b"a\n\nb", 3), (gzip.compress(b"a\nb\n", mtime=0), None)],
)
def test_the_lines_of_a_plain_file_are_known(tmp_path, content, lines):
    file = tmp_path / "in.txt"
    file.write_bytes(content)
    with stream_progress("translate", file, [None]) as bar:
        assert bar.total == lines


@pytest.mark.skipif(os.name != "posix", reason="paths of open streams")
def test_the_lines_of_an_open_stream_are_not_counted(tmp_path):
    file = tmp_path / "in.txt"
    file.write_bytes(b"a\nb\n")
    with (
        file.open("rb") as stream,
        stream_progress("translate", Path(f"/dev/fd/{stream.fileno()}"), [None]) as bar,
    ):
        assert bar.total is None
        assert stream.read() == b"a\nb\n"


@pytest.fixture
def terminals(monkeypatch):
    """Makes terminals of some standard streams; gives whether a bar or lines are shown."""

    def make(*names):
        for name in ("stdin", "stdout", "stderr"):
            monkeypatch.setattr(getattr(sys, name), "isatty", lambda at=name in names: at)

    shown = []

    def progress(*arguments, **options):
        shown.append(arguments)
        return module.nullcontext()

    monkeypatch.setattr(module, "progress", progress)
    make.shown = shown
    return make


@pytest.mark.parametrize(
    ("streams", "output", "shown"),
    [
        ((), None, True),  # lines in a log
        (("stderr",), None, True),  # a bar
        (("stdout",), None, True),
        (("stdout", "stderr"), None, False),  # the bar would be among the translations
        (("stdout", "stderr"), "out.txt", True),
        (("stdout", "stderr"), os.devnull, True),
        (("stdin",), None, False),  # somebody types
        (("stdin", "stderr"), "out.txt", False),
    ],
)
def test_where_there_is_something_to_see(terminals, tmp_path, streams, output, shown):
    terminals(*streams)
    written = None if output is None else tmp_path / output
    with stream_progress("translate", None, [written]):
        assert bool(terminals.shown) == shown


def test_what_somebody_types_goes_on_beside_a_file(terminals, tmp_path):
    """A terminal on stdin is of no account where the text is in a file."""
    (tmp_path / "in.txt").write_bytes(b"a\n")
    terminals("stdin", "stderr")
    with stream_progress("translate", tmp_path / "in.txt", [None]):
        assert terminals.shown == [("translate", 1, "lines")]


def test_with_quiet_no_line_is_even_counted(terminals, tmp_path, monkeypatch):
    (tmp_path / "in.txt").write_bytes(b"a\n")
    set_quiet(True)
    monkeypatch.setattr(module, "_lines_of", None)
    with stream_progress("translate", tmp_path / "in.txt", [None]):
        assert terminals.shown == []

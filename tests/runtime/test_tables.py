import re
import sys

from nmt.runtime.tables import align_columns, print_table

ROWS = [["a", "1.0", "x"], ["bcd", "10.25", ""]]


def test_words_stand_at_the_left_and_numbers_at_the_right():
    assert align_columns([["name", "n", "note"], *ROWS], left_aligned=(0, 2)) == (
        "name      n  note\na       1.0  x\nbcd   10.25"
    )


def test_in_a_pipe(capsys):
    print_table(["", "n", ""], ROWS, left_aligned=(0, 2))
    assert capsys.readouterr().out == "         n\na      1.0  x\nbcd  10.25\n"


def test_a_name_that_looks_like_markup(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    print_table(["name", "n"], [["[red]x[/red]", "1"]], left_aligned=(0,), bold=(0,))
    assert "[red]x[/red]" in re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)

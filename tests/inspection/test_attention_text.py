import numpy as np
import pytest

from nmt.inspection.attention_text import (
    ASCII,
    ASCII_NUMBERS,
    BLOCKS,
    NUMBERS,
    legend,
    render_attention,
)
from nmt.runtime.tables import display_width, printable

TARGET = ["The", "black", "cat"]
SOURCE = ["Le", "chat", "noir"]
WEIGHTS = np.array([[0.7, 0.2, 0.1], [0.0, 0.04, 0.96], [0.25, 0.5, 0.25]], dtype=np.float32)

PICTURE = """\
      Le
      │  chat
      │  │  noir
  The ▓▓ ░░ ░░
black ·  ·  ██
  cat ▒▒ ▓▓ ▒▒
"""

IN_ASCII = """\
      Le
      |  chat
      |  |  noir
  The 70 20 10
black .  .  96
  cat 25 50 25
"""

IN_PARTS = """\
      Le
      │  chat
  The ▓▓ ░░
black ·  ·
  cat ▒▒ ▓▓

      noir
  The ░░
black ██
  cat ▒▒
"""


def test_the_picture():
    assert render_attention(TARGET, SOURCE, WEIGHTS) == PICTURE
    assert render_attention(TARGET, SOURCE, WEIGHTS, width=16) == PICTURE


def test_numbers_in_ascii():
    picture = render_attention(TARGET, SOURCE, WEIGHTS, ASCII_NUMBERS)
    assert picture == IN_ASCII
    assert render_attention(TARGET, SOURCE, WEIGHTS, ASCII).isascii()


def test_a_narrow_terminal_gets_it_in_parts():
    assert render_attention(TARGET, SOURCE, WEIGHTS, width=15) == IN_PARTS
    everything = render_attention(TARGET, SOURCE, WEIGHTS, width=1)
    assert everything.count("black") == 3


@pytest.mark.parametrize("width", range(8, 60))
def test_parts_fit_the_width(width):
    source = ["a", "bb", "ccccc", "猫猫", "e"] * 4
    weights = np.full((2, len(source)), 1 / len(source), dtype=np.float32)
    picture = render_attention(["x", "猫"], source, weights, width=width)
    assert max(map(display_width, picture.split("\n"))) <= width
    assert sum(picture.count(token) for token in ("a", "bb", "ccccc", "猫猫", "e")) >= 20


def test_certainty_has_two_digits():
    picture = render_attention(["a"], ["b"], np.array([[1.0]]), NUMBERS)
    assert picture == "  b\na 99\n"


def test_color_marks_each_cell():
    plain = render_attention(["a"], ["b", "c"], np.array([[0.9, 0.1]]))
    colored = render_attention(["a"], ["b", "c"], np.array([[0.9, 0.1]]), color=True)
    assert colored.split("\n")[-2] == "a \x1b[1;36m██\x1b[0m \x1b[2;36m░░\x1b[0m"
    assert "\x1b" not in plain


def test_wide_and_combining_characters_keep_the_columns():
    picture = render_attention(["猫", "cafe\u0301"], ["日本", "x"], np.eye(2))
    assert picture == "     日本\n     │  x\n  猫 ██ ·\ncafe\u0301 ·  ██\n"


def test_nothing_can_steer_the_terminal():
    picture = render_attention(["\x1b[2J", "a\u202eb"], ["\0\r\n", "\u200bx"], np.eye(2))
    assert set(picture) <= set("\ufffd[2Jabx │·█\n")
    assert printable("e\u0301 \u2028") == "e\u0301 \ufffd"
    assert printable("می\u200cروم") == "می\u200cروم"
    assert printable("അവന\u0d4d\u200d") == "അവന\u0d4d\u200d"
    assert printable("👩\u200d🔬") == "👩🔬"


def test_legend():
    assert legend(BLOCKS) == (
        "attention: · 0% to 5%, ░░ 5% to 25%, ▒▒ 25% to 50%, ▓▓ 50% to 75%, ██ 75% to 100%"
    )
    assert "hundredths" in legend(NUMBERS)

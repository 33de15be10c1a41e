"""Text for the cells of a terminal."""

import unicodedata
from itertools import pairwise

from nmt.text.characters import JOINERS


def display_width(text: str) -> int:
    """Return the number of cells that a text takes: wide characters two, combining marks none."""
    return sum(map(_width, text))


def printable(text: str) -> str:
    """Return a text without characters that move the cursor or change the writing direction.

    Joiners of letters stay. Joiners of emoji go, because terminals differ in the width of a joined
    emoji.
    """
    shown = []
    for character, following in pairwise(f"{text} "):
        if character in JOINERS and unicodedata.category(following) != "So":
            shown.append(character)
        elif unicodedata.category(character) != "Cf":
            shown.append(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}")
    return "".join(shown)


def right_aligned(text: str, width: int) -> str:
    """Return a text, padded at the left to a width.

    Args:
        text: The text.
        width: The width in cells.
    """
    return " " * (width - display_width(text)) + text


def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1

"""Text in the cells of a terminal."""

import unicodedata
from itertools import pairwise

from nmt.text.characters import JOINERS


def display_width(text: str) -> int:
    """Number of terminal cells that a text takes: wide characters two, combining marks none."""
    return sum(map(_width, text))


def printable(text: str) -> str:
    """Return a text without what could move the cursor or turn the direction of writing.

    Joiners of letters stay. Those of emoji go, because terminals differ in how wide one emoji made
    of several is.
    """
    shown = []
    for character, following in pairwise(f"{text} "):
        if character in JOINERS and unicodedata.category(following) != "So":
            shown.append(character)
        elif unicodedata.category(character) != "Cf":
            shown.append(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}")
    return "".join(shown)


def right_aligned(text: str, width: int) -> str:
    """The text at the right of so many cells."""
    return " " * (width - display_width(text)) + text


def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1

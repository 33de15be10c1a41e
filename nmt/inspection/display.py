"""Text in the cells of a terminal."""

import unicodedata


def display_width(text: str) -> int:
    """Number of terminal cells that a text takes: wide characters two, combining marks none."""
    return sum(map(_width, text))


def printable(text: str) -> str:
    """The text without what could move the cursor or turn the direction of writing."""
    visible = (character for character in text if unicodedata.category(character) != "Cf")
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for character in visible
    )


def right_aligned(text: str, width: int) -> str:
    """The text at the right of so many cells."""
    return " " * (width - display_width(text)) + text


def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1

"""Fonts for the scripts of a text, among those that matplotlib finds on this machine."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

_FIRST = "DejaVu Sans"
_LIKED = (_FIRST, "Noto Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "Arial Unicode MS")
_PLAIN = (400, "normal", "regular", "book")
_NO_GLYPH = ("Cc", "Cf", "Zs", "Zl", "Zp")


@dataclass(frozen=True)
class Fonts:
    """Fonts that draw a text together.

    Attributes:
        families: The names of the fonts. A character is drawn by the first that has it.
        missing: The characters that no font has, in their order.
    """

    families: tuple[str, ...]
    missing: str


def fonts_for(text: str) -> Fonts:
    """Return a small set of fonts that have the characters of a text.

    The first is the font that matplotlib includes. Each further one has the most characters still
    missing.
    """
    wanted = dict.fromkeys(
        character for character in text if unicodedata.category(character) not in _NO_GLYPH
    )
    left = {ord(character) for character in wanted} - _characters(_FIRST)
    families = [_FIRST]
    while left:
        name = max(_plain_fonts(), key=lambda name: len(left & _characters(name)), default=_FIRST)
        found = left & _characters(name)
        if not found:
            break
        families.append(name)
        left -= found
    return Fonts(tuple(families), "".join(c for c in wanted if ord(c) in left))


def named(characters: str) -> str:
    """Return a few characters with their code points, for a message."""
    shown = ", ".join(f"{c} (U+{ord(c):04X})" for c in characters[:5])
    return shown + (f" and {len(characters) - 5} more" if len(characters) > 5 else "")


@cache
def _plain_fonts() -> dict[str, str]:
    """Return the files of fonts for plain text by name: preferred ones, then those without serifs.

    The font of last resort is left out, because it draws a box for every character.
    """
    from matplotlib.font_manager import fontManager

    files = {
        entry.name: entry.fname
        for entry in fontManager.ttflist
        if entry.style == "normal"
        and entry.variant == "normal"
        and entry.weight in _PLAIN
        and "last resort" not in entry.name.lower()
    }
    return dict(sorted(files.items(), key=lambda item: _liking(item[0])))


def _liking(name: str) -> tuple[int, bool, bool, str]:
    liked = _LIKED.index(name) if name in _LIKED else len(_LIKED)
    return (liked, "Sans" not in name, "Mono" in name, name)


@cache
def _characters(name: str) -> frozenset[int]:
    """Return the code points that a font has; none for a font that cannot be drawn with."""
    from matplotlib.ft2font import FT2Font

    try:
        font = FT2Font(_plain_fonts()[name])
        font.set_size(12, 72)
        return frozenset(font.get_charmap())
    except (KeyError, OSError, RuntimeError):  # colour fonts have bitmaps of one size only
        return frozenset()


def has_right_to_left(texts: Iterable[str]) -> bool:
    """Return whether a script of the texts is written from right to left."""
    return any(unicodedata.bidirectional(c) in ("R", "AL") for text in texts for c in text)


def begins_right(texts: Iterable[str]) -> bool:
    """Return whether the first letter of the texts is of a script written from right to left."""
    for text in texts:
        for character in text:
            direction = unicodedata.bidirectional(character)
            if direction in ("L", "R", "AL"):
                return direction != "L"
    return False

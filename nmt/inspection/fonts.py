"""Fonts for the scripts of a text, from those that matplotlib finds on this machine."""

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
    """families: names, the first with a character draws it; missing: characters that no font has,
    in their order.
    """

    families: tuple[str, ...]
    missing: str


def fonts_for(text: str) -> Fonts:
    """The fewest fonts, about, that have the characters of a text: the one that matplotlib brings
    along first, then each time the one that has most of those still missing.
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
    """A few characters with their code points, for a message."""
    shown = ", ".join(f"{c} (U+{ord(c):04X})" for c in characters[:5])
    return shown + (f" and {len(characters) - 5} more" if len(characters) > 5 else "")


@cache
def _plain_fonts() -> dict[str, str]:
    """The files of fonts for plain text by their names: those that are liked first, then those
    without serifs. The font of last resort, which has a box for every character, is none of them.
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
    """The code points that a font has; none of one that cannot be drawn with."""
    from matplotlib.ft2font import FT2Font

    try:
        font = FT2Font(_plain_fonts()[name])
        font.set_size(12, 72)
        return frozenset(font.get_charmap())
    except (KeyError, OSError, RuntimeError):  # fonts of colour have bitmaps of one size only
        return frozenset()


def has_right_to_left(texts: Iterable[str]) -> bool:
    """Whether a script of the texts is written from the right."""
    return any(unicodedata.bidirectional(c) in ("R", "AL") for text in texts for c in text)


def begins_right(texts: Iterable[str]) -> bool:
    """Whether the first letter of the texts is of a script that is written from the right."""
    for text in texts:
        for character in text:
            direction = unicodedata.bidirectional(character)
            if direction in ("L", "R", "AL"):
                return direction != "L"
    return False

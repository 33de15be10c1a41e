"""Word boundaries in text of any language, for counting and comparing words.

A word is a run of characters that are neither spaces nor punctuation. Each character of a script
that is written without spaces (Chinese, Japanese) is a word. The words of BLEU differ: its
tokenizer is part of its signature.
"""

import unicodedata
from itertools import groupby

_HANGUL = range(0xAC00, 0xD7A4)


def pieces(text: str) -> list[str]:
    """Return a text cut into words, runs of spaces, and single punctuation marks.

    Joined they are the text again.
    """
    runs = groupby(enumerate(text), key=lambda each: _run(*each))
    return ["".join(character for _, character in run) for _, run in runs]


def words(text: str) -> list[str]:
    """Return the words of a text, without spaces and punctuation."""
    return text.translate(_SPACED).split()


def _run(place: int, character: str) -> tuple[bool, int]:
    """Return a key that neighbouring characters of one piece share."""
    alone = not character.isspace() and _SPACED[ord(character)] != ord(character)
    return character.isspace(), place if alone else -1


class _Spaced(dict[int, int | str]):
    """A table for `str.translate` that separates words by spaces.

    It replaces punctuation, and surrounds characters that are words of their own.
    """

    def __missing__(self, code: int) -> int | str:
        character = chr(code)
        if unicodedata.category(character)[0] in "PS":
            return self.setdefault(code, " ")
        return self.setdefault(code, f" {character} " if _is_a_word(character) else code)


_SPACED = _Spaced()


def _is_a_word(character: str) -> bool:
    wide = unicodedata.east_asian_width(character) in "WF"
    letter = unicodedata.category(character) in ("Lo", "Lm")
    return wide and letter and ord(character) not in _HANGUL

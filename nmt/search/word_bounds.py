"""Where the words of subwords begin and end."""

import unicodedata
from collections.abc import Sequence

from nmt.search.hypothesis import END_MARK

_SPACE = "▁"
_JOINING = "'’-‐"


def words_of(tokens: Sequence[str]) -> list[list[int]]:
    """Positions of the subwords of each word, in order.

    A word begins at a space; the end mark and punctuation (but no apostrophe or hyphen) are words
    of their own.
    """
    words: list[list[int]] = []
    joins = False
    for position, token in enumerate(tokens):
        alone = token == END_MARK or is_punctuation(token)
        if joins and not alone and not starts_word(token):
            words[-1].append(position)
        else:
            words.append([position])
        joins = not alone
    return words


def starts_word(token: str) -> bool:
    """Whether a subword begins with a space."""
    return token.startswith(_SPACE)


def is_punctuation(token: str) -> bool:
    """Whether a subword is of punctuation alone, but no apostrophe or hyphen."""
    text = token.replace(_SPACE, "")
    return bool(text) and all(
        unicodedata.category(character).startswith("P") and character not in _JOINING
        for character in text
    )

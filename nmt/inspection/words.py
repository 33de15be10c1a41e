"""From subwords to the words that people read, and the attention between them."""

import re
import unicodedata
from collections.abc import Sequence

import numpy as np

from nmt.search.hypothesis import END_MARK, Weights

_SPACE = "▁"
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_JOINING = "'’-‐"


def words_of(tokens: Sequence[str]) -> list[list[int]]:
    """Positions of the subwords of each word, in order.

    A word begins at a space; the end mark and punctuation (but no apostrophe or hyphen) are words
    of their own.
    """
    words: list[list[int]] = []
    joins = False
    for position, token in enumerate(tokens):
        alone = token == END_MARK or _is_punctuation(token)
        if joins and not alone and not token.startswith(_SPACE):
            words[-1].append(position)
        else:
            words.append([position])
        joins = not alone
    return words


def spelled(tokens: Sequence[str]) -> str:
    """The text of one word's subwords; byte subwords are put together to characters."""
    spelling = b""
    for token in tokens:
        byte = _BYTE.fullmatch(token)
        spelling += bytes([int(byte[1], 16)]) if byte else token.replace(_SPACE, "").encode()
    return spelling.decode("utf-8", "replace") or _SPACE


def merge_words(
    tokens: Sequence[str], source_tokens: Sequence[str], attention: Weights
) -> tuple[list[str], list[str], Weights]:
    """Target words, source words and the attention between them `[target words, source words]`.

    attention: `[tokens, source_tokens]`. The attention that a word receives is the sum of its
    subwords', the attention that it gives is their mean: rows still sum to one.
    """
    target, source = words_of(tokens), words_of(source_tokens)
    summed = np.stack([attention[:, word].sum(1) for word in source], 1)
    merged = np.stack([summed[word].mean(0) for word in target])
    return (
        [spelled([tokens[i] for i in word]) for word in target],
        [spelled([source_tokens[i] for i in word]) for word in source],
        merged,
    )


def _is_punctuation(token: str) -> bool:
    text = token.replace(_SPACE, "")
    return bool(text) and all(
        unicodedata.category(character).startswith("P") and character not in _JOINING
        for character in text
    )

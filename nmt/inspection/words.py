"""From subwords to the words that people read, and the attention between them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nmt.search.hypothesis import END_MARK, Weights
from nmt.search.word_bounds import words_of

_SPACE = "▁"
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


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
        _spelled_words(tokens, target),
        _spelled_words(source_tokens, source),
        merged,
    )


@dataclass(frozen=True)
class WordAlignment:
    """Which word of the source each word of the target comes from; end marks are no words.

    links: pairs (source word, target word) by their places in `source` and `target`, from 0.
    """

    source: list[str]
    target: list[str]
    links: list[tuple[int, int]]

    def __str__(self) -> str:
        """In the form of Pharaoh: `0-0 2-1`, source first."""
        return " ".join(f"{source}-{target}" for source, target in self.links)


def align_words(
    tokens: Sequence[str], source_tokens: Sequence[str], attention: Weights
) -> WordAlignment:
    """Each target word with the source word that it attended to most, the first of equals.

    attention: `[tokens, source_tokens]`; the source ends with its end mark.
    """
    length = len(tokens) - (tokens[-1:] == [END_MARK])
    if length == 0:
        return WordAlignment(_spelled_words(source_tokens, words_of(source_tokens))[:-1], [], [])
    target, source, weights = merge_words(tokens[:length], source_tokens, attention[:length])
    strongest = weights[:, :-1].argmax(1).tolist()
    return WordAlignment(source[:-1], target, [(i, j) for j, i in enumerate(strongest)])


def _spelled_words(tokens: Sequence[str], words: list[list[int]]) -> list[str]:
    return [spelled([tokens[i] for i in word]) for word in words]

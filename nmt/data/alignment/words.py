"""Which words a subword is of: words as spaces divide the text that people wrote."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nmt.data.sentencepiece_model import Subword

Membership = NDArray[np.bool_]
"""Whether a subword has letters of a word, `[subwords, words]`."""


def membership(text: str, subwords: Sequence[Subword]) -> Membership:
    """Of the subwords of a text, and of the words of `text.split()`.

    A subword of spaces alone, or one that has no letters of its own (of the bytes of a character
    the last has it), goes with those after it. A word of nothing but what normalisation drops has
    no subword; a subword may be of several words where the tokenizer does not heed spaces.
    """
    words = text.split()
    found = np.zeros((len(subwords), len(words)), np.bool_)
    letters = ["".join(subword.surface.split()) for subword in subwords]
    word_of_letter = [number for number, word in enumerate(words) for _ in word]
    end = max(0, "".join(words).find("".join(letters)))
    waiting: list[int] = []
    for number, own in enumerate(letters):
        begin, end = end, end + len(own)
        waiting.append(number)
        if own:
            found[number, word_of_letter[begin:end]] = True
            found[waiting, word_of_letter[begin]] = True
            waiting = []
    if waiting and waiting[0] > 0:
        found[waiting] = found[waiting[0] - 1]
    return found

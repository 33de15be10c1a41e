"""Beginnings that end within a word: what is typed so far, and may go on."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from nmt.data.tokenizer import BOS, EOS, PAD, UNK, Tokenizer
from nmt.tokenizers.words import starts_word

_SPACE = "▁"
_NO_TEXT = frozenset((PAD, UNK, BOS, EOS))


@dataclass(frozen=True)
class Vocabulary:
    """The subwords of the target side, by their ids."""

    pieces: tuple[str, ...]

    @cached_property
    def characters(self) -> frozenset[str]:
        """Those that are subwords by themselves: what consists of them can be spelled."""
        return frozenset(piece for piece in self.pieces if len(piece) == 1)

    def spelling(self, text: str) -> Tensor:
        """Which subwords a text may begin with that begins with `text`: `[vocabulary]`."""
        return torch.tensor(
            [
                token not in _NO_TEXT and (piece.startswith(text) or text.startswith(piece))
                for token, piece in enumerate(self.pieces)
            ]
        )

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> "Vocabulary":
        """That of a tokenizer."""
        return _vocabulary(tokenizer)


@lru_cache(maxsize=4)
def _vocabulary(tokenizer: Tokenizer) -> Vocabulary:
    return Vocabulary(tuple(tokenizer.pieces(range(tokenizer.size))))


@dataclass(frozen=True)
class Stem:
    """How the tokens after a prefix begin to be spelled, `▁` for a space: in whichever subwords,
    the last of which may go beyond it.
    """

    text: str
    vocabulary: Vocabulary = field(repr=False)

    def rest(self, tokens: Sequence[int]) -> str:
        """What is still to be spelled after `tokens`."""
        pieces = self.vocabulary.pieces
        return self.text[sum(len(pieces[token]) for token in tokens) :]


def begun(tokenizer: Tokenizer, text: str) -> tuple[list[int], Stem | None]:
    """The tokens of a text up to its last word, and the stem that this word is; where the text ends
    with a space, all of its tokens, and the space of the next word.

    A word that cannot be spelled in characters of the vocabulary is taken as it is, without a stem.
    """
    ids = tokenizer.encode(text)
    if not ids:
        return ids, None
    vocabulary = Vocabulary.of(tokenizer)
    if text != text.rstrip():
        return ids, Stem(_SPACE, vocabulary)
    pieces = tokenizer.pieces(ids)
    last = max((i for i, piece in enumerate(pieces) if starts_word(piece)), default=0)
    stem = "".join(pieces[last:])
    if not set(stem) <= vocabulary.characters:
        return ids, None
    return ids[:last], Stem(stem, vocabulary)

"""Prefixes that end within a word, which may continue in any subwords."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from nmt.tokenizers.sentencepiece import BOS, EOS, PAD, UNK, Tokenizer
from nmt.tokenizers.words import starts_word

_SPACE = "▁"
_NO_TEXT = frozenset((PAD, UNK, BOS, EOS))


@dataclass(frozen=True)
class Vocabulary:
    """Subwords of the target side, by their ids.

    Attributes:
        pieces: The subwords.
        whole_words: Whether each subword is a whole word, so that no word is spelled in several.
    """

    pieces: tuple[str, ...]
    whole_words: bool = False

    @cached_property
    def characters(self) -> frozenset[str]:
        """The characters that are subwords by themselves. They can spell any text made of them."""
        return frozenset(piece for piece in self.pieces if len(piece) == 1)

    def spelling(self, text: str) -> Tensor:
        """Return a mask `[vocabulary]` of the first subwords of texts that begin with `text`."""
        return torch.tensor(
            [
                token not in _NO_TEXT and (piece.startswith(text) or self._may_begin(text, piece))
                for token, piece in enumerate(self.pieces)
            ]
        )

    def can_spell(self, text: str) -> bool:
        """Return whether subwords can spell the beginning of a text, whichever come first."""
        if not self.whole_words:
            return set(text) <= self.characters
        return any(
            piece.startswith(text)
            for token, piece in enumerate(self.pieces)
            if token not in _NO_TEXT
        )

    def _may_begin(self, text: str, piece: str) -> bool:
        """Return whether a subword is the first of several that spell a text."""
        return not self.whole_words and text.startswith(piece)

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> "Vocabulary":
        """Return the vocabulary of a tokenizer."""
        return _vocabulary(tokenizer)


@lru_cache(maxsize=4)
def _vocabulary(tokenizer: Tokenizer) -> Vocabulary:
    pieces = tokenizer.pieces(range(tokenizer.size))
    return Vocabulary(tuple(pieces), tokenizer.has_whole_words)


@dataclass(frozen=True)
class Stem:
    """Spelling with which the tokens after a prefix begin, in any subwords.

    The last of these subwords may extend beyond it.

    Attributes:
        text: The spelling, `▁` for a space.
        vocabulary: The subwords of the target side.
    """

    text: str
    vocabulary: Vocabulary = field(repr=False)

    def rest(self, tokens: Sequence[int]) -> str:
        """Return the text that remains to be spelled after `tokens`."""
        pieces = self.vocabulary.pieces
        return self.text[sum(len(pieces[token]) for token in tokens) :]


def begun(tokenizer: Tokenizer, text: str) -> tuple[list[int], Stem | None]:
    """Return the tokens of a text up to its last word, and the stem of that word.

    Where the text ends with a space, all of its tokens are returned, and the stem is the space of
    the next word. A word that the vocabulary cannot spell is encoded as it is, without a stem.
    Where tokens are whole words, the stem may be a part of the last word, such as the rest after a
    bracket.

    Args:
        tokenizer: The tokenizer of the target side.
        text: The beginning of a translation.
    """
    ids = tokenizer.encode(text)
    if not ids:
        return ids, None
    vocabulary = Vocabulary.of(tokenizer)
    if text != text.rstrip():
        return ids, Stem(_SPACE, vocabulary)
    pieces = [subword.piece for subword in tokenizer.subwords(text)]
    last = max((i for i, piece in enumerate(pieces) if starts_word(piece)), default=0)
    for begin in range(last, len(pieces) if vocabulary.whole_words else last + 1):
        stem = "".join(pieces[begin:])
        if vocabulary.can_spell(stem):
            return ids[:begin], Stem(stem, vocabulary)
    return ids, None

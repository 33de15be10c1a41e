"""The vocabulary of the target side, as constraints on characters need it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from nmt.search.constrained_selection import CaseMarks
from nmt.tokenizers.letter_case import CASE_MARKS, FIRST, CaseRestorer
from nmt.tokenizers.tokenizer import BOS, EOS, PAD, UNK, Tokenizer

_SPACE = "▁"
_SPECIAL_TOKENS = frozenset((PAD, UNK, BOS, EOS))

_NO_TEXT = "\0"
"""Placeholder for a piece that no text has, such as a tag."""

MAX_CHARACTER_BYTES = 4
_NO_TEXT_BYTE = b"\xff"
"""Placeholder for a token without letters. No text has this byte."""


@dataclass(frozen=True)
class Vocabulary:
    """Subwords of the target side, by their ids.

    Attributes:
        pieces: The subwords.
        whole_words: Whether each subword is a whole word, so that no word is spelled in several.
        case_marks: The ids of the marks of letter case. Their subwords are empty here.
        case: The marks, and the rules by which they change the subwords after them. None where
            letters are as written.
    """

    pieces: tuple[str, ...]
    whole_words: bool = False
    case_marks: frozenset[int] = frozenset()
    case: "VocabularyCase | None" = field(default=None, repr=False, compare=False)

    @cached_property
    def characters(self) -> frozenset[str]:
        """The characters that are subwords by themselves. They can spell any text made of them."""
        return frozenset(piece for piece in self.pieces if len(piece) == 1)

    def spelling(self, text: str) -> Tensor:
        """Return a mask `[vocabulary]` of the first subwords of texts that begin with `text`.

        A case mark may come before the space of a new word, but not in a word that is begun.
        """
        return torch.tensor(
            [
                token not in _SPECIAL_TOKENS
                and (
                    text == _SPACE
                    if token in self.case_marks
                    else piece.startswith(text) or self._may_begin(text, piece)
                )
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
            if token not in _SPECIAL_TOKENS
        )

    def _may_begin(self, text: str, piece: str) -> bool:
        """Return whether a subword is the first of several that spell a text."""
        return not self.whole_words and text.startswith(piece)

    @classmethod
    def from_tokenizer(cls, tokenizer: Tokenizer) -> "Vocabulary":
        """Return the vocabulary of a tokenizer."""
        return _vocabulary(tokenizer)


@lru_cache(maxsize=4)
def _vocabulary(tokenizer: Tokenizer) -> Vocabulary:
    pieces = tokenizer.pieces(range(tokenizer.size))
    for token in tokenizer.added_control_ids:
        pieces[token] = _NO_TEXT
    marks = tokenizer.case_marks
    if not marks:
        return Vocabulary(tuple(pieces), tokenizer.is_word_level)
    spelled = tuple("" if token in marks else piece for token, piece in enumerate(pieces))
    case = VocabularyCase({token: pieces[token] for token in marks}, tokenizer.make_restorer)
    return Vocabulary(spelled, tokenizer.is_word_level, marks, case)


@dataclass(frozen=True)
class VocabularyCase:
    """The case marks of a vocabulary.

    Attributes:
        marks: The names of the marks, by their ids.
        make_restorer: Returns a new restorer of capitals.
    """

    marks: Mapping[int, str]
    make_restorer: Callable[[], CaseRestorer]

    def spell(self, vocabulary: Vocabulary, tokens: Sequence[int]) -> bytes:
        """Return the spelling of tokens with their capitals, in UTF-8.

        Args:
            vocabulary: The vocabulary.
            tokens: The token ids of a translation from its beginning.
        """
        return self._read(vocabulary, tokens)[0]

    def following(self, vocabulary: Vocabulary, tokens: Sequence[int]) -> Vocabulary:
        """Return the vocabulary of the next token, see `vocabulary_after`.

        Args:
            vocabulary: The vocabulary.
            tokens: The token ids of a translation from its beginning.
        """
        restorer = self._read(vocabulary, tokens)[1]
        if restorer.state not in self._following:
            pieces = tuple(
                piece if _is_byte(piece) else restorer.copy().read(piece)
                for piece in vocabulary.pieces
            )
            self._following[restorer.state] = replace(vocabulary, pieces=pieces)
        return self._following[restorer.state]

    def _read(self, vocabulary: Vocabulary, tokens: Sequence[int]) -> tuple[bytes, CaseRestorer]:
        restorer, spelled = self.make_restorer(), token_bytes(vocabulary)
        parts: list[bytes] = []
        unread = b""  # the first bytes of a character
        for token in tokens:
            if token in self.marks:
                restorer.mark(self.marks[token])
                continue
            if token in _SPECIAL_TOKENS:
                restorer.skip_word("")
                parts.append(unread + spelled[token])
                unread = b""
                continue
            unread += spelled[token]
            try:
                parts.append(restorer.read(unread.decode("utf-8")).encode("utf-8"))
                unread = b""
            except UnicodeDecodeError:
                if len(unread) >= MAX_CHARACTER_BYTES:
                    parts.append(unread)
                    unread = b""
        return b"".join([*parts, unread]), restorer

    @cached_property
    def _following(self) -> dict[tuple[str | None, bool], Vocabulary]:
        """The vocabularies after different marks."""
        return {}


def vocabulary_after(vocabulary: Vocabulary, tokens: Sequence[int]) -> Vocabulary:
    """Return the vocabulary of the next token, with the capitals that subwords would have there.

    Args:
        vocabulary: The subwords of the target side.
        tokens: The token ids of the translation so far.
    """
    return vocabulary if vocabulary.case is None else vocabulary.case.following(vocabulary, tokens)


@lru_cache(maxsize=4)
def find_case_marks(tokenizer: Tokenizer) -> CaseMarks | None:
    """Return the case marks of a tokenizer, None where it has none."""
    if not tokenizer.case_marks:
        return None
    first, word, run, end = tokenizer.ids(CASE_MARKS)
    pieces = Vocabulary.from_tokenizer(tokenizer).pieces
    has_letters = [_has_letters(tokenizer.make_restorer(), piece) for piece in pieces]
    spelled = {
        token
        for token, piece in enumerate(pieces)
        if not (token in _SPECIAL_TOKENS or token in tokenizer.case_marks or _is_byte(piece))
    }
    unchanged = frozenset(token for token in spelled if not has_letters[token])
    ends_mark = [
        token in _SPECIAL_TOKENS or (token in spelled and has_letters[token])
        for token in range(len(pieces))
    ]
    return CaseMarks((first, word), run, end, torch.tensor(ends_mark), unchanged)


def _has_letters(restorer: CaseRestorer, piece: str) -> bool:
    """Return whether a subword has a letter, which a mark before it would make a capital."""
    restorer.mark(FIRST)
    restorer.read(piece)
    return restorer.state[0] is None


@lru_cache(maxsize=12)
def token_bytes(vocabulary: Vocabulary) -> list[bytes]:
    """Return the spelling of each token, in UTF-8."""
    spelled = [_spell(piece) for piece in vocabulary.pieces]
    for token in (PAD, UNK, BOS, EOS):
        spelled[token] = _NO_TEXT_BYTE
    return spelled


def _is_byte(piece: str) -> bool:
    return len(piece) == 6 and piece.startswith("<0x")


def _spell(piece: str) -> bytes:
    if _is_byte(piece):
        return bytes([int(piece[3:5], 16)])
    return piece.replace(_SPACE, " ").encode("utf-8")

"""Tokenizers with inline casing: subwords of small letters, and tokens that mark the capitals.

A text in capitals has the subwords of the same text in small letters, and one mark. The model file
names the rule next to the kind of the tokenizer. The marks are control pieces of the vocabulary,
which no text gives.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import chain, takewhile
from typing import Any, NamedTuple

from nmt.config.registry import TOKENIZERS
from nmt.config.settings import TokenizerSettings
from nmt.errors import ModelError
from nmt.text.characters import clean_output
from nmt.text.languages import find_language
from nmt.tokenizers.letter_case import (
    CASE_MARKS,
    RUN,
    WORD,
    CaseMark,
    CaseRestorer,
    LetterCase,
    make_letter_case,
)
from nmt.tokenizers.sentencepiece_model import PieceKind, add_case_marks
from nmt.tokenizers.tokenizer import UNK, Tokenizer, refuse_surrogates, remove_nul
from nmt.tokenizers.words import Subword

_SPACE = "▁"
_MAX_CACHED_LENGTH = 24
_CACHED_PARTS = 1 << 16
"""The length and the number of the parts of texts that are cached, up to about 50 MB."""

_WORDS_IN_CAPITALS = {WORD: 1, RUN: 2}

_GENERAL = "general"
_TURKIC = "turkic"
_TURKIC_LANGUAGES = frozenset(("tr", "az"))

_FROM_TEXT = (PieceKind.NORMAL, PieceKind.USER_DEFINED, PieceKind.BYTE)


class _Part(NamedTuple):
    """The tokens of a part of a text.

    Attributes:
        tokens: The tokens, including the marks.
        ids: Their ids.
        words_in_capitals: The number of words in capitals, 2 for a mark for several.
    """

    tokens: list[str]
    ids: list[int]
    words_in_capitals: int


class InlineCaseTokenizer(Tokenizer):
    """A tokenizer of another kind whose vocabulary has small letters and case marks.

    Args:
        model: The bytes of the model file.
        name: The name of the model in errors.
        divider: The tokenizer of the kind. It divides the texts in small letters.
        rule: The rule of letter case that the file names.

    Raises:
        ModelError: The rule is unknown.
    """

    def __init__(self, model: bytes, name: str, divider: Any, rule: str) -> None:
        super().__init__(model, name)
        if rule not in (_GENERAL, _TURKIC):
            raise ModelError(f"{name}: unknown rule of letter case {rule!r:.40}. Update nmt.")
        self._divider = divider
        self._is_turkic = rule == _TURKIC

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """See `Tokenizer.encode_batch`."""
        with refuse_surrogates(texts):
            return [
                list(chain.from_iterable([part.ids for part in self._parts(self.normalize(text))]))
                for text in texts
            ]

    def subwords(self, text: str) -> list[Subword]:
        """See `Tokenizer.subwords`. The surface of a mark is empty."""
        text = remove_nul(text)
        with refuse_surrogates((text,)):
            normalized, offsets = self._processor.normalize(text, with_offsets=True)
        tokens = [token for part in self._parts(normalized) for token in part.tokens]
        subwords, end = [], 0
        for token, length in zip(tokens, self._lengths(tokens), strict=True):
            begin, end = end, end + length
            subwords.append(Subword(token, text[offsets[begin] : offsets[end]]))
        return subwords

    def decoded_subwords(self, pieces: Sequence[str]) -> list[Subword]:
        """See `Tokenizer.decoded_subwords`. The surface of a mark is empty."""
        small = super().decoded_subwords([piece for piece in pieces if piece not in CASE_MARKS])
        restorer, subwords = self.make_restorer(), iter(small)
        (unknown,) = self.pieces([UNK])
        return [
            Subword(piece, restorer.mark(piece))
            if piece in CASE_MARKS
            else Subword(
                piece,
                (restorer.skip_word if piece == unknown else restorer.read)(next(subwords).surface),
            )
            for piece in pieces
        ]

    def decode(self, ids: Sequence[int]) -> str:
        """See `Tokenizer.decode`."""
        if self.case_marks.isdisjoint(ids):
            return super().decode(ids)
        tokens = [int(token) for token in ids if int(token) not in self._no_text]
        texts, marks = self._texts, self._mark_names
        if any(token not in texts and token not in marks for token in tokens):  # bytes, unknown
            subwords = self.decoded_subwords(self.pieces(tokens))
            return "".join([subword.surface for subword in subwords])
        restorer = self.make_restorer()
        text = "".join(
            [
                restorer.read(texts[token]) if token in texts else restorer.mark(marks[token])
                for token in tokens
            ]
        )
        return clean_output(text.removeprefix(" "))

    def in_capitals(self, ids: Sequence[int]) -> list[int]:
        """Return the token ids of the same text in capitals.

        A text with unknown tokens stays as it is. Control tokens at the beginning stay there.
        """
        if UNK in ids:
            return list(ids)
        head = list(takewhile(self._no_text.__contains__, ids))
        return head + self.encode(self._case.write_capitals(self.decode(ids)))

    @cached_property
    def case_marks(self) -> frozenset[int]:
        """See `Tokenizer.case_marks`."""
        return frozenset(self._mark_names)

    def make_restorer(self) -> CaseRestorer:
        """See `Tokenizer.make_restorer`."""
        return CaseRestorer(self._case, self.is_word_level)

    def _parts(self, normalized: str) -> list["_Part"]:
        """Return the tokens of a normalized text in parts, from space to space.

        A text with several words in capitals may have a mark for all of them. It is one part.
        """
        frequent = self._frequent_part
        parts = [
            frequent(text) if len(text) <= _MAX_CACHED_LENGTH else self._part(text)
            for text in _split_at_spaces(normalized)
        ]
        if sum([each.words_in_capitals for each in parts]) > 1:
            return [self._part(normalized)]
        return parts

    def _part(self, text: str) -> "_Part":
        """Return the tokens of a part of a normalized text."""
        small, marks = self._case.split(text)
        tokens: list[str] | None = self._divide(small)
        if marks and tokens:
            tokens = self._with_marks(tokens, small, marks)
        if tokens is None:
            marks, tokens = [], self._divide(text)
        ids = self._ids
        return _Part(
            tokens,
            [ids.get(token, UNK) for token in tokens],
            sum(_WORDS_IN_CAPITALS.get(mark.name, 0) for mark in marks),
        )

    def _divide(self, small: str) -> list[str]:
        """Return the tokens of a text without marks. No token goes beyond a space."""
        parts = map(self._divider.divide, _split_at_spaces(small))
        return [token for tokens in parts for token in tokens]

    @cached_property
    def _frequent_part(self) -> Callable[[str], "_Part"]:
        return lru_cache(_CACHED_PARTS)(self._part)

    def _with_marks(
        self, tokens: list[str], small: str, marks: Sequence[CaseMark]
    ) -> list[str] | None:
        """Return tokens with the marks before them, None where a mark belongs inside a token."""
        all_tokens: list[str] = []
        remaining = iter(marks)
        mark, begin = next(remaining), 0
        for number, (token, length) in enumerate(zip(tokens, self._lengths(tokens), strict=True)):
            if mark.position < begin + length:
                if self._case.has_letters(small[begin : mark.position]):
                    return None
                all_tokens.append(mark.name)
                following = next(remaining, None)
                if following is None:
                    return [*all_tokens, *tokens[number:]]
                if following.position < begin + length:
                    return None
                mark = following
            all_tokens.append(token)
            begin += length
        return None

    def _lengths(self, tokens: Sequence[str]) -> Iterator[int]:
        """Yield the number of characters of each token. The last byte of a character has it."""
        bytes_left = 0
        for token in tokens:
            if token in CASE_MARKS:
                yield 0
            elif (byte := self._bytes.get(token)) is None:
                yield len(token)
            else:
                bytes_left = (_count_bytes(byte) if byte >= 0xC0 or byte < 0x80 else bytes_left) - 1
                yield int(bytes_left <= 0)

    @cached_property
    def _case(self) -> LetterCase:
        pieces = self.read_model().pieces
        symbols = [piece.text for piece in pieces if piece.kind == PieceKind.USER_DEFINED]
        return make_letter_case(self._is_turkic, self.is_word_level, _longest_first(symbols))

    @cached_property
    def _ids(self) -> dict[str, int]:
        pieces = enumerate(self.read_model().pieces)
        ids = {piece.text: token for token, piece in pieces if piece.kind in _FROM_TEXT}
        return ids | {mark: token for token, mark in self._mark_names.items()}

    @cached_property
    def _mark_names(self) -> dict[int, str]:
        return {int(self._processor.piece_to_id(mark)): mark for mark in CASE_MARKS}

    @cached_property
    def _texts(self) -> dict[int, str]:
        """The text of each token that spells itself."""
        return {
            token: piece.text.replace(_SPACE, " ")
            for token, piece in enumerate(self.read_model().pieces)
            if piece.kind in (PieceKind.NORMAL, PieceKind.USER_DEFINED)
        }

    @cached_property
    def _bytes(self) -> dict[str, int]:
        pieces = self.read_model().pieces
        return {
            piece.text: int(piece.text[3:5], 16) for piece in pieces if piece.kind == PieceKind.BYTE
        }

    @cached_property
    def _no_text(self) -> frozenset[int]:
        pieces = enumerate(self.read_model().pieces)
        control = frozenset(token for token, piece in pieces if piece.kind == PieceKind.CONTROL)
        return control - self.case_marks


def learn_tokenizer(
    settings: TokenizerSettings,
    normalizer: Any,
    lines: Iterable[str],
    text_name: str,
    language: str | None,
) -> bytes:
    """Return the file of a tokenizer learned from lines, with case marks where settings say so.

    The vocabulary has the size of the settings, and the case marks.

    Args:
        settings: The settings of the tokenizer.
        normalizer: The normalization from `make_normalizer`.
        lines: The training text.
        text_name: The name of the text in errors, such as `the source`.
        language: The code of the language. None where there are several.

    Raises:
        ConfigError: The size does not fit the text.
        DataError: The kind of tokenizer cannot learn from the text.
    """
    learn: Callable[..., bytes] = TOKENIZERS.resolve(settings.kind).learn
    if settings.case != "inline":
        return learn(settings, normalizer, lines, text_name)
    known = find_language(language)
    is_turkic = known is not None and known.code in _TURKIC_LANGUAGES
    case = make_letter_case(
        is_turkic, settings.kind == "word", _longest_first(settings.user_symbols)
    )
    small = (case.split(line)[0] for line in lines)
    model = learn(settings, normalizer, small, text_name)
    return add_case_marks(model, settings.kind, _TURKIC if is_turkic else _GENERAL, CASE_MARKS)


def _split_at_spaces(normalized: str) -> list[str]:
    """Return the parts of a normalized text. A space begins each part, if not the first."""
    first, *others = normalized.split(_SPACE)
    parts = [_SPACE + text for text in others]
    return [first, *parts] if first else parts


def _longest_first(symbols: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(symbols, key=lambda text: (-len(text), text)))


def _count_bytes(lead: int) -> int:
    """Return the number of bytes of a character of UTF-8 with this first byte."""
    return 1 if lead < 0xC0 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4

"""The words of a text, and the subwords of each word.

One rule holds in every command: ASCII spaces and tabs in the text as written separate its words.
Every other character is part of a word, such as U+00A0, U+202F, U+3000 and U+200B, and so is
punctuation. Words are counted from 0, as in the links of fast_align, Moses and Marian.

A tokenizer may divide a text otherwise: it may treat a no-break space as a space, or drop a
character. Subwords are therefore matched to words by the characters that each subword stands for
(`Subword.surface`).
"""

import codecs
import re
import unicodedata
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nmt.tokenizers.letter_case import CASE_MARKS, JOINING_MARKS, CaseRestorer, make_letter_case

END_MARK = "</s>"
"""The display form of the token that ends a sentence."""

Membership = NDArray[np.bool_]
"""Whether a subword has letters of a word, `[subwords, words]`."""

_UNKNOWN = "<unk>"
_SPACE = "▁"
_SPACES = " \t"
_WITHOUT_SPACES = str.maketrans("", "", _SPACES)
_WORD = re.compile(f"[^{_SPACES}]+")
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_MAX_COMPARED = 4_000_000
"""The maximum number of character pairs up to which two spellings are compared one by one."""


class Subword(NamedTuple):
    """A token of a text.

    The surfaces of a text's tokens together are the text, without parts that normalization drops,
    such as spaces at its ends.

    Attributes:
        piece: The token as the model writes it. An unknown token has its normalized characters.
        surface: The characters of the original text that the token stands for. Empty where a
            neighbouring token stands for them.
    """

    piece: str
    surface: str


class DisplayWord(NamedTuple):
    """A word, or a part of a word, that is displayed as a unit. Punctuation is displayed by itself.

    Attributes:
        subwords: The positions of its subwords, consecutive.
        text: The text as written.
    """

    subwords: list[int]
    text: str


def split_words(text: str) -> list[str]:
    """Return the words of a text as written."""
    return _WORD.findall(text)


class SegmentedText(str):
    """A text as written, with its subwords, without an end mark.

    Attributes:
        tags: The pieces of the tags before the text. They belong to no word of the text.
    """

    _subword_source: Sequence[Subword] | Callable[[], Sequence[Subword]]
    tags: tuple[str, ...]

    def __new__(
        cls,
        text: str,
        subwords: Sequence[Subword] | Callable[[], Sequence[Subword]],
        tags: tuple[str, ...] = (),
    ) -> "SegmentedText":
        """Return a text with its subwords.

        Args:
            text: The text as written.
            subwords: The subwords of the text, or a function that is called when they are first
                read.
            tags: The pieces of the tags before the text.
        """
        self = super().__new__(cls, text)
        self._subword_source = subwords
        self.tags = tags
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return SegmentedText, (str(self), list(self.subwords[len(self.tags) :]), self.tags)

    @classmethod
    def from_pieces(cls, pieces: Sequence[str], tags: tuple[str, ...] = ()) -> "SegmentedText":
        """Return the text that subwords spell by themselves, without an end mark after them.

        Args:
            pieces: The subwords, which begin with the tags.
            tags: The pieces of the tags.
        """
        pieces = pieces[len(tags) : -1 if pieces[-1:] == [END_MARK] else None]
        subwords = [Subword(*each) for each in zip(pieces, _decode_surfaces(pieces), strict=True)]
        text = "".join(subword.surface for subword in subwords).strip(_SPACES)
        return cls(text, subwords, tags)

    @cached_property
    def subwords(self) -> Sequence[Subword]:
        """The tags and the subwords of the text, in order."""
        source = self._subword_source
        subwords = source() if callable(source) else source
        return [*(Subword(tag, "") for tag in self.tags), *subwords] if self.tags else subwords

    @cached_property
    def words(self) -> list[str]:
        """The words of the text."""
        return split_words(self)

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        """For each subword, the first of its words and one past the last.

        A subword without letters, such as a lone space or the first byte of a character, belongs to
        the word of the letters that follow. At the end of the text it belongs to the last word. A
        subword may belong to several words where the tokenizer does not divide at spaces. A word
        has no subword where normalization drops all its characters. A tag has no word.
        """
        word_of_letter = [number for number, word in enumerate(self.words) for _ in word]
        positions = iter(_letter_positions("".join(self._letters), "".join(self.words)))
        spans: list[tuple[int, int]] = []
        pending = 0
        for letters in self._letters[len(self.tags) :]:
            letter_words = [
                word_of_letter[position]
                for _ in letters
                if (position := next(positions)) is not None
            ]
            if not letter_words:
                pending += 1
                continue
            spans += [(letter_words[0], letter_words[0] + 1)] * pending
            spans.append((letter_words[0], letter_words[-1] + 1))
            pending = 0
        spans += [spans[-1] if spans else (0, 0)] * pending
        return [(0, 0)] * len(self.tags) + spans

    @cached_property
    def membership(self) -> Membership:
        """Whether a subword has letters of a word, `[subwords, words]`."""
        membership = np.zeros((len(self.subwords), len(self.words)), np.bool_)
        for number, (begin, end) in enumerate(self.spans):
            membership[number, begin:end] = True
        return membership

    @cached_property
    def display_words(self) -> list[DisplayWord]:
        """The words, with punctuation marks (except apostrophes and hyphens) as words of their own.

        They are for pictures and statistics of attention. A display word extends beyond a word only
        where a subword does. Each tag is a display word, before those of the text.
        """
        groups: list[list[int]] = []
        last_is_alone, end = False, 0
        for subword_group in self._group_subwords():
            begin = self.spans[subword_group[0]][0]
            is_alone = is_punctuation("".join(self._letters[i] for i in subword_group))
            if groups and begin < end and not is_alone and not last_is_alone:
                groups[-1] += subword_group
            else:
                groups.append(subword_group)
            last_is_alone, end = is_alone, self.spans[subword_group[-1]][1]
        tags = [DisplayWord([number], tag) for number, tag in enumerate(self.tags)]
        return [*tags, *(DisplayWord(group, self._display_text(group)) for group in groups)]

    @cached_property
    def _letters(self) -> list[str]:
        return [subword.surface.translate(_WITHOUT_SPACES) for subword in self.subwords]

    def _group_subwords(self) -> list[list[int]]:
        """Return groups of subwords. A subword without letters joins the next one with letters."""
        groups: list[list[int]] = []
        pending: list[int] = []
        first = len(self.tags)
        for number, letters in enumerate(self._letters[first:], start=first):
            pending.append(number)
            if letters:
                groups.append(pending)
                pending = []
        if pending and groups:
            groups[-1] += pending
        return groups or [pending] * bool(pending)

    def _display_text(self, group: Sequence[int]) -> str:
        text = "".join(self.subwords[i].surface for i in group)
        return text.strip(_SPACES) or _SPACE


def words_to_display(
    tokens: Sequence[str], known: SegmentedText | None, tags: tuple[str, ...] = ()
) -> list[DisplayWord]:
    """Return the display words of tokens. An end mark and each tag are words of their own.

    Args:
        tokens: The subwords of a text.
        known: The text with the same subwords, None where only the tokens are known.
        tags: The pieces of the tags with which the tokens begin.
    """
    text = SegmentedText.from_pieces(tokens, tags) if known is None else known
    words = text.display_words
    if tokens[-1:] != [END_MARK]:
        return words
    return [*words, DisplayWord([len(tokens) - 1], END_MARK)]


def starts_word(piece: str) -> bool:
    """Return whether a subword begins with a space."""
    return piece.startswith(_SPACE)


def is_punctuation(piece: str) -> bool:
    """Return whether a subword has only punctuation, without an apostrophe or hyphen."""
    text = piece.replace(_SPACE, "")
    return bool(text) and all(
        unicodedata.category(character).startswith("P") and character not in JOINING_MARKS
        for character in text
    )


def _decode_surfaces(pieces: Sequence[str]) -> list[str]:
    """Return the text of each subword. The last byte of a character spells the character."""
    if not any(mark in pieces for mark in CASE_MARKS):
        return _decode_small_letters(pieces)
    surfaces = iter(_decode_small_letters([piece for piece in pieces if piece not in CASE_MARKS]))
    restorer = CaseRestorer(make_letter_case(turkic=False, joined=False))
    return [
        restorer.mark(piece)
        if piece in CASE_MARKS
        else (restorer.skip_word if piece == _UNKNOWN else restorer.read)(next(surfaces))
        for piece in pieces
    ]


def _decode_small_letters(pieces: Sequence[str]) -> list[str]:
    """Return the text of each subword, without marks of letter case."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    surfaces: list[str] = []
    for piece in pieces:
        byte = _BYTE.fullmatch(piece)
        if byte is not None:
            surfaces.append(decoder.decode(bytes([int(byte[1], 16)])))
            continue
        if surfaces:
            surfaces[-1] += decoder.decode(b"", final=True)
        decoder.reset()
        surfaces.append(piece.replace(_SPACE, " "))
    if surfaces:
        surfaces[-1] += decoder.decode(b"", final=True)
    return surfaces


def _letter_positions(subword_letters: str, text_letters: str) -> Sequence[int | None]:
    """Return the position in the text of each letter of the subwords, None for a missing one.

    Args:
        subword_letters: The letters of all subwords.
        text_letters: The letters of the text, including those that normalization drops.
    """
    if subword_letters == text_letters:
        return range(len(text_letters))
    positions: list[int | None] = []
    position = -1
    for letter in subword_letters:
        position = text_letters.find(letter, position + 1)
        if position < 0:
            return _likely_positions(subword_letters, text_letters)
        positions.append(position)
    return positions


def _likely_positions(subword_letters: str, text_letters: str) -> list[int | None]:
    """Return the most likely positions where letters are also replaced, by longest equal runs.

    See `_letter_positions`.
    """
    positions: list[int | None] = [None] * len(subword_letters)
    runs = [(0, len(subword_letters), 0, len(text_letters))]
    if len(subword_letters) * len(text_letters) <= _MAX_COMPARED:
        matcher = SequenceMatcher(None, subword_letters, text_letters, autojunk=False)
        runs = [(begin, end, first, stop) for _, begin, end, first, stop in matcher.get_opcodes()]
    for begin, end, first, stop in runs:
        for i in range(begin, end if stop > first else begin):
            positions[i] = first + (i - begin) * (stop - first) // (end - begin)
    return positions

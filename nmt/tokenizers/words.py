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

END_MARK = "</s>"
"""The display form of the token that ends a sentence."""

JOINING = "'’-‐‑·׳״"
"""Apostrophes, hyphens and the like, which join their neighbours into one word."""

Membership = NDArray[np.bool_]
"""Whether a subword has letters of a word, `[subwords, words]`."""

_SPACE = "▁"
_SPACES = " \t"
_WITHOUT_SPACES = str.maketrans("", "", _SPACES)
_WORD = re.compile(f"[^{_SPACES}]+")
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_MOST_COMPARED = 4_000_000
"""The limit on the pairs of characters, beyond which two spellings are not compared one by one."""


class Subword(NamedTuple):
    """A token of a text.

    The surfaces of a text's tokens together are the text, without parts that normalisation drops,
    such as spaces at its ends.

    Attributes:
        piece: The token as the model writes it. An unknown token has its normalised characters.
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
    """A text as written, with its subwords, without an end mark."""

    _given: Sequence[Subword] | Callable[[], Sequence[Subword]]

    def __new__(
        cls, text: str, subwords: Sequence[Subword] | Callable[[], Sequence[Subword]]
    ) -> "SegmentedText":
        """Return a text with its subwords.

        Args:
            text: The text as written.
            subwords: The subwords, or a function that is called when they are first read.
        """
        self = super().__new__(cls, text)
        self._given = subwords
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return SegmentedText, (str(self), list(self.subwords))

    @classmethod
    def of_pieces(cls, pieces: Sequence[str]) -> "SegmentedText":
        """Return the text that subwords spell by themselves, without an end mark after them."""
        pieces = pieces[:-1] if pieces[-1:] == [END_MARK] else pieces
        subwords = [Subword(*each) for each in zip(pieces, _surfaces(pieces), strict=True)]
        return cls("".join(subword.surface for subword in subwords).strip(_SPACES), subwords)

    @cached_property
    def subwords(self) -> Sequence[Subword]:
        """The subwords, in order."""
        return self._given() if callable(self._given) else self._given

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
        has no subword where normalisation drops all its characters.
        """
        word_of_place = [number for number, word in enumerate(self.words) for _ in word]
        places = iter(_places("".join(self._letters), "".join(self.words)))
        spans: list[tuple[int, int]] = []
        waiting = 0
        for letters in self._letters:
            own = [word_of_place[place] for _ in letters if (place := next(places)) is not None]
            if not own:
                waiting += 1
                continue
            spans += [(own[0], own[0] + 1)] * waiting
            spans.append((own[0], own[-1] + 1))
            waiting = 0
        return spans + [spans[-1] if spans else (0, 0)] * waiting

    @cached_property
    def membership(self) -> Membership:
        """Whether a subword has letters of a word, `[subwords, words]`."""
        found = np.zeros((len(self.subwords), len(self.words)), np.bool_)
        for number, (begin, end) in enumerate(self.spans):
            found[number, begin:end] = True
        return found

    @cached_property
    def display_words(self) -> list[DisplayWord]:
        """The words, with punctuation marks (except apostrophes and hyphens) as words of their own.

        They are for pictures and statistics of attention. A display word extends beyond a word only
        where a subword does.
        """
        groups: list[list[int]] = []
        last_alone, end = False, 0
        for atom in self._atoms():
            begin = self.spans[atom[0]][0]
            alone = is_punctuation("".join(self._letters[i] for i in atom))
            if groups and begin < end and not alone and not last_alone:
                groups[-1] += atom
            else:
                groups.append(atom)
            last_alone, end = alone, self.spans[atom[-1]][1]
        return [DisplayWord(group, self._spelled(group)) for group in groups]

    @cached_property
    def _letters(self) -> list[str]:
        return [subword.surface.translate(_WITHOUT_SPACES) for subword in self.subwords]

    def _atoms(self) -> list[list[int]]:
        """Return groups of subwords: those without letters join the next one with letters."""
        atoms: list[list[int]] = []
        waiting: list[int] = []
        for number, letters in enumerate(self._letters):
            waiting.append(number)
            if letters:
                atoms.append(waiting)
                waiting = []
        if waiting and atoms:
            atoms[-1] += waiting
        return atoms or [waiting] * bool(waiting)

    def _spelled(self, group: Sequence[int]) -> str:
        text = "".join(self.subwords[i].surface for i in group)
        return text.strip(_SPACES) or _SPACE


def words_to_display(tokens: Sequence[str], known: SegmentedText | None) -> list[DisplayWord]:
    """Return the display words of tokens. An end mark is a word of its own.

    Args:
        tokens: The subwords of a text.
        known: The text with the same subwords, None where only the tokens are known.
    """
    text = SegmentedText.of_pieces(tokens) if known is None else known
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
        unicodedata.category(character).startswith("P") and character not in JOINING
        for character in text
    )


def _surfaces(pieces: Sequence[str]) -> list[str]:
    """Return the text of each subword. The last byte of a character spells the character."""
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


def _places(spelled: str, written: str) -> Sequence[int | None]:
    """Return the index of each letter of the subwords in the text, None for one that is not there.

    Args:
        spelled: The letters of all subwords.
        written: The letters of the text, including those that normalisation drops.
    """
    if spelled == written:
        return range(len(written))
    places: list[int | None] = []
    place = -1
    for letter in spelled:
        place = written.find(letter, place + 1)
        if place < 0:
            return _likely_places(spelled, written)
        places.append(place)
    return places


def _likely_places(spelled: str, written: str) -> list[int | None]:
    """Return the result of `_places` where letters are also replaced, by longest equal runs."""
    places: list[int | None] = [None] * len(spelled)
    runs = [(0, len(spelled), 0, len(written))]
    if len(spelled) * len(written) <= _MOST_COMPARED:
        matcher = SequenceMatcher(None, spelled, written, autojunk=False)
        runs = [(begin, end, first, stop) for _, begin, end, first, stop in matcher.get_opcodes()]
    for begin, end, first, stop in runs:
        for i in range(begin, end if stop > first else begin):
            places[i] = first + (i - begin) * (stop - first) // (end - begin)
    return places

"""The words of a text, and the subwords that stand for each.

One rule holds in every command: the words of a text are what ASCII spaces and tabs divide in the
text as it is written. Every other character is part of a word, such as U+00A0, U+202F, U+3000 and
U+200B, and so is punctuation. The words are counted from 0, so that links from fast_align, Moses
and Marian count the same words.

A tokenizer may divide a text otherwise: it may take a no-break space for a space, or drop a
character. The way from its subwords to the words is therefore found by the characters that each
subword stands for (`Subword.surface`).
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
"""How the token that ends a sentence is shown."""

JOINING = "'’-‐‑·׳״"
"""Apostrophes, hyphens and the like, which join what stands beside them into one word."""

Membership = NDArray[np.bool_]
"""Whether a subword has letters of a word, `[subwords, words]`."""

_SPACE = "▁"
_SPACES = " \t"
_WITHOUT_SPACES = str.maketrans("", "", _SPACES)
_WORD = re.compile(f"[^{_SPACES}]+")
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")
_MOST_COMPARED = 4_000_000
"""Pairs of characters beyond which two spellings are not compared one by one."""


class Subword(NamedTuple):
    """A token of a text; piece: as the model writes it, but an unknown one as its normalised
    characters; surface: the characters of the text that it stands for, before normalisation, none
    where a token beside it stands for them too. The surfaces of a text's tokens are the text but
    for what normalisation drops, such as spaces at its ends.
    """

    piece: str
    surface: str


class DisplayWord(NamedTuple):
    """What is shown as one word: a word, or a part of it where punctuation is shown by itself.

    subwords: positions of its subwords, in a row; text: as it is written.
    """

    subwords: list[int]
    text: str


def split_words(text: str) -> list[str]:
    """Return the words of a text as it is written."""
    return _WORD.findall(text)


class SegmentedText(str):
    """A text as it is written, and the subwords that stand for it, without an end mark."""

    _given: Sequence[Subword] | Callable[[], Sequence[Subword]]

    def __new__(
        cls, text: str, subwords: Sequence[Subword] | Callable[[], Sequence[Subword]]
    ) -> "SegmentedText":
        """Return a text; its subwords may be given by a function, called when they are read."""
        self = super().__new__(cls, text)
        self._given = subwords
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return SegmentedText, (str(self), list(self.subwords))

    @classmethod
    def of_pieces(cls, pieces: Sequence[str]) -> "SegmentedText":
        """Return the text that subwords spell by themselves. An end mark after them is left out."""
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

        A subword without letters of its own, such as a lone space or the first byte of a character,
        belongs to the word of the letters that follow; at the end of the text to the last word. A
        subword may be of several words where the tokenizer does not divide at spaces. A word of
        nothing but what normalisation drops has no subword.
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
        """The words with punctuation marks (but no apostrophe or hyphen) by themselves.

        For pictures and statistics of attention. None of them goes beyond a word, except where one
        subword does.
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
        """Subwords that have no letters, with the next one that has."""
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
    """Return the words of tokens, the end mark as a word of its own where they have one.

    Args:
        tokens: The subwords of a text.
        known: The same with the text; None where only the tokens are known.
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
    """Return whether a subword is of punctuation alone, but no apostrophe or hyphen."""
    text = piece.replace(_SPACE, "")
    return bool(text) and all(
        unicodedata.category(character).startswith("P") and character not in JOINING
        for character in text
    )


def _surfaces(pieces: Sequence[str]) -> list[str]:
    """Return what each subword spells by itself; of the bytes of a character the last has it."""
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
    """Return where each letter of the subwords stands in the text; None for one that does not.

    spelled: the letters of all subwords; written: those of the text, among them what normalisation
    has dropped.
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
    """Return the same where letters were replaced as well: by the longest runs that are alike."""
    places: list[int | None] = [None] * len(spelled)
    runs = [(0, len(spelled), 0, len(written))]
    if len(spelled) * len(written) <= _MOST_COMPARED:
        matcher = SequenceMatcher(None, spelled, written, autojunk=False)
        runs = [(begin, end, first, stop) for _, begin, end, first, stop in matcher.get_opcodes()]
    for begin, end, first, stop in runs:
        for i in range(begin, end if stop > first else begin):
            places[i] = first + (i - begin) * (stop - first) // (end - begin)
    return places

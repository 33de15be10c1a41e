"""Letter case as marks: a text in small letters, and marks for the words that had capitals.

| mark | meaning |
|---|---|
| `<Aa>` | the next letter is a capital |
| `<AA>` | the next word is in capitals |
| `<AA+>` | all text up to the next mark is in capitals |
| `<aa>` | the text in capitals ends |

A word is a run of letters, digits and accents. A word of capitals and small letters in another
order, such as `iPhone`, stays as written. So does a letter whose small form is not one character or
does not give the letter back, such as `İ`. `ß` has no capital here: `STRAßE` comes back as it was.
The final sigma `ς` is the small letter of a capital sigma at the end of a word in capitals.
"""

import re
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from copy import copy
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

FIRST, WORD, RUN, END = CASE_MARKS = ("<Aa>", "<AA>", "<AA+>", "<aa>")
"""The marks as the vocabulary has them. No text gives these tokens."""

JOINING_MARKS = "'’-‐‑·׳״"
"""Apostrophes, hyphens and the like, which join their neighbours into one word."""

_STABLE = (
    *((0x0, 0x1C88), (0x1C8B, 0xA7CA), (0xA7F2, 0xFFFF)),
    *((0x10400, 0x10CFF), (0x118A0, 0x118DF), (0x16E40, 0x16E7F), (0x1E900, 0x1E943)),
)
"""The ranges whose pairs of capital and small letters are the same in all versions of Python."""

_TURKIC = {"I": "ı", "İ": "i"}
_SIGMA, _SMALL_SIGMA, _FINAL_SIGMA = "Σσς"

_LAST_WITH_SYMBOLS = 0x1FFFF
"""No character above is punctuation or a symbol."""


class CaseMark(NamedTuple):
    """A mark in a text of small letters.

    Attributes:
        position: The index of the first letter that it is about.
        name: The mark.
    """

    position: int
    name: str


class _Word(NamedTuple):
    """A word that has capital or small letters.

    Attributes:
        start: The index of its first character.
        small: The word in small letters. As written where no mark can restore it.
        mark: `FIRST`, `WORD`, or None for a word without a mark.
        capitals: Whether all its letters are capitals.
    """

    start: int
    small: str
    mark: str | None
    capitals: bool


class LetterCase:
    """The rules by which marks replace the capitals of a text.

    Args:
        turkic: Whether `ı` and `I`, `i` and `İ` are pairs, as in Turkish.
        joined: Whether apostrophes and hyphens belong to words.
        symbols: Texts that stay as written, the longest first.
    """

    def __init__(self, turkic: bool, joined: bool, symbols: Sequence[str] = ()) -> None:
        self._small, self._capital = _pairs(turkic)
        self._word = re.compile(_word_pattern(joined, symbols))
        self._symbol = re.compile("|".join(map(re.escape, symbols))) if symbols else None

    def split(self, text: str) -> tuple[str, list[CaseMark]]:
        """Return a text in small letters, of the same length, and the marks of its capitals."""
        if text.islower():
            return text, []
        words = list(self._words(text))
        parts: list[str] = []
        end = 0
        for word in words:
            if word.mark is not None:
                parts += (text[end : word.start], word.small)
                end = word.start + len(word.small)
        if not end:
            return text, []
        small = "".join((*parts, text[end:]))
        if self._symbol is not None and _spans(self._symbol, text) != _spans(self._symbol, small):
            return text, []  # small letters would make a symbol of something else
        return small, [
            CaseMark(self._first_letter(small, position), name) for position, name in _marks(words)
        ]

    def write_capitals(self, text: str) -> str:
        """Return a text in capitals. Letters without a capital here, such as `ß`, stay."""
        return text.translate(self._capital)

    def has_letters(self, text: str) -> bool:
        """Return whether a text has a letter that has a capital or a small form."""
        return any(code in self._small or code in self._capital for code in map(ord, text))

    def _words(self, text: str) -> Iterator[_Word]:
        """Yield the words that a mark would change."""
        small_forms, capital_forms = self._small, self._capital
        for match in self._word.finditer(text):
            word = match[0]
            if word.islower():
                yield _Word(match.start(), word, None, False)
                continue
            small = word.translate(small_forms)
            if small == word or match.lastgroup:
                if word.translate(capital_forms) != word:
                    yield _Word(match.start(), word, None, False)
                continue
            yield self._with_capitals(match.start(), word, small)

    def _with_capitals(self, start: int, word: str, small: str) -> _Word:
        capitals = sum(map(str.__ne__, word, small))
        if small.translate(self._capital) == word:
            if capitals == 1:
                return _Word(start, small, FIRST, True)
            if small.endswith(_SMALL_SIGMA) and word.endswith(_SIGMA):
                small = small[:-1] + _FINAL_SIGMA
            return _Word(start, small, WORD, True)
        first = self._first_letter(small, 0)
        if capitals == 1 and word[first] != small[first]:
            return _Word(start, small, FIRST, False)
        return _Word(start, word, None, False)

    def _first_letter(self, text: str, start: int) -> int:
        """Return the index of the first letter with a capital or small form; else `start`."""
        small, capital = self._small, self._capital
        for index in range(start, len(text)):
            if (code := ord(text[index])) in capital or code in small:
                return index
        return start


class CaseRestorer:
    """The restoration of capitals in a text that is read part by part.

    Args:
        case: The rules.
        joined: Whether each part ends a word, as where tokens are whole words.
    """

    def __init__(self, case: LetterCase, joined: bool = False) -> None:
        self._case = case
        self._ends_word = joined
        self._mark: str | None = None
        self._in_word = False

    @property
    def state(self) -> tuple[str | None, bool]:
        """The last mark that still counts, and whether its word has begun."""
        return self._mark, self._in_word

    def copy(self) -> "CaseRestorer":
        """Return a restorer that has read the same."""
        return copy(self)

    def mark(self, name: str) -> str:
        """Return the text of a mark, which is empty, and apply the mark to the next text.

        Args:
            name: The mark.
        """
        self._mark = None if name == END else name
        self._in_word = False
        return ""

    def skip_word(self, text: str) -> str:
        """Return a text that stays as it is. A mark for one word ends there.

        Args:
            text: The text of an unknown token, which is a word or a part of one.
        """
        if self._mark != RUN:
            self._mark = None
        return text

    def read(self, text: str) -> str:
        """Return the next part of the text with its capitals."""
        if self._mark is None or not text:
            return text
        if self._mark == RUN:
            return text.translate(self._case._capital)
        begin = 0
        if not self._in_word:
            if not self._case.has_letters(text):
                return text
            begin = self._case._first_letter(text, 0)
        if self._mark == FIRST:
            self._mark = None
            end = begin + 1
        else:
            match = self._case._word.match(text, begin)
            end = begin if match is None or match.lastgroup else match.end()
            self._in_word = end == len(text) and not self._ends_word
            if not self._in_word:
                self._mark = None
        return text[:begin] + text[begin:end].translate(self._case._capital) + text[end:]


def find_open_mark(pieces: Sequence[str]) -> list[str]:
    """Return the mark that subwords after `pieces` need where these end within capitals."""
    last = next((piece for piece in reversed(pieces) if piece in CASE_MARKS), None)
    return [RUN] if last == RUN else []


def find_closing_mark(pieces: Sequence[str]) -> list[str]:
    """Return the mark that ends capitals which would extend beyond `pieces`."""
    return [END] if find_open_mark(pieces) else []


@lru_cache(maxsize=16)
def make_letter_case(turkic: bool, joined: bool, symbols: tuple[str, ...] = ()) -> LetterCase:
    """Return the rules for a tokenizer.

    Args:
        turkic: See `LetterCase`.
        joined: See `LetterCase`.
        symbols: See `LetterCase`.
    """
    return LetterCase(turkic, joined, symbols)


def _marks(words: Sequence[_Word]) -> Iterator[tuple[int, str]]:
    """Yield the marks of words, each with the index of its word.

    Words in capitals in a row, two of them longer than a letter, have one mark. `A BMX bike` has no
    such row, because small letters follow most sentences' first word `A` or `I`.
    """
    in_capitals = False
    for capitals, group in groupby(words, lambda word: word.capitals):
        row = list(group)
        if capitals and sum(word.mark == WORD for word in row) > 1:
            yield row[0].start, RUN
            in_capitals = True
            continue
        for word in row:
            if word.mark is not None:
                yield word.start, word.mark
            elif in_capitals:
                yield word.start, END
            in_capitals = False


@lru_cache(maxsize=2)
def _pairs(turkic: bool) -> tuple[dict[int, str], dict[int, str]]:
    """Return the small letter of each capital, and the capital of each small letter, by code."""
    small: dict[str, str] = {}
    for first, last in _STABLE:
        for capital in map(chr, range(first, last + 1)):
            letter = capital.lower()
            is_pair = len(letter) == 1 and letter != capital and letter.upper() == capital
            if is_pair and unicodedata.category(capital)[0] != "S":
                small[capital] = letter
    small |= _TURKIC if turkic else {}
    capital_forms = {letter: capital for capital, letter in small.items()}
    capital_forms[_FINAL_SIGMA] = _SIGMA
    return (
        {ord(capital): letter for capital, letter in small.items()},
        {ord(letter): capital for letter, capital in capital_forms.items()},
    )


def _word_pattern(joined: bool, symbols: Sequence[str]) -> str:
    letters, _ = letters_and_marks()
    letter, symbol = f"[{letters}]", ""
    if symbols:
        any_symbol = "|".join(map(re.escape, symbols))
        letter = f"(?:(?!{any_symbol})[{letters}])"
        symbol = f"(?P<symbol>{any_symbol})|"
    more = rf"(?:[{re.escape(JOINING_MARKS)}]{letter}+)*" if joined else ""
    return f"{symbol}{letter}+{more}"


def _spans(pattern: re.Pattern[str], text: str) -> list[tuple[int, int]]:
    return [match.span() for match in pattern.finditer(text)]


@lru_cache(maxsize=1)
def letters_and_marks() -> tuple[str, str]:
    """Return the letters and the marks, each as ranges for the inside of a character class.

    Marks are punctuation, symbols and spaces, including `▁`. Letters are all other characters, such
    as digits, accents and characters that this version of Unicode does not know.
    """
    ranges: dict[bool, list[str]] = {False: [], True: []}
    codes = range(_LAST_WITH_SYMBOLS + 1)
    for is_mark, run in groupby(codes, lambda code: unicodedata.category(chr(code))[0] in "PSZ"):
        first, *others = run
        last = others[-1] if others else first
        ranges[is_mark].append(f"{re.escape(chr(first))}-{re.escape(chr(last))}")
    ranges[False].append(f"{chr(_LAST_WITH_SYMBOLS + 1)}-{chr(sys.maxunicode)}")
    return "".join(ranges[False]), "".join(ranges[True])

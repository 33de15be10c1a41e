"""How a text is written: tokenization, case, quotes, lengths, characters, marks of other tools.

A profile is made of a sample of the lines, and costs little beside reading them.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from nmt.text.characters import TO_NFC, UNSPACED, UNSPACED_RANGES
from nmt.text.tool_marks import marks_in, may_have_marks

LINES_PROFILED = 400
"""Lines of a corpus whose writing is looked at, evenly spread."""

LINES_SCANNED = 10_000
"""Lines of a corpus in which characters and marks are looked for, evenly spread."""

SHORT_EXAMPLE = 50
"""Characters of an example that is shown as a whole."""

_CUT = 500
"""Characters of a line that are looked at."""

_CHARACTERS_A_WORD = 1.7
"""Characters of a word in scripts without spaces, the mean of Chinese and Japanese."""


@dataclass(frozen=True)
class Contrast:
    """A choice in writing that two corpora can make differently.

    Attributes:
        name: The name in records.
        title: What the corpora differ in.
        form: What the lines of the first form do, as in "60% of the lines FORM".
        first: Tells whether a line has the first form.
        second: Tells whether a line has the second form. A line with neither does not count.
        remedy: How to bring the first form into the second. `{corpus}` stands for the corpus.
        least: The least difference of the shares that counts.
    """

    name: str
    title: str
    form: str
    first: Callable[[str], object]
    second: Callable[[str], object]
    remedy: str
    least: float = 0.25


class _Finder:
    """Tells whether a line has a pattern; quick where it cannot have it.

    Args:
        pattern: A regular expression.
        signs: Characters of which one is in every line that has the pattern.
        beyond_ascii: Whether a line of ASCII never has it.
        is_unspaced: Whether every line that has the pattern has a character of `UNSPACED`.
    """

    def __init__(
        self, pattern: str, signs: str = "", beyond_ascii: bool = False, is_unspaced: bool = False
    ) -> None:
        self._pattern, self._signs = pattern, signs
        self._beyond_ascii, self._is_unspaced = beyond_ascii or is_unspaced, is_unspaced

    @cached_property
    def _search(self) -> Callable[[str], object]:
        return re.compile(self._pattern).search

    def __call__(self, line: str) -> bool:
        if self._beyond_ascii and line.isascii():
            return False
        if self._is_unspaced and UNSPACED.search(line) is None:
            return False
        if self._signs and not any(sign in line for sign in self._signs):
            return False
        return self._search(line) is not None


_STOP = ".,\u060c\u06d4\u0964\u1362"  # also Arabic, Urdu, Devanagari and Ethiopic ones
_PUNCTUATION = ".,;:!?\u0964\u06d4\u3002\uff0c\uff1f\uff01\u060c\u061f\u2026"

CONTRASTS = (
    Contrast(
        "tokenization",
        "tokenization",
        "have a space before a full stop or comma",
        _Finder(rf"\S [{_STOP}](?= |$)"),
        _Finder(rf"[^\s{_STOP}][{_STOP}](?= |$)"),
        "Detokenise {corpus}, such as with sacremoses detokenize.",
        0.2,
    ),
    Contrast(
        "segmentation",
        "spaces between words",
        "have spaces between their words",
        _Finder(rf"[{UNSPACED_RANGES}] [{UNSPACED_RANGES}]+ [{UNSPACED_RANGES}]", is_unspaced=True),
        _Finder(
            rf"^(?!.*[{UNSPACED_RANGES}] [{UNSPACED_RANGES}]).*[{UNSPACED_RANGES}]{{4}}",
            is_unspaced=True,
        ),
        "Take the spaces out of {corpus}: sed 's/ //g'",
    ),
    Contrast(
        "lower-case",
        "case",
        "have no capital letter",
        str.islower,
        lambda line: line != line.lower(),
        "Take the text of {corpus} with its case, or lower-case all texts and what is translated.",
    ),
    Contrast(
        "upper-case",
        "case",
        "have capital letters only",
        lambda line: line.isupper() and len(line) > 3,
        lambda line: not line.isupper() and line != line.upper(),
        "Take the text of {corpus} with its case.",
    ),
    Contrast(
        "normalization",
        "Unicode normalisation",
        "have decomposed characters (NFD)",
        lambda line: not line.isascii() and not unicodedata.is_normalized("NFC", line),
        lambda line: not line.isascii() and not unicodedata.is_normalized("NFD", line),
        f"Normalise {{corpus}} to NFC: {TO_NFC}",
    ),
    Contrast(
        "apostrophes",
        "apostrophes",
        "have the apostrophe ’",
        _Finder(r"\w’\w", "’"),
        _Finder(r"\w'\w", "'"),
        'Write them alike: sed "s/’/\'/g" on {corpus}, or the other way round.',
    ),
    Contrast(
        "quotes",
        "quotation marks",
        "have typographic quotation marks (“ ” « »)",
        _Finder("[“”„«»]", beyond_ascii=True),
        lambda line: '"' in line,
        "Write them alike: sed 's/[“”„«»]/\"/g' on {corpus}, or the other way round.",
    ),
    Contrast(
        "dashes",
        "dashes",
        "have long dashes (– —)",
        lambda line: "–" in line or "—" in line,
        lambda line: " - " in line or " -- " in line,
        "Write them alike: sed 's/[–—]/-/g' on {corpus}, or the other way round.",
    ),
    Contrast(
        "digits",
        "digits",
        "have other digits than 0 to 9",
        _Finder(r"(?![0-9])\d", beyond_ascii=True),
        _Finder("[0-9]"),
        "Write the numbers of {corpus} with the digits of the other texts.",
    ),
    Contrast(
        "punctuation",
        "punctuation",
        "have no punctuation",
        _Finder(f"^[^{_PUNCTUATION}]*$"),
        lambda line: True,
        "Take the text of {corpus} with its punctuation.",
        0.5,
    ),
    Contrast(
        "full-width",
        "width of punctuation",
        "have full-width punctuation (，。！？)",
        _Finder("[，。！？：；（）]", beyond_ascii=True),
        _Finder(f"[{UNSPACED_RANGES}][,.!?:;(]", is_unspaced=True),
        "Write the punctuation of {corpus} like that of the other texts.",
    ),
)


@dataclass(frozen=True)
class Example:
    """A line that shows something. line: its number in the corpus, from 1."""

    line: int
    text: str


@dataclass
class Seen:
    """How often something was seen, and an example: the first short line with it, or the first."""

    count: int = 0
    example: Example | None = None

    def add(self, line: int, text: str) -> None:
        """Count a line."""
        self.count += 1
        known = self.example
        if known is None or len(text) <= SHORT_EXAMPLE < len(known.text):
            self.example = Example(line, text)


@dataclass
class TextProfile:
    """How one side of a corpus is written.

    Attributes:
        scanned: Lines in which characters and marks were looked for.
        marks: Other tools' marks, by their names.
        lines: Lines whose writing was looked at; blank ones do not count.
        first: Lines of the first form of each contrast.
        second: Lines of its second form.
        lengths: Lines by their words.
        by_length: The first line of each length.
        characters: The characters of these lines.
        lines_with: By character, how many of these lines have it.
        alphabet: Characters of the lines scanned.
        alphabet_total: How many characters these lines have.
    """

    scanned: int = 0
    marks: dict[str, Seen] = field(default_factory=dict)
    lines: int = 0
    first: list[Seen] = field(default_factory=lambda: [Seen() for _ in CONTRASTS])
    second: list[Seen] = field(default_factory=lambda: [Seen() for _ in CONTRASTS])
    lengths: Counter[int] = field(default_factory=Counter)
    by_length: dict[int, Example] = field(default_factory=dict)
    characters: Counter[str] = field(default_factory=Counter)
    lines_with: Counter[str] = field(default_factory=Counter)
    alphabet: set[str] = field(default_factory=set)
    alphabet_total: int = 0

    def scan(self, lines: Sequence[int], texts: Sequence[str]) -> None:
        """Look for characters and marks in lines with these numbers."""
        joined = "".join(texts)
        self.scanned += len(texts)
        self.alphabet.update(joined)
        self.alphabet_total += len(joined)
        if may_have_marks(joined):
            for line, text in zip(lines, texts, strict=True):
                for mark in marks_in(text):
                    self.marks.setdefault(mark.name, Seen()).add(line, text)

    def add(self, line: int, text: str) -> None:
        """Look at the writing of a line."""
        text = text[:_CUT].strip()
        if not text:
            return
        self.lines += 1
        for place, contrast in enumerate(CONTRASTS):
            if contrast.first(text):
                self.first[place].add(line, text)
            elif contrast.second(text):
                self.second[place].add(line, text)
        words = word_count(*divide_at_spaces(text))
        self.lengths[words] += 1
        self.by_length.setdefault(words, Example(line, text))
        self.characters.update(text)
        self.lines_with.update(set(text))


@dataclass
class CorpusProfile:
    """How both sides of a corpus are written. lines: of the corpus, of which a sample is taken."""

    lines: int
    source: TextProfile = field(default_factory=TextProfile)
    target: TextProfile = field(default_factory=TextProfile)

    def __post_init__(self) -> None:
        self._scan_step = max(1, -(-self.lines // LINES_SCANNED))
        steps = -(-self.lines // (self._scan_step * LINES_PROFILED))
        self._step = self._scan_step * max(1, steps)

    def add(self, line: int, source: str, target: str) -> None:
        """Take a pair into account. line: its number in the corpus, from 1."""
        if (line - 1) % self._scan_step == 0:
            self.add_block([line], [source], [target])

    def add_block(
        self, lines: Sequence[int], sources: Sequence[str], targets: Sequence[str]
    ) -> None:
        """Take those of some pairs into account that belong to the sample.

        Args:
            lines: Their numbers in the corpus, from 1, rising.
            sources: Their source texts.
            targets: Their target texts.
        """
        if not lines:
            return
        scanned, looked_at = (
            slice((1 - lines[0]) % step, None, step) for step in (self._scan_step, self._step)
        )
        for profile, texts in ((self.source, sources), (self.target, targets)):
            profile.scan(lines[scanned], texts[scanned])
            for line, text in zip(lines[looked_at], texts[looked_at], strict=True):
                profile.add(line, text)


def divide_at_spaces(text: str) -> tuple[list[str], int]:
    """Return the words that spaces divide, and the number of characters written without spaces.

    Such characters (`UNSPACED`) divide words like spaces do and are part of none.
    """
    if text.isascii():
        return text.split(), 0
    spaced, unspaced = UNSPACED.subn(" ", text)
    return spaced.split(), unspaced


def word_count(words: Sequence[str], unspaced: int) -> int:
    """Return the number of words of a text, from what `divide_at_spaces` returns of it.

    Words that are written without spaces are estimated by their characters.
    """
    return len(words) + round(unspaced / _CHARACTERS_A_WORD)

"""The profile of a text: tokenization, case, quotes, lengths, characters, marks of tools.

A profile is based on a sample of the lines, so that it costs little beside reading them. Marks of
tools are escaped characters, subword marks and the like (`TOOL_MARKS`). A model learns and writes
them like words.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from nmt.text.characters import TO_NFC, UNSPACED, UNSPACED_RANGES

LINES_PROFILED = 400
"""The number of lines of a corpus, evenly spread, whose writing is profiled."""

LINES_SCANNED = 10_000
"""The number of lines of a corpus, evenly spread, that are scanned for characters and marks."""

SHORT_EXAMPLE = 50
"""The number of characters up to which an example is shown as a whole."""

_MAX_CHARACTERS = 500
"""The number of characters of a line that are profiled."""

_CHARACTERS_PER_WORD = 1.7
"""The characters of a word in scripts without spaces, the mean of Chinese and Japanese."""


@dataclass(frozen=True)
class Contrast:
    """A choice in writing that two corpora can make differently.

    Attributes:
        name: The name in records.
        title: The name of the difference in messages.
        form: A description of lines of the first form, as in "60% of the lines FORM".
        first: Whether a line has the first form.
        second: Whether a line has the second form. A line with neither does not count.
        remedy: Advice on how to turn the first form into the second. `{corpus}` is the corpus.
        least: The least difference of the shares that counts.
    """

    name: str
    title: str
    form: str
    first: Callable[[str], object]
    second: Callable[[str], object]
    remedy: str
    least: float = 0.25


class _LineTest:
    """A test whether a line has a pattern. Quick checks exclude most lines.

    Args:
        pattern: A regular expression.
        signs: Characters of which every line with the pattern has at least one.
        beyond_ascii: Whether an ASCII line never has the pattern.
        is_unspaced: Whether every line with the pattern has a character of `UNSPACED`.
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


_STOP = ".,\u060c\u06d4\u0964\u1362"  # including Arabic, Urdu, Devanagari and Ethiopic ones
_PUNCTUATION = ".,;:!?\u0964\u06d4\u3002\uff0c\uff1f\uff01\u060c\u061f\u2026"

CONTRASTS = (
    Contrast(
        "tokenization",
        "tokenization",
        "have a space before a full stop or comma",
        _LineTest(rf"\S [{_STOP}](?= |$)"),
        _LineTest(rf"[^\s{_STOP}][{_STOP}](?= |$)"),
        "Detokenize {corpus}, such as with sacremoses detokenize.",
        0.2,
    ),
    Contrast(
        "segmentation",
        "spaces between words",
        "have spaces between their words",
        _LineTest(
            rf"[{UNSPACED_RANGES}] [{UNSPACED_RANGES}]+ [{UNSPACED_RANGES}]", is_unspaced=True
        ),
        _LineTest(
            rf"^(?!.*[{UNSPACED_RANGES}] [{UNSPACED_RANGES}]).*[{UNSPACED_RANGES}]{{4}}",
            is_unspaced=True,
        ),
        "Remove the spaces from {corpus}: sed 's/ //g'",
    ),
    Contrast(
        "lower-case",
        "case",
        "have no capital letter",
        str.islower,
        lambda line: line != line.lower(),
        "Use {corpus} with its original case, or lower-case all texts, including the input of nmt "
        "translate.",
    ),
    Contrast(
        "upper-case",
        "case",
        "have capital letters only",
        lambda line: line.isupper() and len(line) > 3,
        lambda line: not line.isupper() and line != line.upper(),
        "Use {corpus} with its original case.",
    ),
    Contrast(
        "normalization",
        "Unicode normalization",
        "have decomposed characters (NFD)",
        lambda line: not line.isascii() and not unicodedata.is_normalized("NFC", line),
        lambda line: not line.isascii() and not unicodedata.is_normalized("NFD", line),
        f"Normalize {{corpus}} to NFC: {TO_NFC}",
    ),
    Contrast(
        "apostrophes",
        "apostrophes",
        "have the apostrophe ’",
        _LineTest(r"\w’\w", "’"),
        _LineTest(r"\w'\w", "'"),
        'Write them alike: sed "s/’/\'/g" on {corpus}, or change the other texts.',
    ),
    Contrast(
        "quotes",
        "quotation marks",
        "have typographic quotation marks (“ ” « »)",
        _LineTest("[“”„«»]", beyond_ascii=True),
        lambda line: '"' in line,
        "Write them alike: sed 's/[“”„«»]/\"/g' on {corpus}, or change the other texts.",
    ),
    Contrast(
        "dashes",
        "dashes",
        "have long dashes (– —)",
        lambda line: "–" in line or "—" in line,
        lambda line: " - " in line or " -- " in line,
        "Write them alike: sed 's/[–—]/-/g' on {corpus}, or change the other texts.",
    ),
    Contrast(
        "digits",
        "digits",
        "have digits other than 0 to 9",
        _LineTest(r"(?![0-9])\d", beyond_ascii=True),
        _LineTest("[0-9]"),
        "Write the numbers of {corpus} with the digits of the other texts.",
    ),
    Contrast(
        "punctuation",
        "punctuation",
        "have no punctuation",
        _LineTest(f"^[^{_PUNCTUATION}]*$"),
        lambda line: True,
        "Use {corpus} with its original punctuation.",
        0.5,
    ),
    Contrast(
        "full-width",
        "width of punctuation",
        "have full-width punctuation (，。！？)",
        _LineTest("[，。！？：；（）]", beyond_ascii=True),
        _LineTest(f"[{UNSPACED_RANGES}][,.!?:;(]", is_unspaced=True),
        "Write the punctuation of {corpus} like that of the other texts.",
    ),
)


@dataclass(frozen=True)
class Example:
    """An example line.

    Attributes:
        line: The number of the line in the corpus, from 1.
        text: The line.
    """

    line: int
    text: str


@dataclass
class LineCount:
    """The number of lines with a property, and an example: the first short line, or the first."""

    count: int = 0
    example: Example | None = None

    def add(self, line: int, text: str) -> None:
        """Count a line.

        Args:
            line: The number of the line in the corpus, from 1.
            text: The line.
        """
        self.count += 1
        example = self.example
        if example is None or len(text) <= SHORT_EXAMPLE < len(example.text):
            self.example = Example(line, text)


@dataclass
class TextProfile:
    """The profile of one side of a corpus.

    Attributes:
        scanned: The number of lines scanned for characters and marks.
        marks: The marks of other tools, by their names.
        lines: The number of profiled lines, without blank ones.
        first: The lines of the first form of each contrast.
        second: The lines of the second form of each contrast.
        lengths: The number of lines by their words.
        by_length: The first line of each length.
        characters: The number of each character in the profiled lines.
        lines_with: The number of profiled lines with each character.
        alphabet: The characters of the scanned lines.
        alphabet_total: The number of characters of the scanned lines.
    """

    scanned: int = 0
    marks: dict[str, LineCount] = field(default_factory=dict)
    lines: int = 0
    first: list[LineCount] = field(default_factory=lambda: [LineCount() for _ in CONTRASTS])
    second: list[LineCount] = field(default_factory=lambda: [LineCount() for _ in CONTRASTS])
    lengths: Counter[int] = field(default_factory=Counter)
    by_length: dict[int, Example] = field(default_factory=dict)
    characters: Counter[str] = field(default_factory=Counter)
    lines_with: Counter[str] = field(default_factory=Counter)
    alphabet: set[str] = field(default_factory=set)
    alphabet_total: int = 0

    def scan(self, lines: Sequence[int], texts: Sequence[str]) -> None:
        """Scan lines for characters and marks.

        Args:
            lines: The numbers of the lines in the corpus, from 1.
            texts: The lines.
        """
        joined = "".join(texts)
        self.scanned += len(texts)
        self.alphabet.update(joined)
        self.alphabet_total += len(joined)
        if may_have_marks(joined):
            for line, text in zip(lines, texts, strict=True):
                for mark in find_marks(text):
                    self.marks.setdefault(mark.name, LineCount()).add(line, text)

    def add(self, line: int, text: str) -> None:
        """Profile the writing of a line.

        Args:
            line: The number of the line in the corpus, from 1.
            text: The line.
        """
        text = text[:_MAX_CHARACTERS].strip()
        if not text:
            return
        self.lines += 1
        for index, contrast in enumerate(CONTRASTS):
            if contrast.first(text):
                self.first[index].add(line, text)
            elif contrast.second(text):
                self.second[index].add(line, text)
        words = count_words(*split_at_spaces(text))
        self.lengths[words] += 1
        self.by_length.setdefault(words, Example(line, text))
        self.characters.update(text)
        self.lines_with.update(set(text))


@dataclass
class CorpusProfile:
    """The profiles of both sides of a corpus.

    Attributes:
        lines: The number of lines of the corpus, of which a sample is profiled.
        source: The profile of the source.
        target: The profile of the target.
    """

    lines: int
    source: TextProfile = field(default_factory=TextProfile)
    target: TextProfile = field(default_factory=TextProfile)

    def __post_init__(self) -> None:
        self._scan_step = max(1, -(-self.lines // LINES_SCANNED))
        steps = -(-self.lines // (self._scan_step * LINES_PROFILED))
        self._step = self._scan_step * max(1, steps)

    def add(self, line: int, source: str, target: str) -> None:
        """Profile a pair, where it belongs to the sample.

        Args:
            line: The number of the line in the corpus, from 1.
            source: The source text.
            target: The target text.
        """
        if (line - 1) % self._scan_step == 0:
            self.add_block([line], [source], [target])

    def add_block(
        self, lines: Sequence[int], sources: Sequence[str], targets: Sequence[str]
    ) -> None:
        """Profile those of some pairs that belong to the sample.

        Args:
            lines: The consecutive numbers of the lines in the corpus, from 1.
            sources: The source texts.
            targets: The target texts.
        """
        if not lines:
            return
        scanned, profiled = (
            slice((1 - lines[0]) % step, None, step) for step in (self._scan_step, self._step)
        )
        for profile, texts in ((self.source, sources), (self.target, targets)):
            profile.scan(lines[scanned], texts[scanned])
            for line, text in zip(lines[profiled], texts[profiled], strict=True):
                profile.add(line, text)


def split_at_spaces(text: str) -> tuple[list[str], int]:
    """Return the words between spaces, and the number of characters written without spaces.

    Such characters (`UNSPACED`) separate words like spaces do and are part of none.
    """
    if text.isascii():
        return text.split(), 0
    spaced, unspaced = UNSPACED.subn(" ", text)
    return spaced.split(), unspaced


def count_words(words: Sequence[str], unspaced: int) -> int:
    """Return the number of words of a text, from the result of `split_at_spaces`.

    Words written without spaces are estimated by their characters.

    Args:
        words: The words between spaces.
        unspaced: The number of characters written without spaces.
    """
    return len(words) + round(unspaced / _CHARACTERS_PER_WORD)


@dataclass(frozen=True)
class ToolMark:
    """A mark of another tool.

    Attributes:
        name: The name in records.
        title: A description, in the plural.
        pattern: A regular expression that finds the mark in a line.
        remedy: A shell command that removes the mark from a text on stdin, or advice.
    """

    name: str
    title: str
    pattern: str
    remedy: str

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """The pattern, compiled."""
        return re.compile(self.pattern)


_ESCAPED = "apos|quot|amp|lt|gt|nbsp|#[0-9]{2,5}|#x[0-9A-Fa-f]{2,5}"
_NAMED = (
    "[lr][sd]quo|[mn]dash|hellip|[lr]aquo|szlig|euro|copy|reg|deg|middot|bull|times|shy|iexcl|iquest"
    "|[A-Za-z](?:acute|grave|circ|uml|tilde|cedil|ring|slash|caron)|[Aa][Ee]lig"
)
_UNESCAPE = (
    r"sed -E 's/& ?(apos|quot|amp|lt|gt|nbsp|#x?[0-9A-Fa-f]+) ?;/\&\1;/g' | "
    'python3 -X utf8 -c "import html, sys; '
    "[print(' '.join(html.unescape(html.unescape(x)).split())) for x in sys.stdin]\""
)
_TOKENS = (
    r"<\/?s>|<(unk|UNK|pad|eos|bos)>|<0x[0-9A-F]{2}>|<\|[a-z_]+\|>|\[(UNK|CLS|SEP|PAD|MASK)\]|⁇"
)

TOOL_MARKS = (
    ToolMark(
        "entities",
        "escaped characters (such as &apos;)",
        rf"& ?(?:{_ESCAPED}) ?;|&(?:{_NAMED});",
        _UNESCAPE,
    ),
    ToolMark(
        "split-hyphens",
        "hyphens split by a tokenizer (@-@)",
        r"(?:^| )@(?:[-/,.:]|&#[0-9]+;)@(?: |$)",
        r"sed -E 's/ ?@([-\/,.:])@ ?/\1/g'",
    ),
    ToolMark(
        "bpe",
        "subwords (@@ of subword-nmt)",
        r"[^ @]@@(?: |$)",
        "sed -E 's/@@( |$)//g'",
    ),
    ToolMark(
        "joiners",
        "joiners or factors of a tokenizer (\uffe8, \uffed)",
        "[\uffe8\uffed]",
        "sed -E 's/ ?\uffed ?//g; s/\uffe8[^ ]*//g'",
    ),
    ToolMark(
        "sentencepiece",
        "subwords (▁ of SentencePiece)",
        "▁",
        "sed '/^ *▁/{s/ //g; s/▁/ /g; s/^ //;}; s/▁/ /g'",
    ),
    ToolMark(
        "wordpiece",
        "subwords (## of WordPiece)",
        r"\w ##\w",
        r"sed -E 's/([^ ]) ##([^ #])/\1\2/g'",
    ),
    ToolMark(
        "special-tokens",
        "special tokens of another model (such as </s> and <unk>)",
        _TOKENS,
        f"sed -E 's/ ?({_TOKENS})//g'",
    ),
    ToolMark(
        "brackets",
        "treebank brackets (-LRB-, -RRB-)",
        r"(?:^| )-(?:[LR][RCS]B|lrb|rrb)-(?: |$)",
        "sed -E 's/-LRB- ?/(/g; s/ ?-RRB-/)/g'",
    ),
    ToolMark(
        "treebank-quotes",
        "treebank quotation marks (`` and '')",
        r"(?:^| )``(?: |$)",
        'sed -E "s/\\`\\` ?/\\"/g; s/ ?\'\'/\\"/g"',
    ),
)

_ANY_MARK = re.compile("[&@#<`▁⁇\uffe8\uffed]|\\[[UCSPM]|-[LR][RCS]B-|-[lr]rb-")
"""A quick test: every mark matches it, and most lines do not."""


def may_have_marks(text: str) -> bool:
    """Return False where a text certainly has no marks."""
    return _ANY_MARK.search(text) is not None


def find_marks(line: str) -> list[ToolMark]:
    """Return the kinds of marks in a line."""
    if not may_have_marks(line):
        return []
    return [mark for mark in TOOL_MARKS if mark.regex.search(line) is not None]

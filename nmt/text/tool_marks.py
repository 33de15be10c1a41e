"""Marks that other tools leave in a text: escaped characters, joiners, subwords, special tokens.

A model learns such marks like words and then writes them. Each mark is an entry of `TOOL_MARKS`.
"""

import re
from dataclasses import dataclass
from functools import cached_property


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
    def search(self) -> re.Pattern[str]:
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
        "escaped characters (&apos; and the like)",
        rf"& ?(?:{_ESCAPED}) ?;|&(?:{_NAMED});",
        _UNESCAPE,
    ),
    ToolMark(
        "split-hyphens",
        "hyphens that a tokenizer split off (@-@)",
        r"(?:^| )@(?:[-/,.:]|&#[0-9]+;)@(?: |$)",
        r"sed -E 's/ ?@([-\/,.:])@ ?/\1/g'",
    ),
    ToolMark(
        "bpe",
        "pieces of words (@@ of subword-nmt)",
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
        "pieces of words (▁ of SentencePiece)",
        "▁",
        "sed '/^ *▁/{s/ //g; s/▁/ /g; s/^ //;}; s/▁/ /g'",
    ),
    ToolMark(
        "wordpiece",
        "pieces of words (## of WordPiece)",
        r"\w ##\w",
        r"sed -E 's/([^ ]) ##([^ #])/\1\2/g'",
    ),
    ToolMark(
        "special-tokens",
        "tokens of another model (</s>, <unk> and the like)",
        _TOKENS,
        f"sed -E 's/ ?({_TOKENS})//g'",
    ),
    ToolMark(
        "brackets",
        "brackets of a treebank (-LRB-, -RRB-)",
        r"(?:^| )-(?:[LR][RCS]B|lrb|rrb)-(?: |$)",
        "sed -E 's/-LRB- ?/(/g; s/ ?-RRB-/)/g'",
    ),
    ToolMark(
        "treebank-quotes",
        "quotation marks of a treebank (`` and '')",
        r"(?:^| )``(?: |$)",
        'sed -E "s/\\`\\` ?/\\"/g; s/ ?\'\'/\\"/g"',
    ),
)

_SIGNS = re.compile("[&@#<`▁⁇\uffe8\uffed]|\\[[UCSPM]|-[LR][RCS]B-|-[lr]rb-")
"""A quick test: every mark has one of these, and most lines have none."""


def may_have_marks(text: str) -> bool:
    """Return False where a text certainly has no marks."""
    return _SIGNS.search(text) is not None


def marks_in(line: str) -> list[ToolMark]:
    """Return the kinds of marks in a line."""
    if not may_have_marks(line):
        return []
    return [mark for mark in TOOL_MARKS if mark.search.search(line) is not None]

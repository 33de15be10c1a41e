"""Checks for invisible or special characters on one side of a comparison, which metrics count."""

import unicodedata
from collections.abc import Callable, Sequence
from itertools import pairwise

from nmt.evaluation.scores import is_blank
from nmt.text.characters import JOINERS, invisible_characters, is_folded, show

Lines = Sequence[str]

_FEWEST_SPECIAL = 0.02
"""The share of the lines above which the lack of such characters on the other side is no chance."""


def character_warnings(hypotheses: Lines, references: Sequence[Lines]) -> list[str]:
    """Return warnings about characters of one side that the other side lacks.

    These are invisible characters without meaning, and accents that one side alone writes as
    characters of their own. They are also joiners or forms, such as full-width commas, that one
    side never has.

    Args:
        hypotheses: One translation a line.
        references: One sequence for each set of references.
    """
    signs = (
        (_invisible, _tell_invisible, 1.0, 0.0),
        (_decomposed, _tell_decomposed, 1.0, 0.0),
        (_special, _tell_special, 0.0, _FEWEST_SPECIAL),
    )
    found = []
    for sign, told, most, least in signs:
        texts = [("hypotheses", hypotheses), *(("references", each) for each in references)]
        lines = [_lines_with(text, sign) for _, text in texts]
        counts = list(map(len, lines))
        place = counts.index(max(counts))
        name, text = texts[place]
        differ = min(counts) < max(counts) and min(counts) <= most * len(text)
        if differ and max(counts) > least * len(text):
            found.append(told(name, lines[place], sign(text[lines[place][0]])))
    return found


def _invisible(line: str) -> str:
    """Return the first invisible character of a line, empty where there is none."""
    return "".join(invisible_characters(line)[:1])


def _decomposed(line: str) -> str:
    """Return the first letter with a separate accent that could be one character, else nothing."""
    if unicodedata.is_normalized("NFC", line):
        return ""
    pairs = (before + character for before, character in pairwise(line))
    return next((pair for pair in pairs if len(unicodedata.normalize("NFC", pair)) == 1), "")


def _special(line: str) -> str:
    """Return the first joiner or character with a commoner form, but no space; else nothing."""
    return next((c for c in line if c in JOINERS or (is_folded(c) and not c.isspace())), "")


def _lines_with(lines: Lines, sign: Callable[[str], str]) -> list[int]:
    return [
        number
        for number, line in enumerate(lines)
        if not (line.isascii() and line.isprintable()) and sign(line) and not is_blank(line)
    ]


def _tell_invisible(name: str, lines: list[int], found: str) -> str:
    return (
        f"{_counted(name, lines)} have invisible characters, the first {show(found)}: where only "
        "one side has them, words that look alike do not match. Remove them from both sides."
    )


def _tell_decomposed(name: str, lines: list[int], found: str) -> str:
    return (
        f"{_counted(name, lines)} have accents as characters of their own, the first {show(found)}:"
        " where only one side has them, words that look alike do not match. Bring both sides into "
        "the form NFC."
    )


def _tell_special(name: str, lines: list[int], found: str) -> str:
    other = "hypotheses" if name == "references" else "references"
    return (
        f"{_counted(name, lines)} have characters such as {show(found)}, the {other} none: was one "
        "side normalised? Compare both in one form, or train with tokenizer.normalization: auto."
    )


def _counted(name: str, lines: list[int]) -> str:
    count = len(lines)
    return f"{count:,} line{'s' * (count > 1)} of the {name} (line {lines[0] + 1})"

"""The normalization rules that nmt compiles into the model files of its tokenizers.

Every rule includes the rules of `nmt.text.characters`: breaks become spaces, control characters and
invisible characters are dropped, joiners stay. In addition:

- `composed` writes a letter and its accents as one character where Unicode has one. `e` and U+0301
  become `é`, and the vowel signs of Korean become syllables. Width, punctuation, ligatures,
  fractions and no-break spaces stay as written. It is for texts that a model must write.
- `nmt_nfkc`, `nfkc`, `nmt_nfkc_cf` and `nfkc_cf` are SentencePiece's rules. They fold full-width
  letters, ligatures, fractions and spaces. `cf` also folds case. They are for texts that a model
  only reads.
- `identity` changes nothing else.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import permutations
from typing import Any

import sentencepiece

from nmt.config.settings import TokenizerSettings
from nmt.text.characters import BREAKS, CONTROLS, INVISIBLE, JOINERS, TO_NFC, compose
from nmt.text.languages import find_language
from nmt.tokenizers.round_trip import Change

AUTO = "auto"
COMPOSED = "composed"
FOLDED = "nmt_nfkc"
IDENTITY = "identity"

_TURKIC = frozenset(("tr", "az"))
_TURKIC_LOWER_CASE = {"I": "ı", "İ": "i", "I\u0307": "i"}
"""The lower case of two letters in Turkish and Azerbaijani. The rule for all others gives `i`."""

_LAST_COMPOSED = 0xFFFF
"""Composed letters above, of historic scripts, depend on the version of Unicode."""
_SYLLABLES = range(0xAC00, 0xD7A4)
_SURROGATES = range(0xD800, 0xE000)
_SPACE_MARK = "\u2581"
_NUL = "\0"
"""No rule of SentencePiece can name this character; `Tokenizer` drops it."""

_ERRORS_ONLY = 2
"""A log level of SentencePiece."""


def side_rules(settings: TokenizerSettings) -> tuple[str, str]:
    """Return the names of the normalization rules of source and target.

    `auto` folds the source and keeps the target as written. A joint model has one rule, so it keeps
    both sides.
    """
    if settings.normalization != AUTO:
        return settings.normalization, settings.normalization
    return (COMPOSED if settings.joint else FOLDED), COMPOSED


def normalization_advice(settings: TokenizerSettings, changes: Sequence[Change]) -> str:
    """Return advice where the normalization changes target texts, or an empty string.

    Args:
        settings: The settings of the tokenizer.
        changes: The changes of the texts.
    """
    if changes and all(compose(change.before) == compose(change.after) for change in changes):
        return f"accents are written as NFC. Normalize all texts to NFC: {TO_NFC}"
    rule = settings.normalization
    if rule in (AUTO, COMPOSED, IDENTITY):
        return ""
    return f"{rule} folds them; set tokenizer.normalization: auto to keep them"


def make_normalizer(rule: str, language: str | None = None) -> Any:
    """Return a rule as a normalizer for SentencePiece's trainer.

    Args:
        rule: A rule name from `side_rules`.
        language: The code of the language, for case folding. None where there are several.
    """
    known = find_language(language) if rule.endswith("_cf") else None
    return _compile(rule, known is not None and known.code in _TURKIC)


@lru_cache(maxsize=8)
def _compile(rule: str, turkic: bool) -> Any:
    changes = dict(_rule_changes(rule))
    changes |= dict.fromkeys(BREAKS, " ")
    changes |= dict.fromkeys(CONTROLS + INVISIBLE, "")
    changes |= {_SPACE_MARK: " "}
    changes |= _TURKIC_LOWER_CASE if turkic else {}
    for character in (*JOINERS, _NUL):
        changes.pop(character, None)
    return _make_sentencepiece_normalizer(norm_map=sorted(changes.items()))


def _rule_changes(rule: str) -> Iterable[tuple[str, str]]:
    """Return the replacements of a rule itself, each a text and its replacement."""
    if rule == IDENTITY:
        return ()
    if rule == COMPOSED:
        return _compositions()
    changes: list[tuple[str, str]] = _make_sentencepiece_normalizer(rule_name=rule).Decompile()
    return changes


def _compositions() -> Iterator[tuple[str, str]]:
    """Yield sequences of a letter and its marks, each with the one character that it makes.

    Marks that do not touch each other may come in any order, and some may be composed already.
    """
    for code in range(0xA0, _LAST_COMPOSED + 1):
        if code in _SYLLABLES or code in _SURROGATES:
            continue
        composed = chr(code)
        sequence = unicodedata.normalize("NFD", composed)
        letter, marks = sequence[0], sequence[1:]
        if not marks or compose(composed) != composed:
            continue
        for order in permutations(marks):
            for index in range(len(order)):
                head, rest = letter + "".join(order[:index]), "".join(order[index:])
                sequence = compose(head) + rest
                if compose(sequence) == composed:
                    yield sequence, composed
    for code in _SYLLABLES:
        composed = chr(code)
        vowel_signs = unicodedata.normalize("NFD", composed)
        yield vowel_signs, composed
        if len(vowel_signs) > 2:
            yield compose(vowel_signs[:2]) + vowel_signs[2], composed


def _make_sentencepiece_normalizer(**rule: Any) -> Any:
    """Return a normalizer that folds runs of spaces as SentencePiece's trainer does by default."""
    sentencepiece.set_min_log_level(_ERRORS_ONLY)
    return sentencepiece.SentencePieceNormalizer(
        **rule, add_dummy_prefix=True, remove_extra_whitespaces=True, escape_whitespaces=True
    )

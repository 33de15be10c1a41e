"""Normalisation rules, compiled into the model files of the tokenizers that nmt trains.

Every rule holds the rows of `nmt.text.characters`: breaks become spaces, control characters and
invisible characters are dropped, joiners stay. Beyond that

- `composed` writes a letter and its accents as one character, where Unicode has one (`e` and U+0301
  become `é`; the vowel signs of Korean become syllables). All else stays as people write it: width,
  punctuation, ligatures, fractions, no-break spaces. It is for texts that a model must write.
- `nmt_nfkc`, `nfkc`, `nmt_nfkc_cf` and `nfkc_cf` are SentencePiece's, which fold many forms into
  one: full-width letters, ligatures, fractions, spaces; `cf` also folds case. They are for texts
  that a model only reads.
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
_TURKIC_CASE = {"I": "ı", "İ": "i", "I\u0307": "i"}
"""How Turkish and Azerbaijani lower the case of two letters; the rule for all others gives `i`."""

_LAST_COMPOSED = 0xFFFF
"""Composed letters above, of historic scripts, depend on the version of Unicode."""
_SYLLABLES = range(0xAC00, 0xD7A4)
_SURROGATES = range(0xD800, 0xE000)
_SPACE_OF_MODELS = "\u2581"
_NUL = "\0"
"""No rule of SentencePiece can name it; `Tokenizer` drops it."""

_ERRORS_ONLY = 2
"""Of SentencePiece's log levels."""


def side_rules(settings: TokenizerSettings) -> tuple[str, str]:
    """Return the names of the rules of source and target.

    `auto` folds the source and keeps the target as it is written; both are kept where they have
    one model, whose rule the target must have.
    """
    if settings.normalization != AUTO:
        return settings.normalization, settings.normalization
    return (COMPOSED if settings.joint else FOLDED), COMPOSED


def advice_to_keep(settings: TokenizerSettings, changes: Sequence[Change]) -> str:
    """Return what to do about target texts that come back changed; empty where no rule is why.

    Args:
        settings: The settings of the tokenizer.
        changes: What becomes of the texts.
    """
    if changes and all(compose(each.before) == compose(each.after) for each in changes):
        return f"accents are written in the form NFC. Bring all texts into it: {TO_NFC}"
    rule = settings.normalization
    if rule in (AUTO, COMPOSED, IDENTITY):
        return ""
    return f"set tokenizer.normalization: auto to write them; {rule} folds them"


def make_normalizer(rule: str, language: str | None = None) -> Any:
    """Return a rule as a normaliser of SentencePiece, which its trainer takes.

    Args:
        rule: A name that `side_rules` gives.
        language: The code of the language, for which case is folded; None where there are several.
    """
    known = find_language(language) if rule.endswith("_cf") else None
    return _compile(rule, known is not None and known.code in _TURKIC)


@lru_cache(maxsize=8)
def _compile(rule: str, turkic: bool) -> Any:
    changes = dict(_changes_of(rule))
    changes |= dict.fromkeys(BREAKS, " ")
    changes |= dict.fromkeys(CONTROLS + INVISIBLE, "")
    changes |= {_SPACE_OF_MODELS: " "}
    changes |= _TURKIC_CASE if turkic else {}
    for kept in (*JOINERS, _NUL):
        changes.pop(kept, None)
    return _normalizer(norm_map=sorted(changes.items()))


def _changes_of(rule: str) -> Iterable[tuple[str, str]]:
    """Return what a rule changes by itself: texts, each with what stands in its place."""
    if rule == IDENTITY:
        return ()
    if rule == COMPOSED:
        return _compositions()
    found: list[tuple[str, str]] = _normalizer(rule_name=rule).Decompile()
    return found


def _compositions() -> Iterator[tuple[str, str]]:
    """Yield letters followed by their marks, each with the one character that it makes.

    Marks that do not touch each other may come in any order, and some may be composed already.
    """
    for code in range(0xA0, _LAST_COMPOSED + 1):
        if code in _SYLLABLES or code in _SURROGATES:
            continue
        composed = chr(code)
        spelled = unicodedata.normalize("NFD", composed)
        letter, marks = spelled[0], spelled[1:]
        if not marks or compose(composed) != composed:
            continue
        for order in permutations(marks):
            for place in range(len(order)):
                head, rest = letter + "".join(order[:place]), "".join(order[place:])
                spelled = compose(head) + rest
                if compose(spelled) == composed:
                    yield spelled, composed
    for code in _SYLLABLES:
        composed = chr(code)
        signs = unicodedata.normalize("NFD", composed)
        yield signs, composed
        if len(signs) > 2:
            yield compose(signs[:2]) + signs[2], composed


def _normalizer(**rule: Any) -> Any:
    """Return a normaliser that folds runs of spaces as SentencePiece's trainer does by default."""
    sentencepiece.set_min_log_level(_ERRORS_ONLY)
    return sentencepiece.SentencePieceNormalizer(
        **rule, add_dummy_prefix=True, remove_extra_whitespaces=True, escape_whitespaces=True
    )

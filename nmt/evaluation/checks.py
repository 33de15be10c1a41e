"""Signs that a score would mean something else than it seems to."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence

_SUBWORDS = re.compile(r"\u2581|@@( |$)")
_SPACED_POINT = re.compile(r"\S [.,]( |$)")
_SHARE_OF_LINES = 0.2
_SAMPLE = 100
_DEFAULT_TOKENIZER = "13a"
_SWAPPED = ", unless hypotheses and references were swapped."
_UNSPACED = {
    "CJK": "--language zh or --language ja",
    "HIRAGANA": "--language ja",
    "KATAKANA": "--language ja",
    "THAI": "--tokenize char",
    "LAO": "--tokenize char",
    "KHMER": "--tokenize char",
    "MYANMAR": "--tokenize char",
    "TIBETAN": "--tokenize char",
}
"""By how Unicode names of characters begin: what to do about a script without spaces."""


def suspicions(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    lowercase: bool = False,
    tokenize: str | None = None,
) -> list[str]:
    """What to warn of before scoring, each with an example: subwords, tokenised or lower-cased
    text on one side, words that the tokenizer would not see.

    lowercase: whether case is left out of the comparison, so that it cannot be wrong; tokenize:
    sacreBLEU's tokenizer, None for its default; with "none" both sides may be tokenised.
    """
    all_tokenised = all(map(_are_tokenised, (hypotheses, *references)))
    found = [
        _subwords(hypotheses, references),
        None if tokenize == "none" and all_tokenised else _tokenised(hypotheses, references),
        None if lowercase else _lower_case(hypotheses, references),
        _unspaced(references) if tokenize in (None, _DEFAULT_TOKENIZER) else None,
    ]
    return [warning for warning in found if warning is not None]


def _subwords(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> str | None:
    first = _first(hypotheses, _has_subwords)
    if first is not None:
        return (
            f"hypotheses look like subwords, line {first + 1}: {_shown(hypotheses[first])}. "
            "Join them first: scores of subwords compare with nothing."
        )
    for reference in references:
        first = _first(reference, _has_subwords)
        if first is not None:
            return (
                f"references look like subwords, line {first + 1}: {_shown(reference[first])}. "
                f"Take the text as it was{_SWAPPED}"
            )
    return None


def _tokenised(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> str | None:
    if _are_tokenised(hypotheses):
        first = next(i for i, line in enumerate(hypotheses) if _is_tokenised(line))
        return (
            f"hypotheses look tokenised, line {first + 1}: {_shown(hypotheses[first])}. "
            "Detokenise them first: sacreBLEU tokenises by itself."
        )
    for reference in references:
        if _are_tokenised(reference):
            first = next(i for i, line in enumerate(reference) if _is_tokenised(line))
            return (
                f"references look tokenised, line {first + 1}: {_shown(reference[first])}, "
                f"hypotheses do not. Take the text as it was{_SWAPPED}"
            )
    return None


def _are_tokenised(lines: Sequence[str]) -> bool:
    return _share(lines, _is_tokenised) > _SHARE_OF_LINES


def _lower_case(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> str | None:
    ours, theirs = _is_lower_case(hypotheses), list(map(_is_lower_case, references))
    if ours and not all(theirs):
        return (
            "hypotheses have no capital letter but the references do. Restore the case, or give "
            "--lowercase and say so beside the score."
        )
    if not ours and all(theirs) and any(line != line.lower() for line in hypotheses):
        return (
            "references have no capital letter but the hypotheses do. Give --lowercase and say so "
            f"beside the score, or take references with case{_SWAPPED}"
        )
    return None


def _unspaced(references: Sequence[Sequence[str]]) -> str | None:
    """Whether sacreBLEU's default would take whole sentences for words."""
    letters = Counter(
        unicodedata.name(character, "").split(" ")[0]
        for line in references[0][:_SAMPLE]
        for character in line
        if character.isalpha()
    )
    (script, count), *_ = letters.most_common(1) or [("", 0)]
    if script not in _UNSPACED or count < letters.total() / 2:
        return None
    return (
        f"the references are written without spaces, which BLEU's tokenizer {_DEFAULT_TOKENIZER} "
        f"does not see through. Give {_UNSPACED[script]}, or look at chrF."
    )


def _has_subwords(line: str) -> bool:
    return _SUBWORDS.search(line) is not None


def _is_tokenised(line: str) -> bool:
    return _SPACED_POINT.search(line) is not None


def _is_lower_case(lines: Sequence[str]) -> bool:
    return any(map(str.islower, lines)) and all(line == line.lower() for line in lines)


def _first(lines: Sequence[str], sign: Callable[[str], bool]) -> int | None:
    return next((i for i, line in enumerate(lines) if sign(line)), None)


def _share(lines: Sequence[str], sign: Callable[[str], bool]) -> float:
    return sum(map(sign, lines)) / max(1, len(lines))


def _shown(line: str) -> str:
    return repr(line if len(line) <= 60 else line[:57] + "...")

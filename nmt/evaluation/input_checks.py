"""Checks of hypotheses and references for what would falsify a score."""

import html.entities
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from nmt.evaluation.metrics import FourGrams, ScorerOptions, make_scorer
from nmt.evaluation.scores import METRICS, is_blank, present
from nmt.text.characters import JOINERS, invisible_characters, is_folded, make_visible, name_script

_SUBWORDS = re.compile(r"\u2581|@@( |$)")
_SPACED_POINT = re.compile(r"\S [.,]( |$)")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
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
"""The advice about scripts without spaces, by the beginning of the Unicode names of their
characters.
"""

_DIVIDED: dict[str, Sequence[str]] = {
    "13a": (),
    "intl": (),
    "none": (),
    "zh": ("CJK",),
    "ja-mecab": ("CJK", "HIRAGANA", "KATAKANA"),
    "ko-mecab": ("CJK",),
}
"""The scripts of these that each tokenizer divides into words. Other tokenizers divide all."""

_LETTERS_OF_A_WORD = 8
"""The average number of letters below which the runs between spaces are words of such a script."""

_HALF = 0.5
_KANA = 0.05
_GEORGIAN = range(0x10D0, 0x1100)
"""Letters that have capitals in Unicode, but none in a sentence."""

Lines = Sequence[str]


def suspicions(
    hypotheses: Lines,
    references: Sequence[Lines],
    lowercase: bool = False,
    tokenize: str | None = None,
    metrics: Iterable[str] = METRICS,
) -> list[str]:
    """Return the warnings to give before scoring, most of them with an example.

    Args:
        hypotheses: One translation a line.
        references: One sequence for each set of references.
        lowercase: Whether the comparison ignores case, so that case is not checked.
        tokenize: sacreBLEU's tokenizer, None for its default. With "none" both sides may be
            tokenised.
        metrics: The metrics that are computed.
    """
    all_tokenised = all(map(_are_tokenised, (hypotheses, *references)))
    found = [
        _subwords(hypotheses, references),
        None if tokenize == "none" and all_tokenised else _tokenised(hypotheses, references),
        _on_one_side(hypotheses, references, "HTML entities", _entities, _WRITE_OUT),
        None if lowercase else _lower_case(hypotheses, references),
    ]
    if "bleu" in metrics:
        found.append(_without_spaces(hypotheses, references, tokenize or _DEFAULT_TOKENIZER))
    told = [warning for warning in found if warning is not None]
    return told + character_warnings(hypotheses, references)


def reference_warnings(
    references: Sequence[Lines], metrics: Iterable[str], tokenize: str | None = None
) -> list[str]:
    """Return warnings about references, which hold for all translations.

    Args:
        references: One sequence for each set of references.
        metrics: The metrics that are computed.
        tokenize: sacreBLEU's tokenizer, None for its default.

    Raises:
        UsageError: See `make_scorer`.
        ResourceError: See `make_scorer`.
    """
    found = blank_reference_warnings(references)
    short = short_reference_warning(references, tokenize) if "bleu" in metrics else None
    return found if short is None else [*found, short]


def blank_reference_warnings(references: Sequence[Lines]) -> list[str]:
    """Return warnings about blank references: their number, and how they count."""
    found = []
    if len(references) > 1:
        for number, stream in enumerate(present(references), start=1):
            missing = [line for line, text in enumerate(stream, start=1) if text is None]
            if missing:
                found.append(
                    f"reference {number} is blank in {_lines(missing)}, where another is not: it "
                    "counts as none there."
                )
    empty = [
        number
        for number, line in enumerate(zip(*references, strict=True), start=1)
        if all(map(is_blank, line))
    ]
    if empty:
        found.append(
            f"{_lines(empty)} without a reference: BLEU and TER count all words of their "
            "translations as wrong, chrF leaves them out."
        )
    return found


def short_reference_warning(references: Sequence[Lines], tokenize: str | None = None) -> str | None:
    """Return the warning that few references are long enough for BLEU; None where enough are.

    Args:
        references: One sequence for each set of references.
        tokenize: sacreBLEU's tokenizer, None for its default.

    Raises:
        UsageError: See `make_scorer`.
        ResourceError: See `make_scorer`.
    """
    four_grams = four_grams_of(references, tokenize)
    if not four_grams.few:
        return None
    return (
        f"only {four_grams.summary}. BLEU counts stretches of four tokens, and says little of such "
        "text: take chrF."
    )


def undivided_warning(references: Lines, tokenize: str | None = None) -> str | None:
    """Return the warning that BLEU in a run takes sentences for words; None where it does not.

    Args:
        references: The references of dev.
        tokenize: sacreBLEU's tokenizer for the run's target language, None for its default.
    """
    tokenize = tokenize or _DEFAULT_TOKENIZER
    if _advice(references, tokenize) is None or _has_spaces(references):
        return None
    return (
        f"the references are written without spaces, and BLEU's tokenizer {tokenize} takes their "
        "sentences for words: set `data.target_language`, such as zh, ja or th."
    )


def four_grams_of(references: Sequence[Lines], tokenize: str | None = None) -> FourGrams:
    """Return the counts of the 4-grams of references.

    Args:
        references: One sequence for each set of references.
        tokenize: sacreBLEU's tokenizer, None for its default.

    Raises:
        UsageError: See `make_scorer`.
        ResourceError: See `make_scorer`.
    """
    options = ScorerOptions(tokenize=tokenize, references=present(references))
    return FourGrams.of(make_scorer("bleu", options))


def _lines(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"1 line (line {numbers[0]})"
    return f"{len(numbers):,} lines (the first: line {numbers[0]})"


def _subwords(hypotheses: Lines, references: Sequence[Lines]) -> str | None:
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


def _tokenised(hypotheses: Lines, references: Sequence[Lines]) -> str | None:
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


def _are_tokenised(lines: Lines) -> bool:
    return _share(lines, _is_tokenised) > _SHARE_OF_LINES


_WRITE_OUT = "Write the characters that they stand for."


def _on_one_side(
    hypotheses: Lines,
    references: Sequence[Lines],
    what: str,
    found_in: Callable[[str], bool],
    remedy: str,
) -> str | None:
    """Return a warning of marks in a translation that its references lack, or vice versa."""
    only_ours, only_theirs = [], []
    for place, (ours, *theirs) in enumerate(zip(hypotheses, *references, strict=True)):
        here, there = found_in(ours), any(map(found_in, theirs))
        if here and not there:
            only_ours.append(place)
        if there and not here and not is_blank(ours):
            only_theirs.append(place)
    lines, side = max((only_ours, "hypotheses"), (only_theirs, "references"), key=_length)
    if not lines:
        return None
    first = lines[0]
    texts = [hypotheses[first]] if side == "hypotheses" else [each[first] for each in references]
    shown = next(text for text in texts if found_in(text))
    other = "references" if side == "hypotheses" else "hypotheses"
    return (
        f"{side} have {what} where the {other} have none, in {_lines([n + 1 for n in lines])}: "
        f"{_shown(shown)}. {remedy}"
    )


def _length(found: tuple[list[int], str]) -> int:
    return len(found[0])


def _entities(line: str) -> bool:
    return any(
        each[0][1] == "#" or each[0][1:] in html.entities.html5 for each in _ENTITY.finditer(line)
    )


def _lower_case(hypotheses: Lines, references: Sequence[Lines]) -> str | None:
    """Return a warning where only one side has capitals, in scripts that have them."""
    references = [reference for reference in references if _is_cased(reference)]
    if not references or not _is_cased(hypotheses):
        return None
    ours, theirs = _has_capitals(hypotheses), list(map(_has_capitals, references))
    if any(theirs) and not ours:
        return (
            "hypotheses have no capital letter but the references do. Restore the case, or give "
            "--lowercase and say so beside the score."
        )
    if ours and not any(theirs):
        return (
            "references have no capital letter but the hypotheses do. Give --lowercase and say so "
            f"beside the score, or take references with case{_SWAPPED}"
        )
    return None


def _is_cased(lines: Lines) -> bool:
    """Return whether most letters are of a script that has capitals."""
    letters = [character for character in _sample(lines) if character.isalpha()]
    cased = [
        each for each in letters if each.lower() != each.upper() and ord(each) not in _GEORGIAN
    ]
    return len(cased) > _HALF * len(letters)


def _has_capitals(lines: Lines) -> bool:
    return any(line != line.lower() for line in lines)


def _without_spaces(hypotheses: Lines, references: Sequence[Lines], tokenize: str) -> str | None:
    """Return a warning where a tokenizer would take whole sentences for words."""
    theirs = [each for each in references if _advice(each, tokenize) is not None]
    if not theirs:
        return None
    advice = f"Give {_advice(theirs[0], tokenize)}, or look at chrF."
    spaced = _advice(hypotheses, tokenize) is not None and _has_spaces(hypotheses)
    if spaced == all(map(_has_spaces, theirs)):
        if spaced:
            return None  # both are divided into words already
        return (
            f"the references are written without spaces, which BLEU's tokenizer {tokenize} does "
            f"not see through. {advice}"
        )
    side, other = ("hypotheses", "references") if spaced else ("references", "hypotheses")
    return (
        f"the {side} have spaces between words and the {other} have none, so that BLEU's tokenizer "
        f"{tokenize} finds other words in them. {advice}"
    )


def _advice(lines: Lines, tokenize: str) -> str | None:
    """Return the advice about a text in a script that the tokenizer does not divide.

    It is None for other texts.
    """
    divided = _DIVIDED.get(tokenize, tuple(_UNSPACED))
    letters = Counter(name_script(character) for character in _sample(lines) if character.isalpha())
    unspaced = Counter({each: letters[each] for each in _UNSPACED if each not in divided})
    if not unspaced.total() or unspaced.total() < _HALF * letters.total():
        return None
    kana = unspaced["HIRAGANA"] + unspaced["KATAKANA"]
    ((script, _),) = unspaced.most_common(1)
    return _UNSPACED["HIRAGANA" if kana > _KANA * unspaced.total() else script]


def _has_spaces(lines: Lines) -> bool:
    """Return whether a text in a script without spaces has spaces between its words."""
    lines = [line for line in lines[:_SAMPLE] if not is_blank(line)]
    divided = sum(len(line.split()) > 1 for line in lines)
    words = sum(len(line.split()) for line in lines)
    letters = sum(map(str.isalpha, "".join(lines)))
    return divided > _HALF * len(lines) and letters < _LETTERS_OF_A_WORD * words


def _sample(lines: Lines) -> Iterable[str]:
    return (character for line in lines[:_SAMPLE] for character in line)


def _has_subwords(line: str) -> bool:
    return _SUBWORDS.search(line) is not None


def _is_tokenised(line: str) -> bool:
    return _SPACED_POINT.search(line) is not None


def _first(lines: Lines, sign: Callable[[str], bool]) -> int | None:
    return next((i for i, line in enumerate(lines) if sign(line)), None)


def _share(lines: Lines, sign: Callable[[str], bool]) -> float:
    return sum(map(sign, lines)) / max(1, len(lines))


def _shown(line: str) -> str:
    return repr(line if len(line) <= 60 else line[:57] + "...")


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
        f"{_counted(name, lines)} have invisible characters, the first {make_visible(found)}: "
        "where only one side has them, words that look alike do not match. Remove them from both "
        "sides."
    )


def _tell_decomposed(name: str, lines: list[int], found: str) -> str:
    return (
        f"{_counted(name, lines)} have accents as characters of their own, the first "
        f"{make_visible(found)}: where only one side has them, words that look alike do not match. "
        "Bring both sides into the form NFC."
    )


def _tell_special(name: str, lines: list[int], found: str) -> str:
    other = "hypotheses" if name == "references" else "references"
    return (
        f"{_counted(name, lines)} have characters such as {make_visible(found)}, the {other} none: "
        "was one side normalised? Compare both in one form, or train with "
        "tokenizer.normalization: auto."
    )


def _counted(name: str, lines: list[int]) -> str:
    count = len(lines)
    return f"{count:,} line{'s' * (count > 1)} of the {name} (line {lines[0] + 1})"

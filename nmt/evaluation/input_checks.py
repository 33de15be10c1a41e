"""Checks of hypotheses and references for properties that would falsify a score."""

import html.entities
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from nmt.evaluation.metrics import FourGrams, ScorerOptions, make_scorer
from nmt.evaluation.scores import METRICS, is_blank, mask_blank_references
from nmt.text.characters import JOINERS, invisible_characters, is_folded, make_visible, name_script

_SUBWORDS = re.compile(r"\u2581|@@( |$)")
_SPACED_POINT = re.compile(r"\S [.,]( |$)")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_SHARE_OF_LINES = 0.2
_SAMPLE = 100
_DEFAULT_TOKENIZER = "13a"
_UNLESS_SWAPPED = ", unless hypotheses and references were swapped."
_UNSPACED_SCRIPTS = {
    "CJK": "--language zh or --language ja",
    "HIRAGANA": "--language ja",
    "KATAKANA": "--language ja",
    "THAI": "--tokenize char",
    "LAO": "--tokenize char",
    "KHMER": "--tokenize char",
    "MYANMAR": "--tokenize char",
    "TIBETAN": "--tokenize char",
}
"""The advice about scripts without spaces, by the first word of their Unicode names."""

_DIVIDED_SCRIPTS: dict[str, Sequence[str]] = {
    "13a": (),
    "intl": (),
    "none": (),
    "zh": ("CJK",),
    "ja-mecab": ("CJK", "HIRAGANA", "KATAKANA"),
    "ko-mecab": ("CJK",),
}
"""The scripts without spaces that each tokenizer divides into words. Others divide all."""

_MAX_LETTERS_PER_WORD = 8
"""The mean number of letters between spaces below which spaces separate words."""

_HALF = 0.5
_MIN_KANA_SHARE = 0.05
_GEORGIAN = range(0x10D0, 0x1100)
"""Letters that have capitals in Unicode, but none in a sentence."""

Lines = Sequence[str]


def input_warnings(
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
            tokenized.
        metrics: The metrics that are computed.
    """
    all_tokenized = all(map(_are_tokenized, (hypotheses, *references)))
    candidates = [
        _subword_warning(hypotheses, references),
        None
        if tokenize == "none" and all_tokenized
        else _tokenized_warning(hypotheses, references),
        _one_sided_warning(hypotheses, references, "HTML entities", _has_entities, _ENTITY_REMEDY),
        None if lowercase else _case_warning(hypotheses, references),
    ]
    if "bleu" in metrics:
        candidates.append(_spacing_warning(hypotheses, references, tokenize or _DEFAULT_TOKENIZER))
    warnings = [warning for warning in candidates if warning is not None]
    return warnings + character_warnings(hypotheses, references)


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
    warnings = blank_reference_warnings(references)
    short_warning = short_reference_warning(references, tokenize) if "bleu" in metrics else None
    return warnings if short_warning is None else [*warnings, short_warning]


def bleu_warnings(
    hypotheses: Lines, references: Sequence[Lines], tokenize: str | None = None
) -> list[str]:
    """Return the warnings about BLEU alone, which depend on its tokenizer.

    Args:
        hypotheses: One translation a line.
        references: One sequence for each set of references.
        tokenize: sacreBLEU's tokenizer, None for its default.

    Raises:
        UsageError: See `make_scorer`.
        ResourceError: See `make_scorer`.
    """
    warnings = [
        _spacing_warning(hypotheses, references, tokenize or _DEFAULT_TOKENIZER),
        short_reference_warning(references, tokenize),
    ]
    return [warning for warning in warnings if warning is not None]


def blank_reference_warnings(references: Sequence[Lines]) -> list[str]:
    """Return warnings about blank references: their number, and how they count."""
    warnings = []
    if len(references) > 1:
        for number, stream in enumerate(mask_blank_references(references), start=1):
            missing = [line for line, text in enumerate(stream, start=1) if text is None]
            if missing:
                warnings.append(
                    f"reference {number} is blank in {_describe_lines(missing)}, where another "
                    "reference is not. It is ignored there."
                )
    blank_lines = [
        number
        for number, line in enumerate(zip(*references, strict=True), start=1)
        if all(map(is_blank, line))
    ]
    if blank_lines:
        warnings.append(
            f"{_describe_lines(blank_lines)} without a reference: BLEU and TER count all words of "
            "their translations as wrong; chrF skips these lines."
        )
    return warnings


def short_reference_warning(references: Sequence[Lines], tokenize: str | None = None) -> str | None:
    """Return the warning that few references are long enough for BLEU; None where enough are.

    Args:
        references: One sequence for each set of references.
        tokenize: sacreBLEU's tokenizer, None for its default.

    Raises:
        UsageError: See `make_scorer`.
        ResourceError: See `make_scorer`.
    """
    four_grams = count_four_grams(references, tokenize)
    if not four_grams.has_few_long_references:
        return None
    return (
        f"only {four_grams.summary}. BLEU counts 4-grams and is unreliable for such text. Use chrF."
    )


def unspaced_text_warning(references: Lines, tokenize: str | None = None) -> str | None:
    """Return the warning that BLEU in a run takes sentences for words; None where it does not.

    Args:
        references: The references of dev.
        tokenize: sacreBLEU's tokenizer for the run's target language, None for its default.
    """
    tokenize = tokenize or _DEFAULT_TOKENIZER
    if _tokenizer_advice(references, tokenize) is None or _has_spaces(references):
        return None
    return (
        f"the references have no spaces, so BLEU's tokenizer {tokenize} treats sentences as "
        "words. Set `data.target_language`, such as zh, ja or th."
    )


def count_four_grams(references: Sequence[Lines], tokenize: str | None = None) -> FourGrams:
    """Return the counts of the 4-grams of references.

    Args:
        references: One sequence for each set of references.
        tokenize: sacreBLEU's tokenizer, None for its default.

    Raises:
        UsageError: See `make_scorer`.
        ResourceError: See `make_scorer`.
    """
    options = ScorerOptions(tokenize=tokenize, references=mask_blank_references(references))
    return FourGrams.from_scorer(make_scorer("bleu", options))


def _describe_lines(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"1 line (line {numbers[0]})"
    return f"{len(numbers):,} lines (first: line {numbers[0]})"


def _subword_warning(hypotheses: Lines, references: Sequence[Lines]) -> str | None:
    first = _first_line(hypotheses, _has_subwords)
    if first is not None:
        return (
            f"hypotheses look like subwords, line {first + 1}: {_quote(hypotheses[first])}. Join "
            "them first: scores of subwords are not comparable."
        )
    for reference in references:
        first = _first_line(reference, _has_subwords)
        if first is not None:
            return (
                f"references look like subwords, line {first + 1}: {_quote(reference[first])}. "
                f"Use the original text{_UNLESS_SWAPPED}"
            )
    return None


def _tokenized_warning(hypotheses: Lines, references: Sequence[Lines]) -> str | None:
    if _are_tokenized(hypotheses):
        first = next(i for i, line in enumerate(hypotheses) if _is_tokenized(line))
        return (
            f"hypotheses look tokenized, line {first + 1}: {_quote(hypotheses[first])}. "
            "Detokenize them first: sacreBLEU does its own tokenization."
        )
    for reference in references:
        if _are_tokenized(reference):
            first = next(i for i, line in enumerate(reference) if _is_tokenized(line))
            return (
                f"references look tokenized, line {first + 1}: {_quote(reference[first])}, but "
                f"hypotheses do not. Use the original text{_UNLESS_SWAPPED}"
            )
    return None


def _are_tokenized(lines: Lines) -> bool:
    return _share(lines, _is_tokenized) > _SHARE_OF_LINES


_ENTITY_REMEDY = "Replace them by the characters that they encode."


def _one_sided_warning(
    hypotheses: Lines,
    references: Sequence[Lines],
    marks: str,
    has_marks: Callable[[str], bool],
    remedy: str,
) -> str | None:
    """Return a warning of marks in a translation that its references lack, or vice versa."""
    only_hypotheses, only_references = [], []
    for index, (hypothesis, *line_references) in enumerate(
        zip(hypotheses, *references, strict=True)
    ):
        in_hypothesis, in_references = has_marks(hypothesis), any(map(has_marks, line_references))
        if in_hypothesis and not in_references:
            only_hypotheses.append(index)
        if in_references and not in_hypothesis and not is_blank(hypothesis):
            only_references.append(index)
    lines, side = max((only_hypotheses, "hypotheses"), (only_references, "references"), key=_length)
    if not lines:
        return None
    first = lines[0]
    texts = (
        [hypotheses[first]]
        if side == "hypotheses"
        else [reference[first] for reference in references]
    )
    example = next(text for text in texts if has_marks(text))
    other = "references" if side == "hypotheses" else "hypotheses"
    return (
        f"{side} have {marks} where the {other} have none, in "
        f"{_describe_lines([n + 1 for n in lines])}: {_quote(example)}. {remedy}"
    )


def _length(found: tuple[list[int], str]) -> int:
    return len(found[0])


def _has_entities(line: str) -> bool:
    return any(
        each[0][1] == "#" or each[0][1:] in html.entities.html5 for each in _ENTITY.finditer(line)
    )


def _case_warning(hypotheses: Lines, references: Sequence[Lines]) -> str | None:
    """Return a warning where only one side has capitals, in scripts that have them."""
    references = [reference for reference in references if _is_cased(reference)]
    if not references or not _is_cased(hypotheses):
        return None
    hypotheses_have, references_have = (
        _has_capitals(hypotheses),
        list(map(_has_capitals, references)),
    )
    if any(references_have) and not hypotheses_have:
        return (
            "hypotheses have no capital letter but the references do. Restore the case, or add "
            "--lowercase and report it with the score."
        )
    if hypotheses_have and not any(references_have):
        return (
            "references have no capital letter but the hypotheses do. Add --lowercase and report "
            f"it with the score, or use references with case{_UNLESS_SWAPPED}"
        )
    return None


def _is_cased(lines: Lines) -> bool:
    """Return whether most letters are of a script that has capitals."""
    letters = [character for character in _sample_characters(lines) if character.isalpha()]
    cased = [
        each for each in letters if each.lower() != each.upper() and ord(each) not in _GEORGIAN
    ]
    return len(cased) > _HALF * len(letters)


def _has_capitals(lines: Lines) -> bool:
    return any(line != line.lower() for line in lines)


def _spacing_warning(hypotheses: Lines, references: Sequence[Lines], tokenize: str) -> str | None:
    """Return a warning where a tokenizer would take whole sentences for words."""
    unspaced_references = [
        reference for reference in references if _tokenizer_advice(reference, tokenize) is not None
    ]
    if not unspaced_references:
        return None
    advice = f"Give {_tokenizer_advice(unspaced_references[0], tokenize)}, or use chrF."
    spaced = _tokenizer_advice(hypotheses, tokenize) is not None and _has_spaces(hypotheses)
    if spaced == all(map(_has_spaces, unspaced_references)):
        if spaced:
            return None  # both are divided into words already
        return (
            f"the references have no spaces, so BLEU's tokenizer {tokenize} cannot split them "
            f"into words. {advice}"
        )
    side, other = ("hypotheses", "references") if spaced else ("references", "hypotheses")
    return (
        f"the {side} have spaces between words and the {other} have none, so BLEU's tokenizer "
        f"{tokenize} finds different words in them. {advice}"
    )


def _tokenizer_advice(lines: Lines, tokenize: str) -> str | None:
    """Return the advice about a text in a script that the tokenizer does not divide.

    It is None for other texts.
    """
    divided = _DIVIDED_SCRIPTS.get(tokenize, tuple(_UNSPACED_SCRIPTS))
    letters = Counter(
        name_script(character) for character in _sample_characters(lines) if character.isalpha()
    )
    unspaced = Counter({each: letters[each] for each in _UNSPACED_SCRIPTS if each not in divided})
    if not unspaced.total() or unspaced.total() < _HALF * letters.total():
        return None
    kana = unspaced["HIRAGANA"] + unspaced["KATAKANA"]
    ((script, _),) = unspaced.most_common(1)
    return _UNSPACED_SCRIPTS["HIRAGANA" if kana > _MIN_KANA_SHARE * unspaced.total() else script]


def _has_spaces(lines: Lines) -> bool:
    """Return whether a text in a script without spaces has spaces between its words."""
    lines = [line for line in lines[:_SAMPLE] if not is_blank(line)]
    divided = sum(len(line.split()) > 1 for line in lines)
    words = sum(len(line.split()) for line in lines)
    letters = sum(map(str.isalpha, "".join(lines)))
    return divided > _HALF * len(lines) and letters < _MAX_LETTERS_PER_WORD * words


def _sample_characters(lines: Lines) -> Iterable[str]:
    return (character for line in lines[:_SAMPLE] for character in line)


def _has_subwords(line: str) -> bool:
    return _SUBWORDS.search(line) is not None


def _is_tokenized(line: str) -> bool:
    return _SPACED_POINT.search(line) is not None


def _first_line(lines: Lines, predicate: Callable[[str], bool]) -> int | None:
    return next((i for i, line in enumerate(lines) if predicate(line)), None)


def _share(lines: Lines, predicate: Callable[[str], bool]) -> float:
    return sum(map(predicate, lines)) / max(1, len(lines))


def _quote(line: str) -> str:
    return repr(line if len(line) <= 60 else line[:57] + "...")


_MIN_SPECIAL_SHARE = 0.02
"""The least share of lines with special characters for a warning. Fewer may be due to chance."""


def character_warnings(hypotheses: Lines, references: Sequence[Lines]) -> list[str]:
    """Return warnings about characters of one side that the other side lacks.

    These are invisible characters without meaning, and accents that one side alone writes as
    characters of their own. They are also joiners or forms, such as full-width commas, that one
    side never has.

    Args:
        hypotheses: One translation a line.
        references: One sequence for each set of references.
    """
    checks = (
        (_find_invisible, _invisible_characters_warning, 1.0, 0.0),
        (_find_decomposed, _decomposed_warning, 1.0, 0.0),
        (_find_special, _special_warning, 0.0, _MIN_SPECIAL_SHARE),
    )
    warnings = []
    for find, format_warning, max_share_of_other, min_share in checks:
        texts = [("hypotheses", hypotheses), *(("references", each) for each in references)]
        lines = [_lines_with(text, find) for _, text in texts]
        counts = list(map(len, lines))
        index = counts.index(max(counts))
        name, text = texts[index]
        differ = min(counts) < max(counts) and min(counts) <= max_share_of_other * len(text)
        if differ and max(counts) > min_share * len(text):
            warnings.append(format_warning(name, lines[index], find(text[lines[index][0]])))
    return warnings


def _find_invisible(line: str) -> str:
    """Return the first invisible character of a line, empty where there is none."""
    return "".join(invisible_characters(line)[:1])


def _find_decomposed(line: str) -> str:
    """Return the first letter and accent that could be one character, empty without any."""
    if unicodedata.is_normalized("NFC", line):
        return ""
    pairs = (before + character for before, character in pairwise(line))
    return next((pair for pair in pairs if len(unicodedata.normalize("NFC", pair)) == 1), "")


def _find_special(line: str) -> str:
    """Return the first joiner or character with a commoner form, empty without any.

    Spaces do not count.
    """
    return next((c for c in line if c in JOINERS or (is_folded(c) and not c.isspace())), "")


def _lines_with(lines: Lines, find: Callable[[str], str]) -> list[int]:
    return [
        number
        for number, line in enumerate(lines)
        if not (line.isascii() and line.isprintable()) and find(line) and not is_blank(line)
    ]


def _invisible_characters_warning(name: str, lines: list[int], found: str) -> str:
    return (
        f"{_describe_count(name, lines)} have invisible characters, the first "
        f"{make_visible(found)}: words that look alike do not match if only one side has them. "
        "Remove them from both sides."
    )


def _decomposed_warning(name: str, lines: list[int], found: str) -> str:
    return (
        f"{_describe_count(name, lines)} have decomposed accents, the first "
        f"{make_visible(found)}: words that look alike do not match if only one side has them. "
        "Normalize both sides to NFC."
    )


def _special_warning(name: str, lines: list[int], found: str) -> str:
    other = "hypotheses" if name == "references" else "references"
    return (
        f"{_describe_count(name, lines)} have characters such as {make_visible(found)}, but the "
        f"{other} have none. One side may be normalized. Normalize both sides alike, or train "
        "with tokenizer.normalization: auto."
    )


def _describe_count(name: str, lines: list[int]) -> str:
    count = len(lines)
    return f"{count:,} line{'s' * (count > 1)} of the {name} (line {lines[0] + 1})"

"""Warnings about wrong files before scoring: swapped files, wrong languages, shifted lines."""

from collections import Counter
from collections.abc import Sequence

from nmt.evaluation.breakdown import words
from nmt.evaluation.scores import first_references

_MIN_LINES = 20
_MIN_WORDS = 200
_SHARE_COPIED = 0.5
_SHARE_OF_WORDS = 0.3
"""The share of the words of a text that must be in the other one. Between English and French 25% of
the words of a text of 1,000 lines were in the other text. Within a language at least 52% were, in
texts of different subjects.
"""
_CLEAR_RATIO = 1.5
_LENGTH_RATIOS = (0.7, 1.4)

Lines = Sequence[str]


def mismatch_warnings(
    hypotheses: Lines, references: Sequence[Lines], sources: Lines | None = None
) -> list[str]:
    """Return the warnings to give before scoring, each of one or two sentences.

    Args:
        hypotheses: One translation a line.
        references: One sequence for each set of references.
        sources: The source text, where it is known.
    """
    reference = first_references(references)
    warnings = [_equal_warning(hypotheses, references), _shift_warning(hypotheses, reference)]
    copied = None if sources is None else _copied_warning(hypotheses, references, sources)
    warnings += [copied or _language_warning(hypotheses, references, sources)]
    warnings += [_length_warning(hypotheses, reference)]
    return [warning for warning in warnings if warning is not None]


def _equal_warning(hypotheses: Lines, references: Sequence[Lines]) -> str | None:
    for number, reference in enumerate(references, start=1):
        if any(map(str.strip, hypotheses)) and list(hypotheses) == list(reference):
            which = f"reference {number}" if len(references) > 1 else "the references"
            return f"the hypotheses equal {which} line by line. Check whether it is the same file."
    return None


def _copied_warning(hypotheses: Lines, references: Sequence[Lines], sources: Lines) -> str | None:
    """Return a warning where a text that should be a translation is the source."""
    texts = [("hypotheses", hypotheses), *(("references", each) for each in references)]
    for name, text in texts:
        pairs = [(a, b) for a, b in zip(text, sources, strict=True) if a.strip()]
        share = sum(a == b for a, b in pairs) / max(1, len(pairs))
        if share >= _SHARE_COPIED:
            return (
                f"{share:.0%} of the {name} equal their source. Check whether they are the "
                "source, or files are swapped."
            )
    return None


def _language_warning(
    hypotheses: Lines, references: Sequence[Lines], sources: Lines | None
) -> str | None:
    hypothesis_words = _count_words(hypotheses)
    reference_words = sum(map(_count_words, references), Counter[str]())
    if min(hypothesis_words.total(), reference_words.total()) < _MIN_WORDS:
        return None
    share = _shared_share(hypothesis_words, reference_words)
    if share >= _SHARE_OF_WORDS:
        return None
    sentence = f"only {share:.0%} of the words of the hypotheses are in the references"
    source = Counter[str]() if sources is None else _count_words(sources)
    if _shared_share(hypothesis_words, source) > _CLEAR_RATIO * share:
        return f"{sentence}; more are in the source. Check the language of the hypotheses."
    if _shared_share(reference_words, source) > _CLEAR_RATIO * share:
        return (
            f"{sentence}, which share more words with the source. Check whether --ref is the "
            "source."
        )
    return f"{sentence}. Check that both have the same language and text."


def _shift_warning(hypotheses: Lines, reference: Lines) -> str | None:
    """Return a warning where hypotheses fit the reference of a neighbouring line better."""
    if len(hypotheses) < _MIN_LINES:
        return None
    hypothesis_words, reference_words = (
        [set(words(line)) for line in text] for text in (hypotheses, reference)
    )
    same_line = _count_common(hypothesis_words[1:-1], reference_words[1:-1])
    for name, shifted in (("before", reference_words[:-2]), ("after", reference_words[2:])):
        if _count_common(hypothesis_words[1:-1], shifted) > _CLEAR_RATIO * same_line:
            return (
                f"hypotheses match the reference of the line {name} better than their own. Look "
                "for a missing or extra line."
            )
    return None


def _length_warning(hypotheses: Lines, reference: Lines) -> str | None:
    hypothesis_size, reference_size = (sum(map(len, text)) for text in (hypotheses, reference))
    if not hypothesis_size or not reference_size or len(hypotheses) < _MIN_LINES:
        return None
    low, high = _LENGTH_RATIOS
    if low <= hypothesis_size / reference_size <= high:
        return None
    size = "short" if hypothesis_size < reference_size else "long"
    return (
        f"the hypotheses are {size}: {hypothesis_size / reference_size:.2f} times as long as the "
        "references in characters. Check whether they are truncated or repetitive."
    )


def _count_words(lines: Lines) -> Counter[str]:
    return Counter(word for line in lines for word in words(line.lower()) if not word.isdigit())


def _shared_share(hypothesis_words: Counter[str], reference_words: Counter[str]) -> float:
    """Return the share of the hypothesis words that are among the reference words."""
    return sum(count for word, count in hypothesis_words.items() if word in reference_words) / max(
        1, hypothesis_words.total()
    )


def _count_common(hypothesis_words: Sequence[set[str]], reference_words: Sequence[set[str]]) -> int:
    return sum(len(a & b) for a, b in zip(hypothesis_words, reference_words, strict=True))

"""Checks for mixed-up texts: swapped files, another language, or lines shifted by one."""

from collections import Counter
from collections.abc import Sequence

from nmt.evaluation.breakdown import words
from nmt.evaluation.scores import first_present

_ENOUGH_LINES = 20
_ENOUGH_WORDS = 200
_SHARE_COPIED = 0.5
_SHARE_OF_WORDS = 0.3
"""The share of the words of a text that must be in the other one. Between English and French 25% of
the words of a text of 1,000 lines were in the other text. Within a language at least 52% were, in
texts of different subjects.
"""
_CLEARLY = 1.5
_LENGTH_RATIOS = (0.7, 1.4)

Lines = Sequence[str]


def mixups(
    hypotheses: Lines, references: Sequence[Lines], sources: Lines | None = None
) -> list[str]:
    """Return the warnings to give before scoring, each of one or two sentences.

    Args:
        hypotheses: One translation a line.
        references: One sequence for each set of references.
        sources: The source text, where it is known.
    """
    reference = first_present(references)
    found = [_equal(hypotheses, references), _out_of_step(hypotheses, reference)]
    copied = None if sources is None else _copied(hypotheses, references, sources)
    found += [copied or _other_language(hypotheses, references, sources)]
    found += [_length(hypotheses, reference)]
    return [warning for warning in found if warning is not None]


def _equal(hypotheses: Lines, references: Sequence[Lines]) -> str | None:
    for number, reference in enumerate(references, start=1):
        if any(map(str.strip, hypotheses)) and list(hypotheses) == list(reference):
            which = f"reference {number}" if len(references) > 1 else "the references"
            return f"the hypotheses equal {which} line by line: is it the same file?"
    return None


def _copied(hypotheses: Lines, references: Sequence[Lines], sources: Lines) -> str | None:
    """Return a warning where a text that should be a translation is the source."""
    texts = [("hypotheses", hypotheses), *(("references", each) for each in references)]
    for name, text in texts:
        pairs = [(a, b) for a, b in zip(text, sources, strict=True) if a.strip()]
        share = sum(a == b for a, b in pairs) / max(1, len(pairs))
        if share >= _SHARE_COPIED:
            return (
                f"{share:.0%} of the {name} equal their source: are they the source, or were "
                "files swapped?"
            )
    return None


def _other_language(
    hypotheses: Lines, references: Sequence[Lines], sources: Lines | None
) -> str | None:
    ours, theirs = _counted(hypotheses), sum(map(_counted, references), Counter[str]())
    if min(ours.total(), theirs.total()) < _ENOUGH_WORDS:
        return None
    share = _shared(ours, theirs)
    if share >= _SHARE_OF_WORDS:
        return None
    told = f"only {share:.0%} of the words of the hypotheses are in the references"
    source = Counter[str]() if sources is None else _counted(sources)
    if _shared(ours, source) > _CLEARLY * share:
        return f"{told}, more are in the source: are they in the source's language?"
    if _shared(theirs, source) > _CLEARLY * share:
        return f"{told}, which share more with the source: was the source given as --ref?"
    return f"{told}: are both in the same language, and of the same text?"


def _out_of_step(hypotheses: Lines, reference: Lines) -> str | None:
    """Return a warning where hypotheses fit the reference of a neighbouring line better."""
    if len(hypotheses) < _ENOUGH_LINES:
        return None
    ours, theirs = ([set(words(line)) for line in text] for text in (hypotheses, reference))
    together = _in_common(ours[1:-1], theirs[1:-1])
    for name, others in (("before", theirs[:-2]), ("after", theirs[2:])):
        if _in_common(ours[1:-1], others) > _CLEARLY * together:
            return (
                f"hypotheses fit the reference of the line {name} better than their own: was a "
                "line lost or added?"
            )
    return None


def _length(hypotheses: Lines, reference: Lines) -> str | None:
    ours, theirs = (sum(map(len, text)) for text in (hypotheses, reference))
    if not ours or not theirs or len(hypotheses) < _ENOUGH_LINES:
        return None
    low, high = _LENGTH_RATIOS
    if low <= ours / theirs <= high:
        return None
    size = "short" if ours < theirs else "long"
    return (
        f"the hypotheses are {size}: {ours / theirs:.2f} times the characters of the references. "
        "Were they cut off, or run on?"
    )


def _counted(lines: Lines) -> Counter[str]:
    return Counter(word for line in lines for word in words(line.lower()) if not word.isdigit())


def _shared(ours: Counter[str], theirs: Counter[str]) -> float:
    """Return the share of our words that are among theirs."""
    return sum(count for word, count in ours.items() if word in theirs) / max(1, ours.total())


def _in_common(ours: Sequence[set[str]], theirs: Sequence[set[str]]) -> int:
    return sum(len(a & b) for a, b in zip(ours, theirs, strict=True))

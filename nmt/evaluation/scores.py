"""Scores of corpora and of segments by sacreBLEU, each with its signature.

A metric of sacreBLEU sums its counts over the segments of a text and computes a score from the
sums. The counts of each segment give the score of a part without reading the text again.
"""

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nmt.config.registry import SCORE_METRICS
from nmt.console import warn
from nmt.errors import DataError, ResourceError, UsageError
from nmt.evaluation.metrics import (
    TOKENIZER_PACKAGES,
    References,
    ScorerOptions,
    make_scorer,
    metric,
)
from nmt.text.languages import find_language

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric as Scorer

METRICS: tuple[str, ...] = ("bleu", "chrf", "ter")
"""The default metrics."""

_CHARACTERS = "char"


@dataclass(frozen=True)
class Score:
    """The score of a whole corpus by one metric.

    Attributes:
        metric: The name of the metric.
        name: The name in papers (BLEU, chrF2, chrF2++, TER).
        value: The score in points, 0 to 100. TER is in edits per 100 words, and may be more.
        signature: The signature of sacreBLEU.
        details: BLEU's precisions, brevity penalty and lengths, else empty.
        noise: The reason why the value is noise; empty where it is not.
    """

    metric: str
    name: str
    value: float
    signature: str
    details: str = ""
    noise: str = ""

    def __str__(self) -> str:
        return f"{self.name} = {self.value:.1f}  ({self.signature})"


def score(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    metrics: Sequence[str] = METRICS,
    *,
    lowercase: bool = False,
    tokenize: str | None = None,
) -> list[Score]:
    """Score detokenized hypotheses against one or more references of each.

    Args:
        hypotheses: One translation a line.
        references: One sequence for each set of references, each as long as `hypotheses`. A blank
            reference beside one that is not blank counts as none.
        metrics: Names of SCORE_METRICS.
        lowercase: Whether to compare without case. TER always does.
        tokenize: The name of sacreBLEU's tokenizer for BLEU; None: 13a.

    Returns:
        The score by each metric.

    Raises:
        DataError: The line counts differ, or there is nothing to score.
        UsageError: There is no such metric or tokenizer, or the tokenizer needs a package.
        ResourceError: A file of the tokenizer cannot be downloaded.
    """
    _check_texts(hypotheses, references)
    check_reference_counts(hypotheses, references)
    for name in metrics:
        if name not in SCORE_METRICS.kinds:
            known = ", ".join(SCORE_METRICS.names())
            raise UsageError(f"{name!r} is not a metric; choose one of {known}.")
    options = ScorerOptions(lowercase, tokenize, mask_blank_references(references))
    return [_score(name, make_scorer(name, options), hypotheses) for name in metrics]


def _check_texts(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> None:
    """Raise UsageError unless there is a list of texts and a list of lists of references."""
    lists = [hypotheses, *(references if not isinstance(references, str) else [references])]
    for texts in lists:
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            raise UsageError(
                "hypotheses must be a list of texts, and references a list of such lists: "
                "score([text], [[reference]])"
            )


def _score(name: str, scorer: "Scorer", hypotheses: Sequence[str]) -> Score:
    counts = scorer._extract_corpus_statistics(hypotheses, None)
    result = scorer._aggregate_and_compute(counts)
    return Score(
        name,
        result.name,
        float(result.score),
        scorer.get_signature().format(),
        getattr(result, "_verbose", "").strip(),
        metric(name).noise(scorer, counts),
    )


def check_reference_counts(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> None:
    """Check that there are hypotheses, and as many of each reference.

    Args:
        hypotheses: One translation a line.
        references: One sequence for each set of references.

    Raises:
        DataError: The line counts differ, or there is nothing to score.
    """
    if not references:
        raise DataError("no references. Add at least one with --ref.")
    counts = [len(stream) for stream in references]
    if any(count != len(hypotheses) for count in counts):
        reference_counts = ", ".join(f"reference {i}: {count}" for i, count in enumerate(counts, 1))
        raise DataError(
            f"line counts differ: hypotheses: {len(hypotheses)}, {reference_counts}. Line i of "
            "one file must correspond to line i of the others. Look for missing or extra lines."
        )
    if not hypotheses:
        raise DataError("nothing to score: hypotheses and references have no lines.")


def mask_blank_references(references: Sequence[Sequence[str]]) -> References:
    """Return the references, with None for each blank one beside one that is not blank.

    Where all references of a line are blank, they stay. Its translation should be blank too.
    """
    if len(references) == 1:
        return references
    lines = [_mask_blank(line) for line in zip(*references, strict=True)]
    return [list(stream) for stream in zip(*lines, strict=True)]


def first_references(references: Sequence[Sequence[str]]) -> list[str]:
    """Return the first reference of each line that is not blank; a blank one where all are."""
    return [
        next((reference for reference in line if reference is not None), "")
        for line in zip(*mask_blank_references(references), strict=True)
    ]


def _mask_blank(line: Sequence[str]) -> list[str | None]:
    blank = [is_blank(reference) for reference in line]
    if all(blank):
        return list(line)
    return [
        None if is_empty else reference for reference, is_empty in zip(line, blank, strict=True)
    ]


def is_blank(text: str) -> bool:
    """Return whether a text has only spaces, controls and invisible characters."""
    return all(each.isspace() or unicodedata.category(each) in ("Cc", "Cf") for each in text)


def bleu_tokenizer(language: str | None, report: Callable[[str], None] | None = warn) -> str | None:
    """Return the tokenizer of sacreBLEU for BLEU in a language.

    Where no tokenizer finds the words, or the one that does is not installed, it is `char`: BLEU of
    characters.

    Args:
        language: A code or a name, as in `data.target_language`; None where it is not known.
        report: Takes a sentence where BLEU is of characters; None: nothing is reported.

    Returns:
        The name of the tokenizer; None: sacreBLEU's default, 13a.
    """
    known = find_language(language)
    if known is None or known.tokenizer == "13a":
        return None
    reason = f"BLEU has no word tokenizer for {known.name}"
    if known.tokenizer != _CHARACTERS:
        try:
            make_scorer("bleu", ScorerOptions(tokenize=known.tokenizer))
        except (UsageError, ResourceError):
            reason = (
                f"BLEU's tokenizer for {known.name}, {known.tokenizer}, is not installed "
                f"(pip install '{TOKENIZER_PACKAGES[known.tokenizer]}')"
            )
        else:
            return known.tokenizer
    if report is not None:
        report(
            f"{reason}, so BLEU counts characters (tok:{_CHARACTERS}). chrF needs no word "
            "tokenizer."
        )
    return _CHARACTERS


def common_bleu_tokenizer(
    languages: Iterable[str], report: Callable[[str], None] | None = warn
) -> str | None:
    """Return the tokenizer of sacreBLEU for a text in several languages.

    It is the tokenizer of all of them, and otherwise sacreBLEU's default, 13a.

    Args:
        languages: The languages.
        report: See `bleu_tokenizer`. It also takes a sentence where the tokenizers differ.

    Returns:
        See `bleu_tokenizer`.
    """
    found = {language: bleu_tokenizer(language, report) for language in dict.fromkeys(languages)}
    first = next(iter(found.values()), None)
    if all(tokenizer == first for tokenizer in found.values()):
        return first
    if report is not None:
        report(
            f"BLEU's tokenizers for {', '.join(found)} differ, so BLEU uses 13a for all. Score "
            "each language by itself."
        )
    return None


@dataclass(frozen=True)
class Statistics:
    """The counts of a metric in each segment of one translation.

    Attributes:
        metric: The name of the metric.
        name: The name in papers.
        rows: The counts of each segment.
    """

    metric: str
    name: str
    rows: list[list[float]]
    _corpus_scorer: "Scorer"
    _sentence_scorer: "Scorer"

    def corpus(self, segments: Iterable[int] | None = None) -> float | None:
        """Return the corpus score of some segments; None where there are none.

        Args:
            segments: The indices of the segments; None: all.
        """
        rows = self.rows if segments is None else [self.rows[i] for i in segments]
        return float(self._corpus_scorer._aggregate_and_compute(rows).score) if rows else None

    def sentences(self) -> list[float]:
        """Return the score of each segment, equal to sacreBLEU's `sentence_score`.

        BLEU uses the n-gram orders that a segment has (its effective order).
        """
        return [
            float(self._sentence_scorer._compute_score_from_stats(row).score) for row in self.rows
        ]


class SegmentScorer:
    """Counts in translations of one text, whose references are read once.

    Args:
        references: One sequence for each set of references.
        metric: The name of the metric.
        lowercase: See `score`.
        tokenize: See `score`.

    Raises:
        UsageError: See `score`.
        ResourceError: See `score`.
    """

    def __init__(
        self,
        references: Sequence[Sequence[str]],
        metric: str,
        *,
        lowercase: bool = False,
        tokenize: str | None = None,
    ) -> None:
        """Make the scorers of the metric."""
        self._references = references
        self._metric = metric
        options = ScorerOptions(lowercase, tokenize, mask_blank_references(references))
        self._corpus_scorer = make_scorer(metric, options)
        self._sentence_scorer = make_scorer(
            metric, replace(options, references=None, effective_order=True)
        )

    def statistics(self, hypotheses: Sequence[str]) -> Statistics:
        """Return the counts in each segment of a translation.

        Raises:
            DataError: The line counts differ.
        """
        check_reference_counts(hypotheses, self._references)
        rows = self._corpus_scorer._extract_corpus_statistics(hypotheses, None)
        name = self._corpus_scorer._aggregate_and_compute(rows).name
        return Statistics(self._metric, name, rows, self._corpus_scorer, self._sentence_scorer)


def length_ratio(bleu: Statistics, segments: Iterable[int] | None = None) -> float | None:
    """Return the words of a translation divided by those of its references, as BLEU counts them.

    Args:
        bleu: The counts of BLEU.
        segments: The indices of the segments to count; None: all.

    Returns:
        The ratio; None where the references have no words.
    """
    rows = bleu.rows if segments is None else [bleu.rows[i] for i in segments]
    words = sum(row[1] for row in rows)
    return sum(row[0] for row in rows) / words if words else None

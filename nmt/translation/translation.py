"""Translations as people and programs read them, and the report on each line of input."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from nmt.config.settings import SearchSettings
from nmt.search.hypothesis import SearchTree, Weights
from nmt.search.minimum_risk import MinimumRisk
from nmt.tokenizers.words import SegmentedText
from nmt.translation.quality_estimation import QualityEstimator
from nmt.translation.requests import Request


@dataclass(frozen=True)
class Translation:
    """Translation of one text.

    A text longer than `max_source_tokens` is divided into segments, which are translated separately
    and joined. The i-th best translation joins the i-th best of all segments, as long as each
    segment has one. Its scores are sums, and its expected utility is a mean.

    Attributes:
        text: The translation, without a line break.
        score: The log-probability after the penalties.
        log_probability: The log-probability before the penalties.
        tokens: The target subwords, `▁` for a space, with the end marks that the model wrote.
        source_tokens: The source subwords, `▁` for a space, with the tags and the end marks that
            the model read.
        token_log_probabilities: The log-probability of each of `tokens`.
        attention: `[tokens, source_tokens]`, rows that sum to one. None for a blank text, for
            several segments, for a model without attention, or where it was not requested.
        finished: Whether the model ended the translation, rather than the length limit.
        alternatives: The next best translations, best first, where `n_best` is above 1.
        missed: The terms that the translation should contain but lacks.
        pieces: The number of segments.
        expected_utility: The expected utility, 0 to 100, where `mbr` chose by it.
        tree: The search tree, where it was requested and there is one segment.
        segmented_source: The source text with its subwords, where there is attention.
        segmented_target: The translation with its subwords, where there is attention.
        source_tags: The pieces of the tags with which `source_tokens` start, such as `<2de>`. Each
            segment starts with them.
    """

    text: str
    score: float
    log_probability: float
    tokens: list[str]
    source_tokens: list[str]
    token_log_probabilities: list[float]
    attention: Weights | None
    finished: bool
    alternatives: "tuple[Translation, ...]" = ()
    missed: tuple[str, ...] = ()
    pieces: int = 1
    expected_utility: float | None = None
    tree: SearchTree | None = None
    segmented_source: SegmentedText | None = None
    segmented_target: SegmentedText | None = None
    source_tags: tuple[str, ...] = ()

    @property
    def n_best(self) -> "list[Translation]":
        """This translation and its alternatives, best first."""
        return [self, *self.alternatives]


def by_utility(candidates: Sequence[Translation], risk: MinimumRisk) -> list[Translation]:
    """Return the candidates with their expected utilities, best first.

    Args:
        candidates: The translations to choose from.
        risk: The decision rule, see `MinimumRisk.rank`.
    """
    return [
        replace(candidates[i], expected_utility=expected) for i, expected in risk.rank(candidates)
    ]


def choose_by_risk(
    translated: Sequence[list[Translation]],
    settings: SearchSettings,
    languages: Sequence[str],
    bleu_tokenizer_of: Callable[[str], str | None],
) -> list[list[Translation]]:
    """Return the candidates of each segment with their expected utilities, best first.

    Args:
        translated: The candidates of each segment.
        settings: The search settings, which name the utility.
        languages: The target language of each segment.
        bleu_tokenizer_of: Returns the tokenizer of BLEU for a language.
    """
    risks = {
        language: MinimumRisk.from_settings(settings, partial(bleu_tokenizer_of, language))
        for language in dict.fromkeys(languages)
    }
    return [
        candidates if (risk := risks[language]) is None else by_utility(candidates, risk)
        for candidates, language in zip(translated, languages, strict=True)
    ]


def distinct_texts(translations: Sequence[Translation]) -> list[Translation]:
    """Return the first translation of each text, in their order."""
    first: dict[str, Translation] = {}
    for each in translations:
        first.setdefault(each.text, each)
    return list(first.values())


def ranked(translations: Sequence[Translation]) -> Translation:
    """Return the first translation, with the others as its alternatives."""
    best, *others = translations
    return replace(best, alternatives=tuple(others))


def joined(pieces: Sequence[Translation], distinct: bool = False) -> Translation:
    """Return the translation of a text from those of its segments: see `Translation`.

    Args:
        pieces: The translations of the segments, in order.
        distinct: Whether each text is listed once.
    """
    if len(pieces) == 1:
        return pieces[0]
    ranks = min(len(piece.n_best) for piece in pieces)
    whole = [_end_to_end([piece.n_best[rank] for piece in pieces]) for rank in range(ranks)]
    return ranked(distinct_texts(whole) if distinct else whole)


def checked(translation: Translation, terms: Mapping[str, str]) -> Translation:
    """Return the translation with the terms that it lacks, and its alternatives likewise.

    Args:
        translation: The translation.
        terms: Each requested term with its form in a translation.
    """
    if not terms:
        return translation
    return replace(
        translation,
        missed=tuple(term for term, written in terms.items() if written not in translation.text),
        alternatives=tuple(checked(each, terms) for each in translation.alternatives),
    )


def _end_to_end(pieces: Sequence[Translation]) -> Translation:
    return Translation(
        text=" ".join(piece.text for piece in pieces if piece.text),
        score=sum(piece.score for piece in pieces),
        log_probability=sum(piece.log_probability for piece in pieces),
        tokens=[token for piece in pieces for token in piece.tokens],
        source_tokens=[token for piece in pieces for token in piece.source_tokens],
        token_log_probabilities=[p for piece in pieces for p in piece.token_log_probabilities],
        attention=None,
        finished=all(piece.finished for piece in pieces),
        pieces=len(pieces),
        source_tags=pieces[0].source_tags,
        expected_utility=_mean([piece.expected_utility for piece in pieces]),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


_FLAGS: "Mapping[str, Callable[[Request, Translation], bool]]" = {
    "in_pieces": lambda request, translation: translation.pieces > 1,
    "cut_by_limit": lambda request, translation: not translation.finished,
    "replaced_bytes": lambda request, translation: not request.line.valid,
    "missed_terms": lambda request, translation: bool(translation.missed),
}


def report(
    request: Request, translation: "Translation", estimator: QualityEstimator | None = None
) -> dict[str, Any]:
    """Return the report on one line, with its status, the scores of its translation and flags.

    Subwords are counted with their tags and end marks. The status is the first that holds:

    - `bad_input`: the line could not be translated.
    - `invalid_utf8`: some of its bytes were replaced.
    - `blank`: the line is blank.
    - `ok`: none of these.

    Args:
        request: The request of the line.
        translation: Its translation.
        estimator: The quality estimator, which adds the risk that the translation is wrong, and its
            signals. Both are None for a blank translation.
    """
    told = {
        "line": request.line.number,
        "status": _status(request, translation),
        "score": translation.score,
        "log_probability": translation.log_probability,
        "source_tokens": len(translation.source_tokens),
        "target_tokens": len(translation.tokens),
        "pieces": translation.pieces,
        "flags": flags(request, translation, estimator),
    }
    if estimator is None:
        return told
    verdict = estimator.estimate(request.text, translation)
    return {**told, **({"risk": None, "signals": None} if verdict is None else verdict.record())}


def flags(
    request: Request, translation: "Translation", estimator: QualityEstimator | None = None
) -> list[str]:
    """Return the flags of a line and of its translation.

    Args:
        request: The request of the line.
        translation: Its translation.
        estimator: The quality estimator, which adds flags of a wrong translation.
    """
    found = [name for name, holds in _FLAGS.items() if holds(request, translation)]
    verdict = None if estimator is None else estimator.estimate(request.text, translation)
    return found if verdict is None else [*found, *verdict.flags]


def _status(request: Request, translation: "Translation") -> str:
    if request.problem is not None:
        return "bad_input"
    if not request.line.valid:
        return "invalid_utf8"
    return "ok" if translation.source_tokens else "blank"

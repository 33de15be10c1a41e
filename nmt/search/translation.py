"""A translation as people and programs read it, put together from what search found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from nmt.search.hypothesis import Weights
from nmt.search.minimum_risk import MinimumRisk
from nmt.search.tree import SearchTree
from nmt.tokenizers.words import SegmentedText


@dataclass(frozen=True)
class Translation:
    """A translation of one text.

    text: without a line break; score: log-probability after the penalties; log_probability: before
    them; tokens, source_tokens: subwords, `▁` for a space, with the end marks that the model wrote
    and read; token_log_probabilities: one for each of `tokens`; attention: `[tokens,
    source_tokens]`, rows that sum to one, or None where there is none: for a blank text, one in
    pieces, a model without attention, or where it was not asked for; finished: false when the
    length limit cut it off; alternatives: the next best, best first, where `n_best` asked for more
    than one; missed: terms that it was asked to have and lacks; pieces: 1, or more where the text
    was longer than `max_source_tokens`. Its parts are then translated each by itself and joined:
    the i-th best is the i-th best of each, as far as every part has one, scores are sums and
    expected utilities means; expected_utility: 0 to 100, by which it was chosen where `mbr` asked
    for that; tree: all that search looked at, where that was asked for and there is one piece;
    segmented_source, segmented_target: source and text as they are written, with the subwords
    that attention is between, where there is attention.
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

    @property
    def n_best(self) -> "list[Translation]":
        """This translation and its alternatives, best first."""
        return [self, *self.alternatives]


def by_utility(candidates: Sequence[Translation], risk: MinimumRisk) -> list[Translation]:
    """The candidates in the order of their expected utilities."""
    return [
        replace(candidates[i], expected_utility=expected) for i, expected in risk.ranked(candidates)
    ]


def distinct_texts(translations: Sequence[Translation]) -> list[Translation]:
    """Return the first translation of each text, in their order."""
    first: dict[str, Translation] = {}
    for each in translations:
        first.setdefault(each.text, each)
    return list(first.values())


def ranked(translations: Sequence[Translation]) -> Translation:
    """The first, with the others as its alternatives."""
    best, *others = translations
    return replace(best, alternatives=tuple(others))


def joined(pieces: Sequence[Translation], distinct: bool = False) -> Translation:
    """The translation of a text from those of its pieces: see `Translation`.

    distinct: whether each text is given once.
    """
    if len(pieces) == 1:
        return pieces[0]
    ranks = min(len(piece.n_best) for piece in pieces)
    whole = [_end_to_end([piece.n_best[rank] for piece in pieces]) for rank in range(ranks)]
    return ranked(distinct_texts(whole) if distinct else whole)


def checked(translation: Translation, terms: Mapping[str, str | None]) -> Translation:
    """The translation with the terms that it lacks; its alternatives alike.

    terms: each as it was asked for, with how it would stand in a translation; None where no
    translation can have it.
    """
    if not terms:
        return translation
    return replace(
        translation,
        missed=tuple(
            term
            for term, written in terms.items()
            if written is None or written not in translation.text
        ),
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
        expected_utility=_mean([piece.expected_utility for piece in pieces]),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None

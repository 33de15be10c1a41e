"""The translations of sample dev sentences over the validations of a run."""

import math
from dataclasses import dataclass
from functools import cache

from nmt.evaluation.metrics import make_scorer
from nmt.reports.history import History
from nmt.text.characters import comparable


@dataclass(frozen=True)
class Stage:
    """A translation that stayed the same over consecutive validations.

    Attributes:
        first: The update of the first of these validations.
        last: The update of the last of these validations.
        text: The translation.
        chrf: The chrF of the sentence, 0 to 100; NaN where its reference is blank.
    """

    first: int
    last: int
    text: str
    chrf: float


@dataclass(frozen=True)
class Followed:
    """A dev sentence and the stages of its translation."""

    source: str
    reference: str
    stages: tuple[Stage, ...]


def followed(history: History) -> list[Followed]:
    """Return the sentences with translations in the log, in the order of their first record."""
    seen: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for point in history.dev:
        for sample in point.samples:
            key = sample.source, sample.reference
            seen.setdefault(key, []).append((point.update, sample.hypothesis))
    return [
        Followed(source, reference, tuple(_stages(reference, texts)))
        for (source, reference), texts in seen.items()
    ]


def _stages(reference: str, texts: list[tuple[int, str]]) -> list[Stage]:
    stages: list[Stage] = []
    for update, text in texts:
        if stages and stages[-1].text == text:
            known = stages.pop()
            stages.append(Stage(known.first, update, text, known.chrf))
        else:
            stages.append(Stage(update, update, text, _chrf(text, reference)))
    return stages


@cache
def _chrf(text: str, reference: str) -> float:
    if not reference.strip():
        return math.nan
    return float(
        make_scorer("chrf").sentence_score(comparable(text), [comparable(reference)]).score
    )

"""What search finds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmt.search.tree import SearchTree

Weights = NDArray[np.float32]
"""Attention weights `[target_len, source_len]`, each row a distribution over the source."""


@dataclass(frozen=True)
class Hypothesis:
    """One translation of one sentence, in token ids.

    tokens: without the end mark; log_probability: of all tokens, the end mark included;
    token_log_probabilities: of each, the end mark last; score: after the penalties, by which
    hypotheses are ranked; attention: one row for each of `token_log_probabilities`, one column for
    each source token, its end mark last, or None where it was not kept or the model has none;
    finished: whether the model ended it, rather than the length limit; tree: all that search looked
    at for its sentence, where that was asked for.
    """

    tokens: list[int]
    log_probability: float
    score: float
    token_log_probabilities: list[float]
    attention: Weights | None
    finished: bool
    tree: SearchTree | None = None

    @classmethod
    def blank(cls) -> "Hypothesis":
        """The translation of nothing; no model is asked."""
        return cls([], 0.0, 0.0, [], None, True)


def distinct(hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
    """The first of those that have the same tokens, in their order."""
    first: dict[tuple[int, ...], Hypothesis] = {}
    for each in hypotheses:
        first.setdefault(tuple(each.tokens), each)
    return list(first.values())

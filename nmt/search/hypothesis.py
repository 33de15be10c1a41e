"""Hypotheses, the results of search."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nmt.search.tree import SearchTree

Weights = NDArray[np.float32]
"""Attention weights `[target_len, source_len]`, each row a distribution over the source."""


@dataclass(frozen=True)
class Hypothesis:
    """Translation of one sentence, in token ids.

    Attributes:
        tokens: The token ids, without the end mark.
        log_probability: The log-probability of all tokens, end mark included.
        score: The log-probability after the penalties, by which hypotheses are ranked.
        token_log_probabilities: The log-probability of each token, the end mark last.
        attention: `[target_len, source_len]`, end marks last. The rows match
            `token_log_probabilities`. None where attention was not kept or the model has none.
        finished: Whether the model ended the translation, rather than the length limit.
        tree: The search tree of the sentence, where it was requested.
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
        """Return the translation of a blank sentence, without running a model."""
        return cls([], 0.0, 0.0, [], None, True)


def distinct(hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
    """Return the first hypothesis of each token sequence, in their order."""
    first: dict[tuple[int, ...], Hypothesis] = {}
    for each in hypotheses:
        first.setdefault(tuple(each.tokens), each)
    return list(first.values())

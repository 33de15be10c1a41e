"""Attention as the data of a page: what `drawAttention` in pages/attention.js draws.

Weights are whole thousandths. They are rounded so that the sum of a row stays what it was: a row
that sums to one has 1000 thousandths, and so have the rows of words that the page makes of them.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from nmt.inspection.words import spelled
from nmt.search.hypothesis import END_MARK, Weights
from nmt.search.views import View
from nmt.search.word_bounds import words_of

_ONE = 1000
_SPACE = "▁"


class Attended(Protocol):
    """What is drawn: a `Translation`, a `ForcedScore`."""

    @property
    def tokens(self) -> list[str]: ...
    @property
    def source_tokens(self) -> list[str]: ...
    @property
    def token_log_probabilities(self) -> list[float]: ...
    @property
    def attention(self) -> Weights | None: ...


def attention_record(attended: Attended, views: Sequence[View] = ()) -> dict[str, Any]:
    """All that is drawn of one translation. views: of its parts, where there are several."""
    return {**source_record(attended), **target_record(attended, views)}


def source_record(attended: Attended) -> dict[str, Any]:
    """The source: `source`, its subwords, and `source_words`, see `word_sizes`."""
    tokens = attended.source_tokens
    return {"source": tokens, "source_words": word_sizes(tokens)}


def target_record(attended: Attended, views: Sequence[View] = ()) -> dict[str, Any]:
    """The translation: `target` and `target_words` as of the source, `ended` (whether its last
    subword is the end mark), `probabilities` of the subwords and `weights` (a row for each
    subword), both in thousandths, and the same weights of each of `views`.
    """
    tokens = attended.tokens
    record: dict[str, Any] = {
        "target": tokens,
        "target_words": word_sizes(tokens),
        "ended": tokens[-1:] == [END_MARK],
        "probabilities": [round(_ONE * p) for p in np.exp(attended.token_log_probabilities)],
        "weights": None if attended.attention is None else thousandths(attended.attention),
    }
    if views:
        record["views"] = [
            {"name": view.name, "weights": thousandths(view.weights)} for view in views
        ]
    return record


def word_sizes(tokens: Sequence[str]) -> list[int | list[Any]]:
    """How many subwords each word has; with its text, `[size, text]`, where that is not what the
    subwords say when `▁` is left out: where subwords are bytes.
    """
    sizes: list[int | list[Any]] = []
    for word in words_of(tokens):
        subwords = [tokens[i] for i in word]
        text = spelled(subwords)
        plain = text == "".join(subwords).replace(_SPACE, "")
        sizes.append(len(word) if plain else [len(word), text])
    return sizes


def thousandths(weights: Weights) -> list[list[int]]:
    """Each row in whole numbers, none off by one or more, that add up to its rounded sum: what
    rounding down leaves over goes to the greatest remainders, the first of equals.
    """
    exact = weights.astype(np.float64) * _ONE
    whole = np.floor(exact)
    missing = np.rint(exact.sum(1)) - whole.sum(1)
    order = np.argsort(whole - exact, axis=1, kind="stable")
    place = np.argsort(order, axis=1, kind="stable")
    rounded: list[list[int]] = (whole + (place < missing[:, None])).astype(int).tolist()
    return rounded


def mean_entropy(weights: Weights) -> float:
    """How spread the attention is, in bits: the mean of the rows' entropies, each row made to sum
    to one; 0 where every token looks at one place, or there is none.
    """
    if not len(weights):
        return 0.0
    shares = weights.astype(np.float64)
    shares = shares / np.maximum(shares.sum(1, keepdims=True), np.finfo(np.float64).tiny)
    logarithms = np.log2(shares, where=shares > 0.0, out=np.zeros_like(shares))
    return float(abs((shares * logarithms).sum(1).mean()))

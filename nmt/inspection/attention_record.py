"""Attention as the data of an HTML report, drawn by `drawAttention` in pages/attention.js.

Weights are whole thousandths. Rounding keeps the sum of each row: a row that sums to one has 1000
thousandths, and so has each row of merged words.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from nmt.search.hypothesis import Weights
from nmt.search.views import View
from nmt.tokenizers.words import END_MARK, SegmentedText, words_to_display

_ONE = 1000
_SPACE = "▁"


class Attended(Protocol):
    """A text pair with attention: a `Translation` or a `ForcedScore`."""

    @property
    def tokens(self) -> list[str]:
        """The target subwords."""

    @property
    def source_tokens(self) -> list[str]:
        """The source subwords."""

    @property
    def token_log_probabilities(self) -> list[float]:
        """The log-probability of each target subword."""

    @property
    def attention(self) -> Weights | None:
        """Attention weights `[tokens, source_tokens]`, or None."""

    @property
    def segmented_source(self) -> SegmentedText | None:
        """The source text with its subwords, or None."""

    @property
    def segmented_target(self) -> SegmentedText | None:
        """The target text with its subwords, or None."""


def attention_record(attended: Attended, views: Sequence[View] = ()) -> dict[str, Any]:
    """Return the data of one translation.

    Args:
        attended: The translation.
        views: The attention of its parts, where there are several.
    """
    return {**source_record(attended), **target_record(attended, views)}


def source_record(attended: Attended) -> dict[str, Any]:
    """Return the data of the source: its subwords and their word sizes, see `word_sizes`."""
    tokens = attended.source_tokens
    return {"source": tokens, "source_words": word_sizes(tokens, attended.segmented_source)}


def target_record(attended: Attended, views: Sequence[View] = ()) -> dict[str, Any]:
    """Return the data of the translation.

    The members `target` and `target_words` are as in `source_record`. The member `ended` says
    whether the last subword is the end mark. `probabilities` of subwords and `weights`, a row for
    each subword, are in thousandths.

    Args:
        attended: The translation.
        views: The attention of its parts, added in the same form as `views`.
    """
    tokens = attended.tokens
    record: dict[str, Any] = {
        "target": tokens,
        "target_words": word_sizes(tokens, attended.segmented_target),
        "ended": tokens[-1:] == [END_MARK],
        "probabilities": [round(_ONE * p) for p in np.exp(attended.token_log_probabilities)],
        "weights": None if attended.attention is None else thousandths(attended.attention),
    }
    if views:
        record["views"] = [
            {"name": view.name, "weights": thousandths(view.weights)} for view in views
        ]
    return record


def word_sizes(tokens: Sequence[str], known: SegmentedText | None = None) -> list[int | list[Any]]:
    """Return the number of subwords of each word, or `[size, text]` where they spell another text.

    They spell another text where they are bytes, and where normalisation has changed the text.

    Args:
        tokens: Subwords, with the end mark.
        known: The text that they stand for; None where only the tokens are known.
    """
    sizes: list[int | list[Any]] = []
    for word in words_to_display(tokens, known):
        spelled = "".join(tokens[i] for i in word.subwords).replace(_SPACE, "")
        size = len(word.subwords)
        sizes.append(size if word.text == (spelled or _SPACE) else [size, word.text])
    return sizes


def merge_words(attended: Attended) -> tuple[list[str], list[str], Weights]:
    """Return target words, source words and the attention between them.

    The attention that a word receives is the sum over its subwords. The attention that it pays is
    their mean, so that rows still sum to one.

    Args:
        attended: A translation with attention. Its end mark is left out, unless it is the only
            token.

    Returns:
        The words, and the weights `[target words, source words]`.
    """
    assert attended.attention is not None
    target = words_to_display(attended.tokens, attended.segmented_target)
    if attended.tokens[-1:] == [END_MARK] and len(target) > 1:
        target = target[:-1]
    source = words_to_display(attended.source_tokens, attended.segmented_source)
    summed = np.stack([attended.attention[:, word.subwords].sum(1) for word in source], 1)
    merged = np.stack([summed[word.subwords].mean(0) for word in target])
    return [word.text for word in target], [word.text for word in source], merged


def thousandths(weights: Weights) -> list[list[int]]:
    """Return weights in whole thousandths whose rows keep their rounded sums.

    Each weight is rounded down. The rest of a row goes to its largest remainders, the first of
    equal ones.
    """
    exact = weights.astype(np.float64) * _ONE
    whole = np.floor(exact)
    missing = np.rint(exact.sum(1)) - whole.sum(1)
    order = np.argsort(whole - exact, axis=1, kind="stable")
    place = np.argsort(order, axis=1, kind="stable")
    rounded: list[list[int]] = (whole + (place < missing[:, None])).astype(int).tolist()
    return rounded


def mean_entropy(weights: Weights) -> float:
    """Return the mean entropy of the attention rows in bits, each row normalised to sum to one.

    It is 0 where every token attends to one position only, or where there are no tokens.
    """
    if not len(weights):
        return 0.0
    shares = weights.astype(np.float64)
    shares = shares / np.maximum(shares.sum(1, keepdims=True), np.finfo(np.float64).tiny)
    logarithms = np.log2(shares, where=shares > 0.0, out=np.zeros_like(shares))
    return float(abs((shares * logarithms).sum(1).mean()))

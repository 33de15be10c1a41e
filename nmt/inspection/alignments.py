"""Word alignments from attention, of translations that are given or found by search."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nmt.data.alignment.aligned import Aligned, Shares
from nmt.data.alignment.words import Membership, membership
from nmt.data.sentencepiece_model import Subword
from nmt.errors import UsageError
from nmt.search.hypothesis import END_MARK, Weights

if TYPE_CHECKING:
    from nmt.search.translation import Translation
    from nmt.search.translator import Translator


def align_given(
    translator: "Translator",
    sources: Sequence[str],
    targets: Sequence[str],
    subwords: bool = False,
    lines: Sequence[int] | None = None,
) -> list[Aligned]:
    """Each pair by what the model attends to when it writes the target.

    subwords: between subwords rather than words; lines: the numbers of the sources in messages.
    Nothing is linked where a side is blank. Raises UsageError for a model without attention,
    DataError as `Translator.score` does.
    """
    scores = translator.score(sources, targets, attention=True, lines=lines)
    tokenizers = translator.tokenizers
    found = []
    for source, target, score in zip(sources, targets, scores, strict=True):
        if not source.strip() or not target.strip():
            found.append(_blank(source, target, subwords))
            continue
        _check_attention(score.attention)
        sides = (tokenizers.source.subwords(source), tokenizers.target.subwords(target))
        found.append(_aligned((source, target), sides, score.attention, subwords))
    return found


def align_found(
    translator: "Translator", sources: Sequence[str], subwords: bool = False
) -> list[tuple["Translation", Aligned]]:
    """Each text's translation by the model's own search, and the alignment with it.

    Nothing is linked in a text that was translated in pieces.
    """
    translations = translator.translate(sources, n_best=1, replace_unknown=False)
    tokenizers = translator.tokenizers
    found = []
    for source, translation in zip(sources, translations, strict=True):
        if not translation.source_tokens or translation.pieces > 1:
            aligned = _blank(source, translation.text, subwords)
        else:
            _check_attention(translation.attention)
            tokens = [token for token in translation.tokens if token != END_MARK]
            sides = (tokenizers.source.subwords(source), tokenizers.target.spelled(tokens))
            texts = (source, translation.text)
            aligned = _aligned(texts, sides, translation.attention, subwords)
        found.append((translation, aligned))
    return found


def _aligned(
    texts: tuple[str, str],
    sides: tuple[list[Subword], list[Subword]],
    attention: Weights | None,
    subwords: bool,
) -> Aligned:
    """attention: `[tokens, source_tokens]`, with the end marks."""
    assert attention is not None
    weights = attention[: len(sides[1]), : len(sides[0])].astype(np.float64)
    if subwords:
        names = [[subword.piece for subword in side] for side in sides]
        best = weights.argmax(1) if weights.size else np.full(len(weights), -1)
        return Aligned(names[0], names[1], weights, best)
    of_source, of_target = map(membership, texts, sides)
    words = _between_words(weights, of_source, of_target)
    best = np.full(len(words), -1)
    known, linked = of_source.any(0), of_target.any(0)
    if known.any() and linked.any():
        best[linked] = np.where(known, words[linked], -1.0).argmax(1)
    return Aligned(texts[0].split(), texts[1].split(), words, best)


def _between_words(weights: Shares, of_source: Membership, of_target: Membership) -> Shares:
    """The attention that a word receives is the sum of its subwords', the attention that it gives
    is their mean; a subword of several words is shared between them.
    """
    shares = of_source / np.maximum(of_source.sum(1, keepdims=True), 1)
    means = of_target / np.maximum(of_target.sum(0, keepdims=True), 1)
    merged: Shares = means.T @ weights @ shares
    return merged


def _blank(source: str, target: str, subwords: bool) -> Aligned:
    """Of texts that no attention was kept for."""
    return Aligned.blank([], []) if subwords else Aligned.blank(source.split(), target.split())


def _check_attention(attention: Weights | None) -> None:
    if attention is None:
        raise UsageError("this model has no attention: it aligns nothing. Try --aligner hmm.")

"""Word alignments from attention, of translations that are given or found by search."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nmt.data.alignment.aligned import Aligned, Shares
from nmt.errors import UsageError
from nmt.search.hypothesis import Weights
from nmt.search.translation import Translation
from nmt.tokenizers.words import Membership, SegmentedText, split_words

if TYPE_CHECKING:
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
    found = []
    for source, target, score in zip(sources, targets, scores, strict=True):
        if not source.strip() or not target.strip():
            found.append(_blank(source, target, subwords))
            continue
        found.append(
            _aligned(score.segmented_source, score.segmented_target, score.attention, subwords)
        )
    return found


def align_found(
    translator: "Translator", sources: Sequence[str], subwords: bool = False
) -> list[tuple[Translation, Aligned]]:
    """Each text's translation by the model's own search, and the alignment with it.

    Nothing is linked in a text that was translated in pieces.
    """
    translations = translator.translate(sources, n_best=1, replace_unknown=False)
    found = []
    for source, translation in zip(sources, translations, strict=True):
        if not translation.source_tokens or translation.pieces > 1:
            aligned = _blank(source, translation.text, subwords)
        else:
            aligned = align_translation(translation, subwords)
        found.append((translation, aligned))
    return found


def align_translation(translation: Translation, subwords: bool = False) -> Aligned:
    """Return the alignment of a translation that carries its attention.

    Raises UsageError for one without, as of a model without attention.
    """
    source, target = translation.segmented_source, translation.segmented_target
    if source is None:
        source = SegmentedText.of_pieces(translation.source_tokens)
    if target is None:
        target = SegmentedText.of_pieces(translation.tokens)
    return _aligned(source, target, translation.attention, subwords)


def _aligned(
    source: SegmentedText | None,
    target: SegmentedText | None,
    attention: Weights | None,
    subwords: bool,
) -> Aligned:
    """attention: `[tokens, source_tokens]`, with the end marks."""
    if attention is None:
        raise UsageError("this model has no attention: it aligns nothing. Try --aligner hmm.")
    assert source is not None
    assert target is not None
    weights = attention[: len(target.subwords), : len(source.subwords)].astype(np.float64)
    if subwords:
        names = [[subword.piece for subword in side.subwords] for side in (source, target)]
        best = weights.argmax(1) if weights.size else np.full(len(weights), -1)
        return Aligned(names[0], names[1], weights, best)
    of_source, of_target = source.membership, target.membership
    words = _between_words(weights, of_source, of_target)
    best = np.full(len(words), -1)
    known, linked = of_source.any(0), of_target.any(0)
    if known.any() and linked.any():
        best[linked] = np.where(known, words[linked], -1.0).argmax(1)
    return Aligned(source.words, target.words, words, best)


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
    if subwords:
        return Aligned.blank([], [])
    return Aligned.blank(split_words(source), split_words(target))

"""Word alignments from attention, for given translations and for those that search finds."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nmt.alignment.links import Aligned, Shares
from nmt.errors import UsageError
from nmt.search.hypothesis import Weights
from nmt.tokenizers.words import Membership, SegmentedText, split_words
from nmt.translation.translation import Translation

if TYPE_CHECKING:
    from nmt.translation.translator import Translator


def align_given(
    translator: "Translator",
    sources: Sequence[str],
    targets: Sequence[str],
    subwords: bool = False,
    lines: Sequence[int] | None = None,
) -> list[Aligned]:
    """Align given pairs by the attention of a model that is forced to write the targets.

    Args:
        translator: The model.
        sources: The source texts.
        targets: Their translations.
        subwords: Whether to align subwords rather than words.
        lines: The line numbers of the sources, for messages.

    Returns:
        An alignment for each pair. It has no links where a side is blank.

    Raises:
        UsageError: The model has no attention.
        DataError: See `Translator.score`.
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
    """Translate texts with the model's own search, and align them with their translations.

    Args:
        translator: The model.
        sources: The source texts.
        subwords: Whether to align subwords rather than words.

    Returns:
        The translation of each text and its alignment. A text that was translated in segments has
        no links.
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

    Args:
        translation: The translation.
        subwords: Whether to align subwords rather than words.

    Raises:
        UsageError: The translation has no attention, for example because the model has none.
    """
    source, target = translation.segmented_source, translation.segmented_target
    if source is None:
        source = SegmentedText.from_pieces(translation.source_tokens)
    if target is None:
        target = SegmentedText.from_pieces(translation.tokens)
    return _aligned(source, target, translation.attention, subwords)


def _aligned(
    source: SegmentedText | None,
    target: SegmentedText | None,
    attention: Weights | None,
    subwords: bool,
) -> Aligned:
    """Return the alignment by attention weights `[tokens, source_tokens]`, end marks included."""
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
    """Return attention between words from attention between subwords.

    The attention that a word receives is the sum over its subwords. The attention that it pays is
    their mean. A subword of several words is shared between them.
    """
    shares = of_source / np.maximum(of_source.sum(1, keepdims=True), 1)
    means = of_target / np.maximum(of_target.sum(0, keepdims=True), 1)
    merged: Shares = means.T @ weights @ shares
    return merged


def _blank(source: str, target: str, subwords: bool) -> Aligned:
    """Return the alignment of texts without attention."""
    if subwords:
        return Aligned.blank([], [])
    return Aligned.blank(split_words(source), split_words(target))

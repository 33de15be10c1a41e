"""Word alignments from attention, for given translations and for new ones."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nmt.alignment.links import LinkWeights, WordAlignment
from nmt.errors import UsageError
from nmt.search.hypothesis import Weights
from nmt.tokenizers.words import Membership, SegmentedText, split_words
from nmt.translation.translation import Translation

if TYPE_CHECKING:
    from nmt.translation.translator import Translator


def align_pairs(
    translator: "Translator",
    sources: Sequence[str],
    targets: Sequence[str],
    subwords: bool = False,
    lines: Sequence[int] | None = None,
) -> list[WordAlignment]:
    """Align sentence pairs by the attention of a model in forced decoding.

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
    alignments = []
    for source, target, score in zip(sources, targets, scores, strict=True):
        if not source.strip() or not target.strip():
            alignments.append(_blank_alignment(source, target, subwords))
            continue
        alignments.append(
            _align_by_attention(
                score.segmented_source, score.segmented_target, score.attention, subwords
            )
        )
    return alignments


def translate_and_align(
    translator: "Translator", sources: Sequence[str], subwords: bool = False
) -> list[tuple[Translation, WordAlignment]]:
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
    results = []
    for source, translation in zip(sources, translations, strict=True):
        if not translation.source_tokens or translation.pieces > 1:
            aligned = _blank_alignment(source, translation.text, subwords)
        else:
            aligned = align_translation(translation, subwords)
        results.append((translation, aligned))
    return results


def align_translation(translation: Translation, subwords: bool = False) -> WordAlignment:
    """Return the alignment of a translation that carries its attention.

    Args:
        translation: The translation.
        subwords: Whether to align subwords rather than words.

    Raises:
        UsageError: The translation has no attention, for example because the model has none.
    """
    source, target = translation.segmented_source, translation.segmented_target
    if source is None:
        source = SegmentedText.from_pieces(translation.source_tokens, translation.source_tags)
    if target is None:
        target = SegmentedText.from_pieces(translation.tokens)
    return _align_by_attention(source, target, translation.attention, subwords)


def _align_by_attention(
    source: SegmentedText | None,
    target: SegmentedText | None,
    attention: Weights | None,
    subwords: bool,
) -> WordAlignment:
    """Return the alignment by attention weights `[tokens, source_tokens]`, end marks included.

    Tags are left out: the first subword of the source text has the number 0.
    """
    if attention is None:
        raise UsageError(
            "this model has no attention, so it cannot align words. Use --aligner hmm."
        )
    assert source is not None
    assert target is not None
    weights = attention[: len(target.subwords), : len(source.subwords)].astype(np.float64)
    if subwords:
        weights = weights[:, len(source.tags) :]
        names = [
            [subword.piece for subword in side.subwords[len(side.tags) :]]
            for side in (source, target)
        ]
        best = weights.argmax(1) if weights.size else np.full(len(weights), -1)
        return WordAlignment(names[0], names[1], weights, best)
    source_membership, target_membership = source.membership, target.membership
    words = _merge_into_words(weights, source_membership, target_membership)
    best = np.full(len(words), -1)
    known, linked = source_membership.any(0), target_membership.any(0)
    if known.any() and linked.any():
        best[linked] = np.where(known, words[linked], -1.0).argmax(1)
    return WordAlignment(source.words, target.words, words, best)


def _merge_into_words(
    weights: LinkWeights, source_membership: Membership, target_membership: Membership
) -> LinkWeights:
    """Return attention between words from attention between subwords.

    The attention that a word receives is the sum over its subwords. The attention that it pays is
    their mean. A subword of several words is shared between them.
    """
    shares = source_membership / np.maximum(source_membership.sum(1, keepdims=True), 1)
    means = target_membership / np.maximum(target_membership.sum(0, keepdims=True), 1)
    merged: LinkWeights = means.T @ weights @ shares
    return merged


def _blank_alignment(source: str, target: str, subwords: bool) -> WordAlignment:
    """Return the alignment of texts without attention."""
    if subwords:
        return WordAlignment.without_links([], [])
    return WordAlignment.without_links(split_words(source), split_words(target))

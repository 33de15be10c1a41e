"""Replacement of unknown tokens in translations: by source words, or by the words of a prefix."""

from collections.abc import Iterator, Sequence

from nmt.search.constraints import AvoidedText, normalize_text
from nmt.search.hypothesis import Hypothesis, Weights
from nmt.text.characters import clean_output
from nmt.tokenizers.letter_case import CASE_MARKS
from nmt.tokenizers.tokenizer import UNK, Tokenizer
from nmt.tokenizers.words import (
    DisplayWord,
    SegmentedText,
    Subword,
    is_punctuation,
    starts_word,
    words_to_display,
)


def with_source_words(
    hypothesis: Hypothesis,
    source: SegmentedText,
    target: Tokenizer,
    given: Sequence[Subword] = (),
    avoid: Sequence[AvoidedText] = (),
) -> SegmentedText:
    """Return the text of a hypothesis with source words in place of unknown tokens.

    An unknown token stands for characters that the target tokenizer lacks, mostly a part of a word.
    For each target word with unknown tokens, the source word to which these attend most is found.
    The attention to a source word is the sum over its subwords. A source word replaces the whole
    target word, but a punctuation mark replaces the unknown token alone. Source words are copied as
    the source has them. In a script without spaces, a source word is all text between two
    punctuation marks.

    Where tokens are whole words, each unknown token is replaced by a word with a space before it. A
    punctuation mark has the space that it has in the source.

    An unknown token stays where the source word would write a text to avoid, alone or together with
    the text around it.

    Args:
        hypothesis: A hypothesis with its attention.
        source: The source text. Where it has no words, unknown tokens stay as they are.
        target: The tokenizer of the target side.
        given: The subwords of the prefix, see `restore_prefix`.
        avoid: The texts that the translation must not contain.
    """
    tokens = hypothesis.tokens
    pieces = target.pieces(tokens)
    words = []
    if UNK in tokens:
        words = [word for word in source.display_words[len(source.tags) :] if word.text.strip()]
    if not words:
        return SegmentedText(target.decode(tokens), lambda: target.decoded_subwords(pieces))
    assert hypothesis.attention is not None
    subwords = target.decoded_subwords(pieces)
    whole = target.is_word_level
    for run, word in _replacements(tokens, pieces, hypothesis.attention, words, whole):
        # Decoding a word by itself drops its leading space.
        spelled = [piece for piece in pieces[run] if piece not in CASE_MARKS]
        is_spaced = starts_word("".join(spelled))
        if whole:
            surface = "".join(source.subwords[i].surface for i in word.subwords)
            is_spaced = not is_punctuation(word.text) or surface.startswith(" ")
        written = clean_output(word.text).strip()
        texts = [" " * is_spaced + written, *[""] * (run.stop - run.start - 1)]
        copied = list(map(Subword, pieces[run], texts))
        start = max(run.start, len(given))
        around = [*given, *subwords[len(given) : start]], subwords[run.stop :]
        if not _writes_avoided(target, avoid, *around, copied[start - run.start :]):
            subwords[run] = copied
    text = "".join(subword.surface for subword in subwords)
    return SegmentedText(text, subwords)


def restore_prefix(text: SegmentedText, given: Sequence[Subword]) -> SegmentedText:
    """Return a translation whose prefix is written as it was given, unknown words included.

    Args:
        text: The translation.
        given: The subwords of the prefix.
    """
    pieces = [subword.piece for subword in text.subwords]
    prefix = [Subword(*each) for each in zip(pieces, (s.surface for s in given), strict=False)]
    subwords = [*prefix, *text.subwords[len(prefix) :]]
    return SegmentedText(clean_output("".join(each.surface for each in subwords)), subwords)


def _writes_avoided(
    target: Tokenizer,
    avoid: Sequence[AvoidedText],
    before: Sequence[Subword],
    after: Sequence[Subword],
    copied: Sequence[Subword],
) -> bool:
    """Return whether copied subwords write a text to avoid between those before and after them."""
    if not avoid or not copied:
        return False
    whole, *parts = (
        normalize_text(target, "".join(subword.surface for subword in subwords))
        for subwords in ([*before, *copied, *after], before, after)
    )
    return any(text.count(whole) > sum(map(text.count, parts)) for text in avoid)


def _replacements(
    tokens: Sequence[int],
    pieces: Sequence[str],
    attention: Weights,
    words: Sequence[DisplayWord],
    whole: bool,
) -> Iterator[tuple[slice, DisplayWord]]:
    """Yield runs of target tokens and the source word that replaces each, in order.

    Args:
        tokens: The token ids of the translation.
        pieces: Its subwords.
        attention: The attention weights, `[target_len, source_len]`.
        words: The source words.
        whole: Whether an unknown token is a word by itself.
    """
    if whole:
        for i, token in enumerate(tokens):
            if token == UNK:
                yield slice(i, i + 1), _pointed_at(attention[i], words)
        return
    for positions, _ in words_to_display(pieces, None):
        unknown = [i for i in positions if tokens[i] == UNK]
        if not unknown:
            continue
        word = _pointed_at(attention[unknown].sum(0), words)
        if is_punctuation(word.text):
            for i in unknown:
                yield slice(i, i + 1), _pointed_at(attention[i], words)
        else:
            yield slice(positions[0], positions[-1] + 1), word


def _pointed_at(attention: Weights, words: Sequence[DisplayWord]) -> DisplayWord:
    """Return the source word with the most `attention [source_len]`; of equal ones, the first."""
    return max(words, key=lambda word: float(attention[word.subwords].sum()))

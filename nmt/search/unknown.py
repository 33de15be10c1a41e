"""Unknown tokens of a translation, replaced by what attention points to in the source."""

from collections.abc import Iterator, Sequence

from nmt.data.tokenizer import UNK, Tokenizer
from nmt.search.hypothesis import Hypothesis, Weights
from nmt.text.characters import clean_output
from nmt.tokenizers.words import (
    DisplayWord,
    SegmentedText,
    Subword,
    is_punctuation,
    starts_word,
    words_to_display,
)


def with_source_words(
    hypothesis: Hypothesis, source: SegmentedText, target: Tokenizer
) -> SegmentedText:
    """Return the text of a hypothesis with source words in place of unknown tokens.

    An unknown token stands for characters that the target tokenizer lacks, mostly a part of a word.
    The source word to which the unknown tokens of a target word attend most, with all of its
    subwords together, is written for the whole target word; a punctuation mark for the unknown
    token alone. Source words are written as the source has them; where a script has no spaces,
    one is all that stands between two punctuation marks.

    Args:
        hypothesis: One that has its attention.
        source: What was translated. Where it has no words, unknown tokens stay as they are.
        target: The tokenizer of the target side.
    """
    tokens = hypothesis.tokens
    pieces = target.pieces(tokens)
    words = []
    if UNK in tokens:
        words = [word for word in source.display_words if word.text.strip()]
    if not words:
        return SegmentedText(target.decode(tokens), lambda: target.spelled(pieces))
    assert hypothesis.attention is not None
    subwords = target.spelled(pieces)
    for run, word in _replacements(tokens, pieces, hypothesis.attention, words):
        # What is decoded by itself loses the space that it begins with.
        space = " " if starts_word(pieces[run.start]) else ""
        texts = [space + clean_output(word).strip(), *[""] * (run.stop - run.start - 1)]
        subwords[run] = map(Subword, pieces[run], texts)
    text = "".join(subword.surface for subword in subwords)
    return SegmentedText(text, subwords)


def _replacements(
    tokens: Sequence[int], pieces: Sequence[str], attention: Weights, words: Sequence[DisplayWord]
) -> Iterator[tuple[slice, str]]:
    """Runs of target tokens and what is written for each, in order."""
    for positions, _ in words_to_display(pieces, None):
        unknown = [i for i in positions if tokens[i] == UNK]
        if not unknown:
            continue
        word = _pointed_at(attention[unknown].sum(0), words)
        if is_punctuation(word):
            for i in unknown:
                yield slice(i, i + 1), _pointed_at(attention[i], words)
        else:
            yield slice(positions[0], positions[-1] + 1), word


def _pointed_at(attention: Weights, words: Sequence[DisplayWord]) -> str:
    """The word that gets most of `attention [source_len]`; of equal ones the first."""
    return max(words, key=lambda word: float(attention[word.subwords].sum())).text

"""Unknown tokens of a translation, replaced by what attention points to in the source."""

from collections.abc import Iterator, Sequence

from nmt.data.sentencepiece_model import Subword
from nmt.data.tokenizer import UNK, Tokenizer
from nmt.search.hypothesis import Hypothesis, Weights
from nmt.search.word_bounds import is_punctuation, starts_word, words_of


def with_source_words(hypothesis: Hypothesis, source: Sequence[Subword], target: Tokenizer) -> str:
    """The text of a hypothesis that has its attention, source words in place of what is unknown.

    An unknown token stands for characters that the target tokenizer lacks, mostly a part of a word.
    The source word to which the unknown tokens of a target word attend most, with all of its
    subwords together, is written for the whole target word; a punctuation mark for the unknown
    token alone. Source words are as `words_of` finds them, in the letters of the source text: where
    a script has no spaces, all that stands between two punctuation marks.

    source: the subwords of what was translated, without an end mark; where there are none, what is
    unknown stays so.
    """
    tokens, words = hypothesis.tokens, _words(source)
    if UNK not in tokens or not words:
        return target.decode(tokens)
    assert hypothesis.attention is not None
    pieces = target.pieces(tokens)
    parts: list[tuple[slice, str]] = []
    end = 0
    for run, word in _replacements(tokens, pieces, hypothesis.attention, words):
        known = slice(end, run.start)
        parts += [(known, target.decode(tokens[known])), (run, word)]
        end = run.stop
    rest = slice(end, len(tokens))
    parts.append((rest, target.decode(tokens[rest])))
    # What is decoded by itself loses the space that it begins with.
    spaces = (" " if any(map(starts_word, pieces[run][:1])) else "" for run, _ in parts)
    return "".join(space + text for space, (_, text) in zip(spaces, parts, strict=True))


_Word = tuple[list[int], str]
"""Positions of its subwords, and its text."""


def _words(source: Sequence[Subword]) -> list[_Word]:
    """The source words; a space that stands by itself is none."""
    found = []
    for positions in words_of([subword.piece for subword in source]):
        text = " ".join("".join(source[i].surface for i in positions).split())
        if text:
            found.append((positions, text))
    return found


def _replacements(
    tokens: Sequence[int], pieces: Sequence[str], attention: Weights, words: Sequence[_Word]
) -> Iterator[tuple[slice, str]]:
    """Runs of target tokens and what is written for each, in order."""
    for positions in words_of(pieces):
        unknown = [i for i in positions if tokens[i] == UNK]
        if not unknown:
            continue
        word = _pointed_at(attention[unknown].sum(0), words)
        if is_punctuation(word):
            for i in unknown:
                yield slice(i, i + 1), _pointed_at(attention[i], words)
        else:
            yield slice(positions[0], positions[-1] + 1), word


def _pointed_at(attention: Weights, words: Sequence[_Word]) -> str:
    """The word that gets most of `attention [source_len]`; of equal ones the first."""
    return max(words, key=lambda word: attention[word[0]].sum())[1]

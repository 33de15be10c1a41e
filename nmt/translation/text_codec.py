"""The codec between texts and the tokens of search: segments of lines, unknown tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from nmt.errors import UsageError
from nmt.search.constraints import (
    AvoidedText,
    Constraints,
    Stem,
    TokenConstraints,
    as_written,
    avoided,
    begun,
)
from nmt.search.forced_decoding import ForcedPair
from nmt.search.hypothesis import Hypothesis, Weights
from nmt.text.characters import clean_output
from nmt.tokenizers.tokenizer import UNK, Tokenizer, TokenizerPair
from nmt.tokenizers.words import (
    END_MARK,
    DisplayWord,
    SegmentedText,
    Subword,
    is_punctuation,
    starts_word,
    words_to_display,
)
from nmt.translation.translation import Translation


@dataclass(frozen=True)
class TextCodec:
    """Text codec of a model: encodes texts as tokens, and decodes hypotheses to translations.

    Attributes:
        tokenizers: The tokenizers of the model.
    """

    tokenizers: TokenizerPair

    def encoded(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each source text, none for a blank one."""
        return self.tokenizers.source.encode_batch([text if text.strip() else "" for text in texts])

    def in_pieces(self, texts: Sequence[str], limit: int) -> list[list[list[int]]]:
        """Return the token ids of each source text, in segments of at most `limit` tokens.

        A text within the limit is one segment. A blank text is one segment without tokens.

        Args:
            texts: The source texts.
            limit: The maximum number of tokens of a segment.
        """
        tokenizer = self.tokenizers.source
        return [
            [source]
            if len(source) <= limit
            else [source[run] for run in split_line(tokenizer.pieces(source), limit)]
            for source in self.encoded(texts)
        ]

    def segmented(
        self, texts: Sequence[str], texts_in_pieces: Sequence[Sequence[Sequence[int]]]
    ) -> list[SegmentedText]:
        """Return the text of each segment as it is written, with its subwords.

        Args:
            texts: The source texts.
            texts_in_pieces: The segments of each text, see `in_pieces`.
        """
        found = []
        for text, pieces in zip(texts, texts_in_pieces, strict=True):
            if len(pieces) == 1:
                found.append(self.source(text, len(pieces[0])))
                continue
            subwords = iter(self.tokenizers.source.subwords(text))
            for piece in pieces:
                own = list(islice(subwords, len(piece)))
                found.append(SegmentedText("".join(each.surface for each in own), own))
        return found

    def source(self, text: str, tokens: int) -> SegmentedText:
        """Return a source text with its subwords.

        Args:
            text: The text.
            tokens: The number of its tokens, 0 where it is blank.
        """
        return SegmentedText(text, lambda: self.tokenizers.source.subwords(text)[:tokens])

    def find_problem(self, wanted: Constraints) -> str | None:
        """Return why no translation can meet the constraints, None where one can.

        Blank phrases are ignored.
        """
        target = self.tokenizers.target
        for name, phrases in (("terms", wanted.terms), ("avoid", wanted.avoid)):
            for phrase in phrases:
                if phrase.strip() and not target.decode(target.encode(phrase)).strip():
                    return f"{name}: {phrase!r:.80} has no character that the model can write"
        return None

    def constraints(self, wanted: Constraints, pieces: int) -> list[TokenConstraints]:
        """Return the constraints of each segment of a text.

        The prefix applies to the first segment, and terms only to a text in one segment. A term
        with characters that the model cannot write is not forced: see `written`.

        Args:
            wanted: The constraints of the text.
            pieces: The number of its segments.

        Raises:
            UsageError: The model can write no character of a phrase.
        """
        if problem := self.find_problem(wanted):
            raise UsageError(f"{problem}. Leave it out.")
        target = self.tokenizers.target
        terms = tuple(
            tuple(tokens)
            for tokens in target.encode_batch(wanted.terms)
            if tokens and UNK not in tokens
        )
        avoid = self.avoided(wanted)
        prefix, stem = self._prefix(wanted)
        first = TokenConstraints(tuple(prefix), terms if pieces == 1 else (), avoid, stem)
        return [first, *[TokenConstraints(avoid=avoid)] * (pieces - 1)]

    def avoided(self, wanted: Constraints) -> tuple[AvoidedText, ...]:
        """Return the texts that the translation must not contain, without blank ones."""
        target = self.tokenizers.target
        return tuple(avoided(target, phrase) for phrase in wanted.avoid if phrase.strip())

    def given(self, wanted: Constraints, pieces: int) -> list[Sequence[Subword]]:
        """Return the subwords of the prefix with which each segment of a text begins.

        They are empty where the model has a token for everything in the prefix.

        Args:
            wanted: The constraints of the text.
            pieces: The number of its segments.
        """
        tokens, _ = self._prefix(wanted)
        subwords: list[Subword] = []
        if UNK in tokens:
            subwords = self.tokenizers.target.subwords(wanted.prefix)[: len(tokens)]
        return [subwords, *[[]] * (pieces - 1)]

    def _prefix(self, wanted: Constraints) -> tuple[list[int], Stem | None]:
        """Return the tokens of the prefix, and the stem of the word after them."""
        target = self.tokenizers.target
        return (
            begun(target, wanted.prefix)
            if wanted.open_end
            else (target.encode(wanted.prefix), None)
        )

    def written(self, terms: Sequence[str]) -> dict[str, str]:
        """Return the form of each term in a translation, which the tokenizer may change.

        A term with characters that the model cannot write is itself: a prefix may have it, and a
        source word that replaces an unknown one.
        """
        target = self.tokenizers.target
        found = {term: target.encode(term) for term in terms}
        return {
            term: (term if UNK in tokens else target.decode(tokens)).strip()
            for term, tokens in found.items()
        }

    def pair(self, translation: Translation | None) -> ForcedPair:
        """Return a translation in token ids, or a blank pair for None."""
        if translation is None:
            return ForcedPair([], [])
        ended = translation.tokens[-1:] == [END_MARK]
        tokens = translation.tokens[:-1] if ended else translation.tokens
        source = self.tokenizers.source.ids(translation.source_tokens[:-1])
        return ForcedPair(source, self.tokenizers.target.ids(tokens), ended)

    def translations(
        self,
        source: Sequence[int],
        hypotheses: Sequence[Hypothesis],
        segmented: SegmentedText | None,
        attention: bool,
        replace_unknown: bool = False,
        given: Sequence[Subword] = (),
        avoid: Sequence[AvoidedText] = (),
    ) -> list[Translation]:
        """Return the translations of one segment from its hypotheses.

        Args:
            source: The token ids of the segment.
            hypotheses: The hypotheses of the segment.
            segmented: The text of the segment with its subwords. None where neither attention nor
                unknown words need it.
            attention: Whether the translations carry attention, with the source text and their
                subwords.
            replace_unknown: Whether source words replace unknown ones.
            given: The subwords that every translation begins with, to be written as they are.
            avoid: The texts that no source word may write.
        """
        source_tokens = [*self.tokenizers.source.pieces(source), END_MARK] if source else []
        found = []
        for each in hypotheses:
            written = self._written(each, segmented if replace_unknown else None, given, avoid)
            if given:
                written = with_given_words(written, given)
            translation = self._translation(each, written.strip(), source_tokens)
            if not attention:
                translation = replace(translation, attention=None)
            elif each.attention is not None:
                translation = _with_texts(translation, segmented, written)
            found.append(translation)
        return found

    def _written(
        self,
        hypothesis: Hypothesis,
        source: SegmentedText | None,
        given: Sequence[Subword],
        avoid: Sequence[AvoidedText],
    ) -> SegmentedText:
        """Return the text of a hypothesis, with words of `source`, if any, for unknown ones."""
        target = self.tokenizers.target
        if source is not None:
            return with_source_words(hypothesis, source, target, given, avoid)
        return SegmentedText(
            target.decode(hypothesis.tokens),
            lambda: target.spelled(target.pieces(hypothesis.tokens)),
        )

    def _translation(
        self, hypothesis: Hypothesis, text: str, source_tokens: list[str]
    ) -> Translation:
        target = self.tokenizers.target
        tokens = target.pieces(hypothesis.tokens)
        if hypothesis.finished and source_tokens:
            tokens.append(END_MARK)
        tree = hypothesis.tree
        if tree is not None:
            tree = tree.with_pieces(target.pieces([node.token for node in tree.nodes]))
        return Translation(
            text=text,
            score=hypothesis.score,
            log_probability=hypothesis.log_probability,
            tokens=tokens,
            source_tokens=source_tokens,
            token_log_probabilities=hypothesis.token_log_probabilities,
            attention=hypothesis.attention,
            finished=hypothesis.finished,
            tree=tree,
        )


def _with_texts(
    translation: Translation, source: SegmentedText | None, written: SegmentedText
) -> Translation:
    """Return a translation with both texts; `written` is the target text before it was stripped."""
    target = SegmentedText(translation.text, lambda: written.subwords)
    return replace(translation, segmented_source=source, segmented_target=target)


_SPACE = "▁"
_STOPS = (".", "!", "?", "…")
_WIDE_STOPS = ("。", "！", "？")
_CLOSERS = "\"'”’»)]」』）"
_LONGEST_CLOSING = 3
_CONTINUATION_BYTES = frozenset(f"<0x{byte:02X}>" for byte in range(0x80, 0xC0))


def split_line(tokens: Sequence[str], limit: int) -> list[slice]:
    """Return runs of at most `limit` subwords that together are all of a text, in order.

    A text within the limit is one run. Each cut is in the second half of the positions that fit, at
    the last of the best ones. The end of a sentence is best, then the beginning of a word, then any
    position between characters.

    Args:
        tokens: The subwords of one text, `▁` for a space.
        limit: The maximum number of subwords of a run.
    """
    runs, start = [], 0
    while len(tokens) - start > limit:
        places = range(start + (limit + 1) // 2, start + limit + 1)
        cut = max(places, key=lambda place: (_quality(tokens, place), place))
        runs.append(slice(start, cut))
        start = cut
    return [*runs, slice(start, len(tokens))]


def _quality(tokens: Sequence[str], place: int) -> int:
    """Return the quality of a cut before `tokens[place]`, from 0 to 3."""
    ending = "".join(tokens[max(0, place - _LONGEST_CLOSING) : place]).rstrip(_CLOSERS)
    if tokens[place].startswith(_SPACE):
        return 3 if ending.endswith(_STOPS + _WIDE_STOPS) else 2
    if ending.endswith(_WIDE_STOPS) and not tokens[place].startswith(tuple(_CLOSERS)):
        return 3
    return 0 if tokens[place] in _CONTINUATION_BYTES else 1


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
        given: The subwords of the prefix, see `with_given_words`.
        avoid: The texts that the translation must not contain.
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
    whole = target.has_whole_words
    for run, word in _replacements(tokens, pieces, hypothesis.attention, words, whole):
        # Decoding a word by itself drops its leading space.
        is_spaced = starts_word(pieces[run.start])
        if whole:
            first = source.subwords[word.subwords[0]]
            is_spaced = not is_punctuation(word.text) or first.surface.startswith(" ")
        written = clean_output(word.text).strip()
        texts = [" " * is_spaced + written, *[""] * (run.stop - run.start - 1)]
        copied = list(map(Subword, pieces[run], texts))
        start = max(run.start, len(given))
        around = [*given, *subwords[len(given) : start]], subwords[run.stop :]
        if not _writes_avoided(target, avoid, *around, copied[start - run.start :]):
            subwords[run] = copied
    text = "".join(subword.surface for subword in subwords)
    return SegmentedText(text, subwords)


def with_given_words(text: SegmentedText, given: Sequence[Subword]) -> SegmentedText:
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
        as_written(target, "".join(subword.surface for subword in subwords))
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

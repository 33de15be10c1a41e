"""The codec between texts and the tokens of search: segments of lines, unknown tokens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from nmt.errors import UsageError
from nmt.search.constraints import (
    AvoidedText,
    Constraints,
    OpenWord,
    TokenConstraints,
    make_avoided_text,
    normalize_text,
    split_open_word,
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

_MOST_SEGMENTS = 1 << 20
"""Upper bound of the segments of a text, in the numbers that samples depend on."""


@dataclass(frozen=True)
class Segment:
    """Segment of a source text, which search translates as a whole.

    Attributes:
        tokens: The token ids, none for a blank text.
        text: The text of the segment with its subwords.
        constraints: The constraints of its translation, in tokens.
        prefix: The subwords of the prefix, to be written as they are. Empty where the model has a
            token for everything in the prefix.
        number: The number that samples depend on, different for all segments of all texts. None
            where equal segments have equal samples.
    """

    tokens: list[int]
    text: SegmentedText
    constraints: TokenConstraints
    prefix: Sequence[Subword] = ()
    number: int | None = None


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

    def segments(
        self,
        texts: Sequence[str],
        limit: int,
        constraints: Sequence[Constraints] | None = None,
        draw_numbers: Sequence[int] | None = None,
    ) -> list[list[Segment]]:
        """Return the segments of each source text, each of at most `limit` tokens.

        A text within the limit is one segment. A blank text is one segment without tokens.

        Args:
            texts: The source texts.
            limit: The maximum number of tokens of a segment.
            constraints: The constraints of each text, see `constraints`. None: there are none.
            draw_numbers: The number of each text that its samples depend on. None: there are none.

        Raises:
            UsageError: The model can write no character of a constraint.
        """
        if constraints is None:
            constraints = [Constraints()] * len(texts)
        numbers: Sequence[int | None] = draw_numbers or [None] * len(texts)
        encoded = zip(texts, self.encoded(texts), constraints, numbers, strict=True)
        return [self._segments(*each, limit) for each in encoded]

    def _segments(
        self, text: str, tokens: list[int], wanted: Constraints, number: int | None, limit: int
    ) -> list[Segment]:
        """Return the segments of one text with these token ids."""
        parts, written = [tokens], [self.source(text, len(tokens))]
        if len(tokens) > limit:
            tokenizer = self.tokenizers.source
            runs = split_line(tokenizer.pieces(tokens), limit)
            parts = [tokens[run] for run in runs]
            subwords = tokenizer.subwords(text)
            written = [_joined(subwords[run]) for run in runs]
        inner = self.constraints(wanted, len(parts))
        prefix = self.unknown_prefix(wanted)
        return [
            Segment(
                part,
                segmented,
                each,
                prefix if i == 0 else (),
                None if number is None else number * _MOST_SEGMENTS + i,
            )
            for i, (part, segmented, each) in enumerate(zip(parts, written, inner, strict=True))
        ]

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
        avoid = tuple(
            make_avoided_text(target, phrase) for phrase in wanted.avoid if phrase.strip()
        )
        prefix, open_word = self._prefix(wanted)
        first = TokenConstraints(tuple(prefix), terms if pieces == 1 else (), avoid, open_word)
        return [first, *[TokenConstraints(avoid=avoid)] * (pieces - 1)]

    def unknown_prefix(self, wanted: Constraints) -> Sequence[Subword]:
        """Return the subwords of a prefix that has characters which the model cannot write.

        They are empty where the model has a token for everything in the prefix.
        """
        tokens, _ = self._prefix(wanted)
        if UNK not in tokens:
            return ()
        return self.tokenizers.target.subwords(wanted.prefix)[: len(tokens)]

    def _prefix(self, wanted: Constraints) -> tuple[list[int], OpenWord | None]:
        """Return the tokens of the prefix, and the open word after them."""
        target = self.tokenizers.target
        return (
            split_open_word(target, wanted.prefix)
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
        segment: Segment,
        hypotheses: Sequence[Hypothesis],
        attention: bool = True,
        replace_unknown: bool = False,
    ) -> list[Translation]:
        """Return the translations of one segment from its hypotheses.

        Args:
            segment: The segment.
            hypotheses: The hypotheses of the segment.
            attention: Whether the translations carry attention, with the source text and their
                subwords.
            replace_unknown: Whether source words replace unknown ones.
        """
        source_tokens: list[str] = []
        if segment.tokens:
            source_tokens = [*self.tokenizers.source.pieces(segment.tokens), END_MARK]
        translations = []
        for hypothesis in hypotheses:
            written = self._written(hypothesis, segment, replace_unknown)
            if segment.prefix:
                written = with_given_words(written, segment.prefix)
            translation = self._translation(hypothesis, written.strip(), source_tokens)
            if not attention:
                translation = replace(translation, attention=None)
            elif hypothesis.attention is not None:
                translation = _with_texts(translation, segment.text, written)
            translations.append(translation)
        return translations

    def _written(
        self, hypothesis: Hypothesis, segment: Segment, replace_unknown: bool
    ) -> SegmentedText:
        """Return the text of a hypothesis, where asked with source words for unknown ones."""
        target = self.tokenizers.target
        if replace_unknown:
            return with_source_words(
                hypothesis, segment.text, target, segment.prefix, segment.constraints.avoid
            )
        return SegmentedText(
            target.decode(hypothesis.tokens),
            lambda: target.decoded_subwords(target.pieces(hypothesis.tokens)),
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


def _joined(subwords: Sequence[Subword]) -> SegmentedText:
    return SegmentedText("".join(subword.surface for subword in subwords), subwords)


def _with_texts(
    translation: Translation, source: SegmentedText, written: SegmentedText
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
        return SegmentedText(target.decode(tokens), lambda: target.decoded_subwords(pieces))
    assert hypothesis.attention is not None
    subwords = target.decoded_subwords(pieces)
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

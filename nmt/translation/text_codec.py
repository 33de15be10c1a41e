"""The codec of a model: source texts to segments of tokens, and hypotheses to translations."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from nmt.errors import UsageError
from nmt.search.constraints import (
    Constraints,
    OpenWord,
    TokenConstraints,
    make_avoided_text,
    split_open_word,
)
from nmt.search.forced_decoding import ForcedPair
from nmt.search.hypothesis import Hypothesis
from nmt.tokenizers.letter_case import find_closing_mark
from nmt.tokenizers.source_tags import tag_ids, tag_name
from nmt.tokenizers.tokenizer import UNK, TokenizerPair
from nmt.tokenizers.words import (
    END_MARK,
    SegmentedText,
    Subword,
)
from nmt.translation.segments import Segment, divide_line
from nmt.translation.translation import Translation
from nmt.translation.unknown_words import restore_prefix, with_source_words

_MOST_SEGMENTS = 1 << 20
"""Upper bound of the segments of a text, in the numbers that samples depend on."""


@dataclass(frozen=True)
class TextCodec:
    """Text codec of a model: encodes texts as tokens, and decodes hypotheses to translations.

    Attributes:
        tokenizers: The tokenizers of the model.
    """

    tokenizers: TokenizerPair

    def encoded(
        self, texts: Sequence[str], tags: Sequence[Sequence[str]] | None = None
    ) -> list[list[int]]:
        """Return the token ids of each source text with its tags, none for a blank one.

        Args:
            texts: The source texts.
            tags: The names of the tags of each text. None: there are none.
        """
        encoded = self.tokenizers.source.encode_batch(
            [text if text.strip() else "" for text in texts]
        )
        if tags is None:
            return encoded
        each_tags = self.tag_ids(tags)
        return [
            [*tags, *tokens] if tokens else []
            for tags, tokens in zip(each_tags, encoded, strict=True)
        ]

    def tag_ids(self, tags: Sequence[Sequence[str]]) -> list[list[int]]:
        """Return the token ids of the tags of each text, given their names."""
        names = list(map(tuple, tags))
        ids = {each: tag_ids(self.tokenizers.source, each) for each in set(names)}
        return [ids[each] for each in names]

    def segments(
        self,
        texts: Sequence[str],
        limit: int,
        constraints: Sequence[Constraints] | None = None,
        draw_numbers: Sequence[int] | None = None,
        tags: Sequence[Sequence[str]] | None = None,
    ) -> list[list[Segment]]:
        """Return the segments of each source text, each of at most `limit` tokens.

        A text within the limit is one segment. A blank text is one segment without tokens. Each
        other segment starts with the tags of its text.

        Args:
            texts: The source texts.
            limit: The maximum number of tokens of a segment, with its tags.
            constraints: The constraints of each text, see `constraints`. None: there are none.
            draw_numbers: The number of each text that its samples depend on. None: there are none.
            tags: The names of the tags of each text. None: there are none.

        Raises:
            UsageError: The model can write no character of a constraint.
        """
        if constraints is None:
            constraints = [Constraints()] * len(texts)
        if tags is None:
            tags = [()] * len(texts)
        numbers: Sequence[int | None] = draw_numbers or [None] * len(texts)
        encoded = zip(
            texts, self.encoded(texts), self.tag_ids(tags), constraints, numbers, strict=True
        )
        return [self._segments(*each, limit) for each in encoded]

    def _segments(
        self,
        text: str,
        tokens: list[int],
        tags: list[int],
        wanted: Constraints,
        number: int | None,
        limit: int,
    ) -> list[Segment]:
        """Return the segments of one text with these token ids and tags before each segment."""
        tokenizer = self.tokenizers.source
        tags = tags if tokens else []
        tag_pieces = tuple(tokenizer.pieces(tags))
        parts = [[*tags, *tokens]]
        written = [self._source(text, len(tokens), tag_pieces)]
        divided = divide_line(tokenizer, tokens, limit - len(tags))
        if len(divided) > 1:
            subwords = tokenizer.subwords(text)
            parts = [[*tags, *tokenizer.ids(marks), *tokens[run]] for marks, run in divided]
            written = [
                _joined([*(Subword(each, "") for each in marks), *subwords[run]], tag_pieces)
                for marks, run in divided
            ]
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

    def _source(self, text: str, tokens: int, tags: tuple[str, ...]) -> SegmentedText:
        """Return a source text with its subwords.

        Args:
            text: The text.
            tokens: The number of its tokens without tags, 0 where it is blank.
            tags: The pieces of its tags.
        """
        return SegmentedText(text, lambda: self.tokenizers.source.subwords(text)[:tokens], tags)

    def find_problem(self, wanted: Constraints) -> str | None:
        """Return why no translation can meet the constraints, None where one can.

        Blank phrases are ignored.
        """
        target = self.tokenizers.target
        for name, phrases in (("terms", wanted.terms), ("avoid", wanted.avoid)):
            for phrase in phrases:
                if phrase.strip() and not target.decode(target.encode(phrase)).strip():
                    return f"{name}: {phrase!r:.80} has no character that the model can produce"
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
            raise UsageError(f"{problem}. Remove this constraint.")
        target = self.tokenizers.target
        terms = tuple(
            (*tokens, *target.ids(find_closing_mark(target.pieces(tokens))))
            for tokens in target.encode_batch(wanted.terms)
            if tokens and UNK not in tokens
        )
        avoid = tuple(
            make_avoided_text(target, phrase) for phrase in wanted.avoid if phrase.strip()
        )
        prefix, open_word = self._prefix(wanted)
        first = TokenConstraints(
            tuple(prefix),
            terms if pieces == 1 else (),
            avoid,
            open_word,
        )
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

    def spell_alternative(self, tokens: Sequence[int]) -> str:
        """Return the subword of the last token. After a case mark, it has its capitals.

        Args:
            tokens: The token, with the case mark before it.
        """
        *marks, piece = self.tokenizers.target.pieces(tokens)
        if not marks:
            return piece
        restorer = self.tokenizers.target.make_restorer()
        restorer.mark(marks[-1])
        return restorer.read(piece)

    def pair(self, translation: Translation | None) -> ForcedPair:
        """Return a translation in token ids, or a blank pair for None."""
        if translation is None:
            return ForcedPair([], [])
        ended = translation.tokens[-1:] == [END_MARK]
        tokens = translation.tokens[:-1] if ended else translation.tokens
        tags, source = translation.source_tags, self.tokenizers.source
        ids = [
            *tag_ids(source, [tag_name(tag) for tag in tags]),
            *source.ids(translation.source_tokens[len(tags) : -1]),
        ]
        return ForcedPair(ids, self.tokenizers.target.ids(tokens), ended, len(tags))

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
                written = restore_prefix(written, segment.prefix)
            translation = self._make_translation(
                hypothesis, written.strip(), source_tokens, segment.text.tags
            )
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

    def _make_translation(
        self,
        hypothesis: Hypothesis,
        text: str,
        source_tokens: list[str],
        source_tags: tuple[str, ...],
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
            source_tags=source_tags,
            token_log_probabilities=hypothesis.token_log_probabilities,
            attention=hypothesis.attention,
            finished=hypothesis.finished,
            tree=tree,
        )


def _joined(subwords: Sequence[Subword], tags: tuple[str, ...]) -> SegmentedText:
    return SegmentedText("".join(subword.surface for subword in subwords), subwords, tags)


def _with_texts(
    translation: Translation, source: SegmentedText, written: SegmentedText
) -> Translation:
    """Return a translation with both texts; `written` is the target text before it was stripped."""
    target = SegmentedText(translation.text, lambda: written.subwords)
    return replace(translation, segmented_source=source, segmented_target=target)


def constraints_of_texts(
    count: int, constraints: Sequence[Constraints] | None
) -> Sequence[Constraints]:
    """Return the constraints of each text.

    Args:
        count: The number of texts.
        constraints: The constraints of each text. None: there are none.

    Raises:
        UsageError: The number of constraints differs from that of texts.
    """
    if isinstance(constraints, Constraints):
        raise UsageError(
            "constraints must be a list with one item for each text: constraints=[constraint]"
        )
    if constraints is None:
        return [Constraints()] * count
    if len(constraints) != count:
        raise UsageError(
            f"{count} texts but {len(constraints)} constraints; give one for each text"
        )
    return constraints

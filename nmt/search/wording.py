"""Text codec between the texts of users and the tokens of search."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from nmt.errors import UsageError
from nmt.search.avoided_texts import AvoidedText, avoided
from nmt.search.constraints import Constraints, TokenConstraints
from nmt.search.forced import Pair
from nmt.search.hypothesis import Hypothesis
from nmt.search.pieces import split
from nmt.search.stems import Stem, begun
from nmt.search.translation import Translation
from nmt.search.unknown import with_given_words, with_source_words
from nmt.tokenizers.sentencepiece import UNK, TokenizerPair
from nmt.tokenizers.words import END_MARK, SegmentedText, Subword


@dataclass(frozen=True)
class Wording:
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
            else [source[run] for run in split(tokenizer.pieces(source), limit)]
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

    def find_problem(self, wish: Constraints) -> str | None:
        """Return why no translation can meet the constraints, None where one can.

        Blank phrases are ignored.
        """
        target = self.tokenizers.target
        for name, phrases in (("terms", wish.terms), ("avoid", wish.avoid)):
            for phrase in phrases:
                if phrase.strip() and not target.decode(target.encode(phrase)).strip():
                    return f"{name}: {phrase!r:.80} has no character that the model can write"
        return None

    def constraints(self, wish: Constraints, pieces: int) -> list[TokenConstraints]:
        """Return the constraints of each segment of a text.

        The prefix applies to the first segment, and terms only to a text in one segment. A term
        with characters that the model cannot write is not forced: see `written`.

        Args:
            wish: The constraints of the text.
            pieces: The number of its segments.

        Raises:
            UsageError: The model can write no character of a phrase.
        """
        if problem := self.find_problem(wish):
            raise UsageError(f"{problem}. Leave it out.")
        target = self.tokenizers.target
        terms = tuple(
            tuple(tokens)
            for tokens in target.encode_batch(wish.terms)
            if tokens and UNK not in tokens
        )
        avoid = self.avoided(wish)
        prefix, stem = self._prefix(wish)
        first = TokenConstraints(tuple(prefix), terms if pieces == 1 else (), avoid, stem)
        return [first, *[TokenConstraints(avoid=avoid)] * (pieces - 1)]

    def avoided(self, wish: Constraints) -> tuple[AvoidedText, ...]:
        """Return the texts that the translation must not contain, without blank ones."""
        target = self.tokenizers.target
        return tuple(avoided(target, phrase) for phrase in wish.avoid if phrase.strip())

    def given(self, wish: Constraints, pieces: int) -> list[Sequence[Subword]]:
        """Return the subwords of the prefix with which each segment of a text begins.

        They are empty where the model has a token for everything in the prefix.

        Args:
            wish: The constraints of the text.
            pieces: The number of its segments.
        """
        tokens, _ = self._prefix(wish)
        subwords: list[Subword] = []
        if UNK in tokens:
            subwords = self.tokenizers.target.subwords(wish.prefix)[: len(tokens)]
        return [subwords, *[[]] * (pieces - 1)]

    def _prefix(self, wish: Constraints) -> tuple[list[int], Stem | None]:
        """Return the tokens of the prefix, and the stem of the word after them."""
        target = self.tokenizers.target
        return begun(target, wish.prefix) if wish.open_end else (target.encode(wish.prefix), None)

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

    def pair(self, translation: Translation | None) -> Pair:
        """Return a translation in token ids, or a blank pair for None."""
        if translation is None:
            return Pair([], [])
        ended = translation.tokens[-1:] == [END_MARK]
        tokens = translation.tokens[:-1] if ended else translation.tokens
        source = self.tokenizers.source.ids(translation.source_tokens[:-1])
        return Pair(source, self.tokenizers.target.ids(tokens), ended)

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

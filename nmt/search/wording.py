"""Between the texts that people write and read and the tokens that search works on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from nmt.data.sentencepiece_model import Subword
from nmt.data.tokenizer import TokenizerPair
from nmt.search.constraints import Constraints, TokenConstraints
from nmt.search.forced import Pair
from nmt.search.hypothesis import END_MARK, Hypothesis
from nmt.search.pieces import split
from nmt.search.stems import begun
from nmt.search.translation import Translation
from nmt.search.unknown import with_source_words


@dataclass(frozen=True)
class Wording:
    """Texts as tokens, and hypotheses as translations, by the tokenizers of a model."""

    tokenizers: TokenizerPair

    def encoded(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of each source text, none of a blank one."""
        return self.tokenizers.source.encode_batch([text if text.strip() else "" for text in texts])

    def in_pieces(self, texts: Sequence[str], limit: int) -> list[list[list[int]]]:
        """The token ids of each source text, in pieces of at most `limit` tokens, one where that
        is enough; of a blank text one without any.
        """
        tokenizer = self.tokenizers.source
        return [
            [source]
            if len(source) <= limit
            else [source[run] for run in split(tokenizer.pieces(source), limit)]
            for source in self.encoded(texts)
        ]

    def subwords(
        self, texts: Sequence[str], texts_in_pieces: Sequence[Sequence[Sequence[int]]]
    ) -> list[list[Subword]]:
        """The tokens of each piece with what they stand for in its text."""
        found = []
        for text, pieces in zip(texts, texts_in_pieces, strict=True):
            subwords = iter(self.tokenizers.source.subwords(text))
            found += [list(islice(subwords, len(piece))) for piece in pieces]
        return found

    def constraints(self, wish: Constraints, pieces: int) -> list[TokenConstraints]:
        """The constraints of each piece of a text: the prefix holds for the first, terms for a text
        in one piece only.
        """
        target = self.tokenizers.target
        terms, avoid = (
            tuple(tuple(tokens) for tokens in target.encode_batch(phrases) if tokens)
            for phrases in (wish.terms, wish.avoid)
        )
        prefix, stem = target.encode(wish.prefix), None
        if wish.open_end:
            prefix, stem = begun(target, wish.prefix)
        first = TokenConstraints(tuple(prefix), terms if pieces == 1 else (), avoid, stem)
        return [first, *[TokenConstraints(avoid=avoid)] * (pieces - 1)]

    def written(self, terms: Sequence[str]) -> dict[str, str]:
        """How each term stands in a translation: the tokenizer may write it otherwise."""
        target = self.tokenizers.target
        return {term: target.decode(target.encode(term)).strip() for term in terms}

    def pair(self, translation: Translation | None) -> Pair:
        """The token ids of a translation; a blank pair for none."""
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
        subwords: Sequence[Subword],
        attention: bool,
    ) -> list[Translation]:
        """Of one piece, from its hypotheses; subwords: of it, where they replace what is unknown,
        else none; attention: whether the weights are given.
        """
        source_tokens = [*self.tokenizers.source.pieces(source), END_MARK] if source else []
        found = [
            self._translation(
                each, with_source_words(each, subwords, self.tokenizers.target), source_tokens
            )
            for each in hypotheses
        ]
        return found if attention else [replace(each, attention=None) for each in found]

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
            text=text.strip(),
            score=hypothesis.score,
            log_probability=hypothesis.log_probability,
            tokens=tokens,
            source_tokens=source_tokens,
            token_log_probabilities=hypothesis.token_log_probabilities,
            attention=hypothesis.attention,
            finished=hypothesis.finished,
            tree=tree,
        )

"""Model scores of given translations: of one pair, and of all pairs of a corpus."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nmt.errors import DataError, UsageError
from nmt.evaluation.metrics import perplexity
from nmt.search.forced import Pair
from nmt.search.hypothesis import Hypothesis, Weights
from nmt.tokenizers.sentencepiece import Tokenizer, TokenizerPair
from nmt.tokenizers.words import END_MARK, SegmentedText, split_words


@dataclass(frozen=True)
class ForcedScore:
    """Model score of one given translation.

    A blank translation of a blank text has no tokens, and zero everywhere.

    Attributes:
        score: The log-probability after the penalties of search.
        log_probability: The log-probability before the penalties.
        tokens: The target subwords, `▁` for a space, with the end mark where it is scored.
        source_tokens: The source subwords, `▁` for a space, with the end mark.
        token_log_probabilities: The log-probability of each of `tokens`.
        attention: `[tokens, source_tokens]`, or None where it was not requested or the model has
            none.
        segmented_source: The source text with its subwords, where attention was requested.
        segmented_target: The target text with its subwords, where attention was requested.
    """

    score: float
    log_probability: float
    tokens: list[str]
    source_tokens: list[str]
    token_log_probabilities: list[float]
    attention: Weights | None = None
    segmented_source: SegmentedText | None = None
    segmented_target: SegmentedText | None = None

    @classmethod
    def of(
        cls,
        texts: tuple[str, str],
        pair: Pair,
        hypothesis: Hypothesis,
        tokenizers: TokenizerPair,
    ) -> "ForcedScore":
        """Return the score of a pair from the hypothesis of forced decoding.

        Args:
            texts: The source text and the target text.
            pair: Both texts in token ids.
            hypothesis: The hypothesis. Only where it has attention, the score carries the texts.
            tokenizers: The tokenizers of the model.
        """
        source, target = None, None
        if hypothesis.attention is not None:
            source = _segmented(texts[0], tokenizers.source, len(pair.source))
            target = _segmented(texts[1], tokenizers.target, len(pair.target))
        tokens, source_tokens = [], []
        if pair.scored:
            tokens = [*tokenizers.target.pieces(pair.target), *[END_MARK] * pair.finished]
            source_tokens = [*tokenizers.source.pieces(pair.source), END_MARK]
        return cls(
            score=hypothesis.score,
            log_probability=hypothesis.log_probability,
            tokens=tokens,
            source_tokens=source_tokens,
            token_log_probabilities=hypothesis.token_log_probabilities,
            attention=hypothesis.attention,
            segmented_source=source,
            segmented_target=target,
        )

    @property
    def perplexity(self) -> float:
        """Perplexity per subword, end mark included; 1 without subwords."""
        return _perplexity(self.log_probability, len(self.tokens))


@dataclass
class CorpusScore:
    """Sums over the pairs of a corpus.

    The end of each line that is not blank on both sides counts as a word and as a character. It has
    a probability too. Figures per word and per character compare across models that divide text
    into subwords differently.

    Attributes:
        lines: The number of pairs.
        log_probability: The log-probability of all pairs.
        subwords: The number of scored subwords, with end marks.
        words: The number of words, as `nmt.tokenizers.words` divides them.
        characters: The number of characters. A run of spaces counts as one.
    """

    lines: int = 0
    log_probability: float = 0.0
    subwords: int = 0
    words: int = 0
    characters: int = 0

    def add(self, target: str, score: ForcedScore) -> None:
        """Count one more pair.

        Args:
            target: The text of the translation.
            score: The score of the pair.
        """
        self.lines += 1
        if score.tokens:
            words = split_words(target)
            self.log_probability += score.log_probability
            self.subwords += len(score.tokens)
            self.words += len(words) + 1
            self.characters += len(" ".join(words)) + 1

    @property
    def cross_entropy(self) -> float:
        """Cross-entropy in nats per subword; zero without subwords."""
        return _cross_entropy(self.log_probability, self.subwords)

    @property
    def perplexity(self) -> float:
        """Perplexity per subword."""
        return _perplexity(self.log_probability, self.subwords)

    @property
    def word_perplexity(self) -> float:
        """Perplexity per word."""
        return _perplexity(self.log_probability, self.words)

    @property
    def bits_per_character(self) -> float:
        """Cross-entropy in bits per character."""
        return _cross_entropy(self.log_probability, self.characters) / math.log(2.0)


def pairs_of(
    tokenizers: TokenizerPair,
    sources: Sequence[str],
    targets: Sequence[str],
    finished: Sequence[bool] | None = None,
) -> list[Pair]:
    """Return source i with target i in token ids; a blank text has none.

    Args:
        tokenizers: The tokenizers of the model.
        sources: The source texts.
        targets: The target texts.
        finished: Whether each target is complete, see `Pair`. None: all are.

    Raises:
        DataError: The lists differ in length.
        UsageError: A single text is given in place of a list.
    """
    if isinstance(sources, str) or isinstance(targets, str):
        raise UsageError("score takes lists of texts, not texts: score([source], [target])")
    ends = [True] * len(targets) if finished is None else finished
    if not len(sources) == len(targets) == len(ends):
        raise DataError(
            f"{len(sources)} sources, but {len(targets)} targets"
            + ("." if finished is None else f" and {len(ends)} times `finished`.")
            + " Target i must belong to source i."
        )
    of_sources = _token_ids(tokenizers.source, sources)
    of_targets = _token_ids(tokenizers.target, targets)
    return [Pair(*parts) for parts in zip(of_sources, of_targets, ends, strict=True)]


def check_source_lengths(
    pairs: Sequence[Pair], most: int | None, lines: Sequence[int] | None = None
) -> None:
    """Refuse sources that are longer than the attention of the model allows.

    Args:
        pairs: The pairs, in token ids.
        most: The maximum number of source subwords without the end mark. None: no limit.
        lines: The line number of each source, for the message. None: they count from 1.

    Raises:
        DataError: A source is too long.
    """
    if most is None:
        return
    numbers = range(1, len(pairs) + 1) if lines is None else lines
    for line, pair in zip(numbers, pairs, strict=True):
        if len(pair.source) > most:
            raise DataError(
                f"source line {line}: {len(pair.source)} subwords, but the model's attention sees "
                f"no more than {most} (model.attention.max_positions). Shorten the line, or leave "
                "the pair out."
            )


def _segmented(text: str, tokenizer: Tokenizer, tokens: int) -> SegmentedText:
    """Return a text with its first `tokens` subwords, none for a blank text."""
    return SegmentedText(text, lambda: tokenizer.subwords(text)[:tokens])


def _token_ids(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    return tokenizer.encode_batch([text if text.strip() else "" for text in texts])


def _perplexity(log_probability: float, count: int) -> float:
    return perplexity(_cross_entropy(log_probability, count))


def _cross_entropy(log_probability: float, count: int) -> float:
    return -log_probability / count if count else 0.0

"""Forced decoding: the scores that a model gives to translations of a text.

The score of a translation is the one that search would rank it by, whether or not a beam finds it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from nmt.config.registry import LENGTH_PENALTIES
from nmt.config.settings import SearchSettings
from nmt.data.batches import Batch, make_batch
from nmt.errors import DataError, ModelError, UsageError
from nmt.evaluation.metrics import perplexity
from nmt.model.encoder import length_mask
from nmt.model.kernels.batch_invariance import SOURCE_MULTIPLE
from nmt.runtime.device import Runtime
from nmt.search.decode_corpus import Evaluating, batches
from nmt.search.hypothesis import Hypothesis, Weights
from nmt.search.penalties import LengthPenalty, coverage_needs_attention, coverage_penalty
from nmt.tokenizers.tokenizer import Tokenizer, TokenizerPair
from nmt.tokenizers.words import END_MARK, SegmentedText, split_words

_ROWS = 1024
"""Number of positions whose probabilities are held at a time.

Each takes a row of the size of the vocabulary. Search holds about as many rows, one for each beam
of its sentences.
"""


class UnrollableModel(Protocol):
    """Interface of a model for forced decoding: `Seq2Seq`, or any object that behaves like it."""

    def encode(self, source: Tensor, lengths: Tensor) -> Any:
        """Return an encoded batch.

        Args:
            source: The token ids, `[batch, source_len]`.
            lengths: The lengths of the sources, `[batch]`.
        """

    def unroll(self, encoded: Any, target_input: Tensor) -> Any:
        """Return all steps over a given target.

        They have the method `span(begin, end)`, and `weights [batch, target_len, source_len]` or
        None.

        Args:
            encoded: The encoded batch.
            target_input: The target tokens, from BOS on, `[batch, target_len]`.
        """

    def log_probabilities(self, encoded: Any, step: Any) -> Tensor:
        """Return the log-probability of each target token, `[batch, steps, vocabulary]`.

        Args:
            encoded: The encoded batch.
            step: The steps.
        """


@dataclass(frozen=True)
class ForcedPair:
    """Source and a translation of it, in token ids without end marks.

    Attributes:
        source: The token ids of the source.
        target: The token ids of the translation.
        finished: Whether the translation ends with its last token, so that its end mark is scored.
            False where a length limit cut it off, or where only its beginning is scored.
        tags: The number of tags at the start of the source.
    """

    source: Sequence[int]
    target: Sequence[int]
    finished: bool = True
    tags: int = 0

    @property
    def scored_tokens(self) -> int:
        """Number of tokens to score, 0 when both sides are blank."""
        return len(self.target) + self.finished if self.source or self.target else 0

    @property
    def longer_length(self) -> int:
        """Length of the longer side with its end mark, 0 where there is nothing to score."""
        return max(len(self.source), len(self.target)) + 1 if self.scored_tokens else 0


def force_decode(
    model: UnrollableModel,
    pairs: Sequence[ForcedPair],
    settings: SearchSettings,
    runtime: Runtime,
    attention: bool = False,
) -> list[Hypothesis]:
    """Return each pair's translation as a hypothesis of its source, in the order of `pairs`.

    A blank translation of a blank source has no tokens and log-probability 0, and no model runs.
    Where one side is blank, the model runs. A module in training mode is in evaluation mode
    meanwhile.

    Args:
        model: The model.
        pairs: Sources and their translations.
        settings: The search settings, of which the penalties and `batch_sentences` apply.
        runtime: The device and precision.
        attention: Whether hypotheses carry their attention weights.

    Raises:
        ModelError: The model returns no finite probabilities.
        UsageError: There is a coverage penalty, and the model has no attention.
    """
    found = [Hypothesis([], 0.0, 0.0, [], None, pair.finished) for pair in pairs]
    forced = _ForcedDecoder(model, settings, runtime.device, attention)
    with Evaluating(model), runtime.computing():
        for batch in batches([pair.longer_length for pair in pairs], settings.batch_sentences):
            hypotheses = forced.decode([pairs[i] for i in batch])
            for i, hypothesis in zip(batch, hypotheses, strict=True):
                found[i] = hypothesis
    return found


class _ForcedDecoder:
    """Forced decoding of batches."""

    def __init__(
        self,
        model: UnrollableModel,
        settings: SearchSettings,
        device: torch.device,
        attention: bool,
    ) -> None:
        self._model = model
        self._device = device
        self._keeps_attention = attention
        self._coverage_strength = settings.coverage_penalty
        self._penalty: LengthPenalty = LENGTH_PENALTIES.resolve(settings.length_penalty)(
            settings.alpha
        )

    @torch.inference_mode()
    def decode(self, pairs: Sequence[ForcedPair]) -> list[Hypothesis]:
        """Return the hypotheses of pairs, which all have something to score."""
        batch = make_forced_batch(pairs).to(self._device)
        encoded = self._model.encode(batch.source, batch.source_lengths)
        unrolled = self._model.unroll(encoded, batch.target_input)
        lengths = torch.tensor([pair.scored_tokens for pair in pairs])
        mask = length_mask(lengths, batch.target_output.shape[1])
        token_log_probabilities = self._log_probabilities(encoded, unrolled, batch.target_output)
        token_log_probabilities = token_log_probabilities.cpu().double().masked_fill(~mask, 0.0)
        total = token_log_probabilities.sum(1)
        # One by one, as in search: torch may round powers differently in a longer tensor.
        score = torch.stack(
            [self._penalty.score(*each) for each in zip(total, lengths, strict=True)]
        )
        if self._coverage_strength > 0.0:
            score = score + self._coverage(unrolled.weights, mask, batch.source_lengths)
        if not score.isfinite().all():
            raise ModelError(
                "the model gives no finite probabilities (NaN or infinity): its training "
                "diverged. Use an earlier checkpoint."
            )
        weights = unrolled.weights if self._keeps_attention else None
        return [
            Hypothesis(
                tokens=list(pair.target),
                log_probability=float(total[i]),
                score=float(score[i]),
                token_log_probabilities=token_log_probabilities[i, : pair.scored_tokens].tolist(),
                attention=None if weights is None else _attention(weights[i], pair),
                finished=pair.finished,
            )
            for i, pair in enumerate(pairs)
        ]

    def _log_probabilities(self, encoded: Any, unrolled: Any, targets: Tensor) -> Tensor:
        """Return the log-probabilities of `targets [batch, target_len]`, in runs of positions."""
        batch, target_len = targets.shape
        positions = max(1, _ROWS // batch)
        parts = []
        for begin in range(0, target_len, positions):
            steps = unrolled.span(begin, begin + positions)
            all_log_probabilities = self._model.log_probabilities(encoded, steps)
            target_tokens = targets[:, begin : begin + positions].unsqueeze(2)
            parts.append(all_log_probabilities.gather(2, target_tokens).squeeze(2))
        return torch.cat(parts, 1)

    def _coverage(self, weights: Tensor | None, mask: Tensor, source_lengths: Tensor) -> Tensor:
        """Return the coverage penalty of each pair, `[batch]`."""
        if weights is None:
            raise coverage_needs_attention()
        # Running sums, unlike sums, are the same with zeros after them.
        covered = (weights * mask.to(weights.device).unsqueeze(2)).cumsum(1)[:, -1:]
        mask = length_mask(source_lengths, weights.shape[2])
        return coverage_penalty(covered, mask, self._coverage_strength).squeeze(1).cpu()


def make_forced_batch(pairs: Sequence[ForcedPair]) -> Batch:
    """Return pairs as a batch, in their order."""
    return make_batch(
        [pair.source for pair in pairs],
        [pair.target for pair in pairs],
        np.arange(len(pairs)),
        SOURCE_MULTIPLE,
    )


def _attention(weights: Tensor, pair: ForcedPair) -> Weights:
    """Return the rows and columns of a pair, from padded `weights [target_len, source_len]`."""
    trimmed: Weights = (
        weights[: pair.scored_tokens, : len(pair.source) + 1].float().cpu().numpy().copy()
    )
    return trimmed


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
        source_tags: The pieces of the tags with which the source starts.
    """

    score: float
    log_probability: float
    tokens: list[str]
    source_tokens: list[str]
    token_log_probabilities: list[float]
    attention: Weights | None = None
    segmented_source: SegmentedText | None = None
    segmented_target: SegmentedText | None = None
    source_tags: tuple[str, ...] = ()

    @classmethod
    def from_hypothesis(
        cls,
        texts: tuple[str, str],
        pair: ForcedPair,
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
        tags = tuple(tokenizers.source.pieces(pair.source[: pair.tags]))
        if hypothesis.attention is not None:
            source = _segmented(texts[0], tokenizers.source, len(pair.source), tags)
            target = _segmented(texts[1], tokenizers.target, len(pair.target))
        tokens, source_tokens = [], []
        if pair.scored_tokens:
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
            source_tags=tags,
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


def encode_pairs(
    tokenizers: TokenizerPair,
    sources: Sequence[str],
    targets: Sequence[str],
    finished: Sequence[bool] | None = None,
    tags: Sequence[Sequence[int]] | None = None,
) -> list[ForcedPair]:
    """Return source i with target i in token ids; a blank text has none.

    Args:
        tokenizers: The tokenizers of the model.
        sources: The source texts.
        targets: The target texts.
        finished: Whether each target is complete, see `ForcedPair`. None: all are.
        tags: The token ids of the tags of each source, which a blank one has not. None: there are
            none.

    Raises:
        DataError: The lists differ in length.
        UsageError: A single text is given in place of a list.
    """
    if isinstance(sources, str) or isinstance(targets, str):
        raise UsageError("score needs lists of texts: score([source], [target])")
    are_finished = [True] * len(targets) if finished is None else finished
    if not len(sources) == len(targets) == len(are_finished):
        raise DataError(
            f"{len(sources)} sources, but {len(targets)} targets"
            + ("." if finished is None else f" and {len(are_finished)} times `finished`.")
            + " Target i must belong to source i."
        )
    source_ids = _token_ids(tokenizers.source, sources)
    target_ids = _token_ids(tokenizers.target, targets)
    tags_of_sources = [()] * len(sources) if tags is None else tags
    return [
        ForcedPair([*tags, *source], target, is_finished, len(tags))
        if source
        else ForcedPair(source, target, is_finished)
        for source, target, is_finished, tags in zip(
            source_ids, target_ids, are_finished, tags_of_sources, strict=True
        )
    ]


def check_source_lengths(
    pairs: Sequence[ForcedPair], max_length: int | None, lines: Sequence[int] | None = None
) -> None:
    """Refuse sources that are longer than the attention of the model allows.

    Args:
        pairs: The pairs, in token ids.
        max_length: The maximum number of source subwords without the end mark. None: no limit.
        lines: The line number of each source, for the message. None: they count from 1.

    Raises:
        DataError: A source is too long.
    """
    if max_length is None:
        return
    numbers = range(1, len(pairs) + 1) if lines is None else lines
    for line, pair in zip(numbers, pairs, strict=True):
        if len(pair.source) > max_length:
            raise DataError(
                f"source line {line}: {len(pair.source)} subwords, but the attention of the model "
                f"is limited to {max_length} (model.attention.max_positions). Shorten the line, "
                "or remove the pair."
            )


def _segmented(
    text: str, tokenizer: Tokenizer, tokens: int, tags: tuple[str, ...] = ()
) -> SegmentedText:
    """Return a text with its subwords, none for a blank text.

    Args:
        text: The text.
        tokenizer: Its tokenizer.
        tokens: The number of its tokens with tags, 0 where it is blank.
        tags: The pieces of its tags.
    """
    return SegmentedText(text, lambda: tokenizer.subwords(text)[: tokens - len(tags)], tags)


def _token_ids(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    return tokenizer.encode_batch([text if text.strip() else "" for text in texts])


def _perplexity(log_probability: float, count: int) -> float:
    return perplexity(_cross_entropy(log_probability, count))


def _cross_entropy(log_probability: float, count: int) -> float:
    return -log_probability / count if count else 0.0

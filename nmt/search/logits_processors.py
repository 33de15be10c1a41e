"""Logits processors, which mask tokens before search chooses, and limits of length.

A processor depends only on the tokens of each hypothesis so far. It therefore applies to beam
search, sampling and every other selection.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nmt.config.settings import SearchSettings
from nmt.data.manifest import LengthRatio
from nmt.search.constrained_selection import CaseMarks
from nmt.search.constraints import (
    AvoidedText,
    OpenWord,
    TokenConstraints,
    count_context_bytes,
    ends_in_word,
    spell_end,
)
from nmt.search.target_vocabulary import vocabulary_after
from nmt.tokenizers.tokenizer import BOS, EOS, PAD

_FORBIDDEN = float("-inf")
_FREE = -1


class LogitsProcessor(ABC):
    """Processor that forbids next tokens.

    Attributes:
        reads_tokens: Whether it needs the tokens of the hypotheses, not only their number.
    """

    reads_tokens = True

    @abstractmethod
    def mask(self, log_probabilities: Tensor, tokens: Tensor, step: int) -> None:
        """Set the log-probabilities of forbidden tokens to minus infinity, in place.

        Args:
            log_probabilities: `[batch, beams, vocabulary]`.
            tokens: The tokens so far, `[batch, beams, step - 1]`, where `reads_tokens` is true.
            step: The position of the next token, from 1.
        """

    def select(self, rows: Tensor) -> "LogitsProcessor":
        """Return the processor for the given sentences, `rows [new_batch]`."""
        return self


@dataclass(frozen=True)
class MinimumLength(LogitsProcessor):
    """Ban on the end mark before a minimum length.

    Attributes:
        length: The minimum number of target tokens, without the end mark.
    """

    length: int
    reads_tokens = False

    def mask(self, log_probabilities: Tensor, tokens: Tensor, step: int) -> None:
        """See `LogitsProcessor.mask`."""
        if step <= self.length:
            log_probabilities[..., EOS] = _FORBIDDEN


@dataclass(frozen=True)
class NoRepeat(LogitsProcessor):
    """Ban on the repetition of n-grams of `order` tokens (Paulus et al. 2018, sec. 2.5)."""

    order: int

    def mask(self, log_probabilities: Tensor, tokens: Tensor, step: int) -> None:
        """See `LogitsProcessor.mask`."""
        if step <= self.order:
            return
        grams = tokens.unfold(2, self.order, 1)
        recent = tokens[..., tokens.shape[2] - self.order + 1 :].unsqueeze(2)
        is_repeated = (grams[..., :-1] == recent).all(3)
        _forbid_where(is_repeated, grams[..., -1], log_probabilities)


@dataclass(frozen=True)
class NoBareMark(LogitsProcessor):
    """Ban on the end mark and on other case marks directly after a mark for capitals.

    Attributes:
        case: The case marks of the vocabulary.
    """

    case: CaseMarks

    def mask(self, log_probabilities: Tensor, tokens: Tensor, step: int) -> None:
        """See `LogitsProcessor.mask`."""
        if step == 1:
            return
        marks = [*self.case.for_word, self.case.for_all]
        after_mark = torch.isin(tokens[..., -1:], tokens.new_tensor(marks))
        forbidden = [EOS, *marks, self.case.end]
        values = log_probabilities[..., forbidden]
        log_probabilities[..., forbidden] = values.masked_fill(after_mark, _FORBIDDEN)


@dataclass(frozen=True)
class AvoidTexts(LogitsProcessor):
    """Ban on texts: the tokens that would complete one are forbidden.

    Attributes:
        texts: The texts to avoid in each sentence.
        always: Sentences and tokens that are forbidden there at every position, `[2, n]`.
    """

    texts: tuple[tuple[AvoidedText, ...], ...]
    always: Tensor

    @classmethod
    def for_sentences(
        cls, texts: Sequence[tuple[AvoidedText, ...]], device: torch.device
    ) -> "AvoidTexts":
        """Return the processor for a batch of sentences.

        Args:
            texts: The texts to avoid in each sentence.
            device: The device of the search.
        """
        pairs = [
            (row, token)
            for row, sentence_texts in enumerate(texts)
            for token in sorted(frozenset[int]().union(*(text.always for text in sentence_texts)))
        ]
        return cls(tuple(texts), torch.tensor(pairs, device=device).reshape(-1, 2).T.long())

    def mask(self, log_probabilities: Tensor, tokens: Tensor, step: int) -> None:
        """See `LogitsProcessor.mask`."""
        rows, forbidden = self.always
        log_probabilities[rows, :, forbidden] = _FORBIDDEN
        completions: list[tuple[int, int, int]] = []
        for row, (texts, beams) in enumerate(zip(self.texts, tokens.tolist(), strict=True)):
            if texts:
                completions += [
                    (row, *completion) for completion in _completing_tokens(texts, beams)
                ]
        if completions:
            log_probabilities[tuple(torch.tensor(completions).T.to(log_probabilities.device))] = (
                _FORBIDDEN
            )

    def select(self, rows: Tensor) -> "AvoidTexts":
        """See `LogitsProcessor.select`."""
        return AvoidTexts.for_sentences(
            [self.texts[row] for row in rows.tolist()], self.always.device
        )


@dataclass(frozen=True)
class SpellOpenWord(LogitsProcessor):
    """Constraint that a translation continues its prefix with an open word.

    Attributes:
        open_words: The length of the prefix and the open word of each sentence, or None.
    """

    open_words: tuple[tuple[int, OpenWord] | None, ...]

    def mask(self, log_probabilities: Tensor, tokens: Tensor, step: int) -> None:
        """See `LogitsProcessor.mask`."""
        for row, (begin, open_word) in self._unfinished_words(step):
            rests = [open_word.rest(before) for before in tokens[row, :, begin:].tolist()]
            for rest in filter(None, set(rests)):
                beams = [beam for beam, rest_of_beam in enumerate(rests) if rest_of_beam == rest]
                others = ~open_word.vocabulary.spelling(rest).to(log_probabilities.device)
                log_probabilities[row, beams] = log_probabilities[row, beams].masked_fill(
                    others, _FORBIDDEN
                )

    def select(self, rows: Tensor) -> "SpellOpenWord":
        """See `LogitsProcessor.select`."""
        return SpellOpenWord(tuple(self.open_words[row] for row in rows.tolist()))

    def _unfinished_words(self, step: int) -> list[tuple[int, tuple[int, OpenWord]]]:
        """Return the sentences whose open word may be incomplete at position `step`.

        Each token other than a case mark spells at least one character.
        """
        return [
            (row, prefix_and_word)
            for row, prefix_and_word in enumerate(self.open_words)
            if prefix_and_word is not None
            and step - 1 - prefix_and_word[0] >= 0
            and (
                prefix_and_word[1].vocabulary.case_marks
                or step - 1 - prefix_and_word[0] < len(prefix_and_word[1].text)
            )
        ]


@dataclass(frozen=True)
class LogitsProcessors:
    """All processors of a batch.

    Attributes:
        processors: The processors.
        prefixes: The beginning of each translation, `[batch, longest]`, padded with `_FREE`. None
            without any. No processor forbids a token of a prefix.
        never: The tokens that no translation has.
    """

    processors: tuple[LogitsProcessor, ...]
    prefixes: Tensor | None
    never: tuple[int, ...] = (PAD, BOS)

    @classmethod
    def from_settings(
        cls,
        settings: SearchSettings,
        constraints: Sequence[TokenConstraints] | None,
        device: torch.device,
        forbidden: Sequence[int] = (),
        case: CaseMarks | None = None,
    ) -> "LogitsProcessors":
        """Return the processors for settings and constraints.

        Args:
            settings: The search settings.
            constraints: The constraints of each sentence. None: there are none.
            device: The device of the search.
            forbidden: The tokens that no translation has, besides PAD and BOS.
            case: The case marks of the vocabulary, None without marks.
        """
        processors: list[LogitsProcessor] = [MinimumLength(max(1, settings.min_length))]
        if settings.no_repeat_ngram:
            processors.append(NoRepeat(settings.no_repeat_ngram))
        if case is not None:
            processors.append(NoBareMark(case))
        constraints = constraints or ()
        if any(constraint.avoid for constraint in constraints):
            processors.append(
                AvoidTexts.for_sentences([constraint.avoid for constraint in constraints], device)
            )
        if any(constraint.open_word for constraint in constraints):
            open_words = [
                (len(constraint.prefix), constraint.open_word) if constraint.open_word else None
                for constraint in constraints
            ]
            processors.append(SpellOpenWord(tuple(open_words)))
        prefixes = None
        if any(constraint.prefix for constraint in constraints):
            prefixes = _pad_prefixes([constraint.prefix for constraint in constraints]).to(device)
        return cls(tuple(processors), prefixes, (PAD, BOS, *forbidden))

    @property
    def read_tokens(self) -> bool:
        """Whether any processor needs the tokens of the hypotheses, not only their number."""
        return any(processor.reads_tokens for processor in self.processors)

    def mask(self, log_probabilities: Tensor, tokens: Tensor, step: int) -> None:
        """See `LogitsProcessor.mask`.

        A hypothesis may end where every other token is forbidden.
        """
        log_probabilities[..., list(self.never)] = _FORBIDDEN
        end = log_probabilities[..., EOS].clone()
        prefix = self._prefix_tokens(log_probabilities, step)
        for processor in self.processors:
            processor.mask(log_probabilities, tokens, step)
        if self.read_tokens:
            must_end = log_probabilities.amax(2) == _FORBIDDEN
            log_probabilities[..., EOS] = torch.where(must_end, end, log_probabilities[..., EOS])
        if prefix is not None:
            rows, prefix_tokens, values = prefix
            log_probabilities[rows] = _FORBIDDEN
            log_probabilities[rows, :, prefix_tokens] = values

    def select(self, rows: Tensor) -> "LogitsProcessors":
        """See `LogitsProcessor.select`."""
        return replace(
            self,
            processors=tuple(processor.select(rows) for processor in self.processors),
            prefixes=None if self.prefixes is None else self.prefixes[rows],
        )

    def _prefix_tokens(
        self, log_probabilities: Tensor, step: int
    ) -> tuple[Tensor, Tensor, Tensor] | None:
        """Return the tokens of prefixes at position `step`, or None where no prefix is that long.

        Returns:
            The sentences with such a token, `[n]`, the token of each, `[n]`, and its
            log-probability for each beam, `[n, beams]`.
        """
        if self.prefixes is None or step > self.prefixes.shape[1]:
            return None
        tokens = self.prefixes[:, step - 1]
        rows = (tokens != _FREE).nonzero().squeeze(1)
        return rows, tokens[rows], log_probabilities[rows, :, tokens[rows]]


def _completing_tokens(
    texts: Sequence[AvoidedText], beams: Sequence[Sequence[int]]
) -> Iterator[tuple[int, int]]:
    """Yield pairs of a beam and a next token that would complete a text in it."""
    byte_count, vocabulary = count_context_bytes(texts), texts[0].vocabulary
    for beam, tokens in enumerate(beams):
        end = spell_end(vocabulary, tokens, byte_count)
        following = vocabulary_after(vocabulary, tokens)
        in_word = ends_in_word(end)
        for text in texts:
            for group in text.completing_tokens(end, in_word, following):
                for token in group:
                    yield beam, token


def _forbid_where(chosen: Tensor, tokens: Tensor, log_probabilities: Tensor) -> None:
    """Forbid `tokens [batch, beams, n]` where the mask `chosen`, of the same shape, is true."""
    cost = torch.zeros(chosen.shape, dtype=log_probabilities.dtype, device=chosen.device)
    cost.masked_fill_(chosen, _FORBIDDEN)
    log_probabilities.scatter_add_(2, tokens, cost)


def _pad_prefixes(rows: Sequence[Sequence[int]]) -> Tensor:
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[_FREE] * (longest - len(row))] for row in rows])


_DEVIATIONS = 3.0
_MARGIN = 10


@dataclass(frozen=True)
class LengthLimits:
    """Length limits from the length ratio of the training corpus.

    Attributes:
        ratio: The target subwords per source subword in the training corpus.
        fixed: The limit of every sentence, where the user sets one. Forced tokens raise it.
    """

    ratio: LengthRatio
    fixed: int | None = None

    def max_length(self, source_length: int, forced: int = 0, min_length: int = 0) -> int:
        """Return the maximum number of target tokens of a sentence, its end mark included.

        Without a fixed limit, it is the source length times the greatest usual ratio, and ten more.
        That ratio is the mean plus three standard deviations.

        Args:
            source_length: The number of source tokens, without their end mark.
            forced: The number of target tokens that the translation must have. There is always room
                for them.
            min_length: The minimum length of the translation in target tokens.
        """
        if self.fixed is not None:
            return max(self.fixed, forced + 1)
        usual_ratio = self.ratio.mean + _DEVIATIONS * self.ratio.deviation
        return max(math.ceil(source_length * usual_ratio), forced, min_length) + _MARGIN

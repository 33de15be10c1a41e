"""Logits processors, which mask tokens before search chooses, and limits of length.

A rule depends only on the tokens of each hypothesis so far. It therefore applies to beam search,
sampling and every other selection.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nmt.config.settings import SearchSettings
from nmt.data.manifest import LengthRatio
from nmt.search.constraints import (
    AvoidedText,
    Stem,
    TokenConstraints,
    bytes_needed,
    ends_in_word,
    spell_end,
)
from nmt.tokenizers.tokenizer import BOS, EOS, PAD

_NEVER = float("-inf")
_FREE = -1


class LogitsProcessor(ABC):
    """Rule that forbids next tokens.

    Attributes:
        reads_tokens: Whether the rule needs the tokens of the hypotheses, not only their number.
    """

    reads_tokens = True

    @abstractmethod
    def mask(self, log_probabilities: Tensor, tokens: Tensor, time: int) -> None:
        """Set the log-probabilities of forbidden tokens to minus infinity, in place.

        Args:
            log_probabilities: `[batch, beams, vocabulary]`.
            tokens: The tokens so far, `[batch, beams, time - 1]`, where `reads_tokens` is true.
            time: The position of the next token, from 1.
        """

    def select(self, rows: Tensor) -> "LogitsProcessor":
        """Return the rule for the given sentences, `rows [new_batch]`."""
        return self


@dataclass(frozen=True)
class MinimumLength(LogitsProcessor):
    """Ban on the end mark before a minimum length.

    Attributes:
        length: The minimum number of target tokens, without the end mark.
    """

    length: int
    reads_tokens = False

    def mask(self, log_probabilities: Tensor, tokens: Tensor, time: int) -> None:
        """See `LogitsProcessor.mask`."""
        if time <= self.length:
            log_probabilities[..., EOS] = _NEVER


@dataclass(frozen=True)
class NoRepeat(LogitsProcessor):
    """Ban on the repetition of n-grams of `order` tokens (Paulus et al. 2018, sec. 2.5)."""

    order: int

    def mask(self, log_probabilities: Tensor, tokens: Tensor, time: int) -> None:
        """See `LogitsProcessor.mask`."""
        if time <= self.order:
            return
        grams = tokens.unfold(2, self.order, 1)
        recent = tokens[..., tokens.shape[2] - self.order + 1 :].unsqueeze(2)
        again = (grams[..., :-1] == recent).all(3)
        _mask_where(again, grams[..., -1], log_probabilities)


@dataclass(frozen=True)
class Avoid(LogitsProcessor):
    """Ban on texts: the tokens that would complete one are forbidden.

    Attributes:
        texts: The texts to avoid in each sentence.
        always: Sentences and tokens that are forbidden there at every position, `[2, n]`.
    """

    texts: tuple[tuple[AvoidedText, ...], ...]
    always: Tensor

    @classmethod
    def of(cls, texts: Sequence[tuple[AvoidedText, ...]], device: torch.device) -> "Avoid":
        """Return the rule for a batch of sentences.

        Args:
            texts: The texts to avoid in each sentence.
            device: The device of the search.
        """
        pairs = [
            (row, token)
            for row, several in enumerate(texts)
            for token in sorted(frozenset[int]().union(*(each.always for each in several)))
        ]
        return cls(tuple(texts), torch.tensor(pairs, device=device).reshape(-1, 2).T.long())

    def mask(self, log_probabilities: Tensor, tokens: Tensor, time: int) -> None:
        """See `LogitsProcessor.mask`."""
        rows, forbidden = self.always
        log_probabilities[rows, :, forbidden] = _NEVER
        places: list[tuple[int, int, int]] = []
        for row, (texts, beams) in enumerate(zip(self.texts, tokens.tolist(), strict=True)):
            if texts:
                places += [(row, *place) for place in _completing(texts, beams)]
        if places:
            log_probabilities[tuple(torch.tensor(places).T.to(log_probabilities.device))] = _NEVER

    def select(self, rows: Tensor) -> "Avoid":
        """See `LogitsProcessor.select`."""
        return Avoid.of([self.texts[row] for row in rows.tolist()], self.always.device)


@dataclass(frozen=True)
class Spelled(LogitsProcessor):
    """Constraint that a translation continues its prefix with the spelling of a stem.

    Attributes:
        stems: The length of the prefix and the stem of each sentence, or None.
    """

    stems: tuple[tuple[int, Stem] | None, ...]

    def mask(self, log_probabilities: Tensor, tokens: Tensor, time: int) -> None:
        """See `LogitsProcessor.mask`."""
        for row, (begin, stem) in self._at_work(time):
            rests = [stem.rest(before) for before in tokens[row, :, begin:].tolist()]
            for rest in filter(None, set(rests)):
                beams = [beam for beam, own in enumerate(rests) if own == rest]
                others = ~stem.vocabulary.spelling(rest).to(log_probabilities.device)
                log_probabilities[row, beams] = log_probabilities[row, beams].masked_fill(
                    others, _NEVER
                )

    def select(self, rows: Tensor) -> "Spelled":
        """See `LogitsProcessor.select`."""
        return Spelled(tuple(self.stems[row] for row in rows.tolist()))

    def _at_work(self, time: int) -> list[tuple[int, tuple[int, Stem]]]:
        """Return the sentences whose stem may be incomplete at position `time`.

        Each token spells at least one character.
        """
        return [
            (row, each)
            for row, each in enumerate(self.stems)
            if each is not None and 0 <= time - 1 - each[0] < len(each[1].text)
        ]


@dataclass(frozen=True)
class LogitsProcessors:
    """All rules of a batch.

    Attributes:
        rules: The rules.
        prefixes: The beginning of each translation, `[batch, longest]`, padded with `_FREE`. None
            without any. No rule forbids a token of a prefix.
    """

    rules: tuple[LogitsProcessor, ...]
    prefixes: Tensor | None

    @classmethod
    def of(
        cls,
        settings: SearchSettings,
        constraints: Sequence[TokenConstraints] | None,
        device: torch.device,
    ) -> "LogitsProcessors":
        """Return the rules for settings and constraints.

        Args:
            settings: The search settings.
            constraints: The constraints of each sentence. None: there are none.
            device: The device of the search.
        """
        rules: list[LogitsProcessor] = [MinimumLength(max(1, settings.min_length))]
        if settings.no_repeat_ngram:
            rules.append(NoRepeat(settings.no_repeat_ngram))
        wanted = constraints or ()
        if any(each.avoid for each in wanted):
            rules.append(Avoid.of([each.avoid for each in wanted], device))
        if any(each.stem for each in wanted):
            stems = [(len(each.prefix), each.stem) if each.stem else None for each in wanted]
            rules.append(Spelled(tuple(stems)))
        prefixes = None
        if any(each.prefix for each in wanted):
            prefixes = _filled([each.prefix for each in wanted]).to(device)
        return cls(tuple(rules), prefixes)

    @property
    def read_tokens(self) -> bool:
        """Whether any rule needs the tokens of the hypotheses, not only their number."""
        return any(rule.reads_tokens for rule in self.rules)

    def mask(self, log_probabilities: Tensor, tokens: Tensor, time: int) -> None:
        """See `LogitsProcessor.mask`.

        A hypothesis may end where every other token is forbidden.
        """
        log_probabilities[..., [PAD, BOS]] = _NEVER
        end = log_probabilities[..., EOS].clone()
        forced = self._forced(log_probabilities, time)
        for rule in self.rules:
            rule.mask(log_probabilities, tokens, time)
        if self.read_tokens:
            stuck = log_probabilities.amax(2) == _NEVER
            log_probabilities[..., EOS] = torch.where(stuck, end, log_probabilities[..., EOS])
        if forced is not None:
            rows, wanted, values = forced
            log_probabilities[rows] = _NEVER
            log_probabilities[rows, :, wanted] = values

    def select(self, rows: Tensor) -> "LogitsProcessors":
        """See `LogitsProcessor.select`."""
        return replace(
            self,
            rules=tuple(rule.select(rows) for rule in self.rules),
            prefixes=None if self.prefixes is None else self.prefixes[rows],
        )

    def _forced(self, log_probabilities: Tensor, time: int) -> tuple[Tensor, Tensor, Tensor] | None:
        """Return the tokens of prefixes at position `time`, or None where no prefix is that long.

        Returns:
            The sentences with such a token, `[n]`, the token of each, `[n]`, and its
            log-probability for each beam, `[n, beams]`.
        """
        if self.prefixes is None or time > self.prefixes.shape[1]:
            return None
        wanted = self.prefixes[:, time - 1]
        rows = (wanted != _FREE).nonzero().squeeze(1)
        return rows, wanted[rows], log_probabilities[rows, :, wanted[rows]]


def _completing(
    texts: Sequence[AvoidedText], beams: Sequence[Sequence[int]]
) -> Iterator[tuple[int, int]]:
    """Yield pairs of a beam and a next token that would complete a text in it."""
    needed, vocabulary = bytes_needed(texts), texts[0].vocabulary
    for beam, tokens in enumerate(beams):
        end = spell_end(vocabulary, tokens, needed)
        in_word = ends_in_word(end)
        for text in texts:
            for group in text.completed_after(end, in_word):
                for token in group:
                    yield beam, token


def _mask_where(chosen: Tensor, tokens: Tensor, log_probabilities: Tensor) -> None:
    """Forbid `tokens [batch, beams, n]` where the mask `chosen`, of the same shape, is true."""
    cost = torch.zeros(chosen.shape, dtype=log_probabilities.dtype, device=chosen.device)
    cost.masked_fill_(chosen, _NEVER)
    log_probabilities.scatter_add_(2, tokens, cost)


def _filled(rows: Sequence[Sequence[int]]) -> Tensor:
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

    def of(self, source_length: int, forced: int = 0, least: int = 0) -> int:
        """Return the maximum number of target tokens of a sentence, its end mark included.

        Without a fixed limit, it is the source length times the greatest usual ratio, and ten more.
        That ratio is the mean plus three standard deviations.

        Args:
            source_length: The number of source tokens, without their end mark.
            forced: The number of target tokens that the translation must have. There is always room
                for them.
            least: The minimum length of the translation in target tokens.
        """
        if self.fixed is not None:
            return max(self.fixed, forced + 1)
        most = self.ratio.mean + _DEVIATIONS * self.ratio.deviation
        return max(math.ceil(source_length * most), forced, least) + _MARGIN

"""What may come next in a translation: rules that forbid tokens before search chooses among them.

A rule knows the tokens that each hypothesis has so far and nothing else, so it holds alike for beam
search, sampling and every other selection.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nmt.config.settings import SearchSettings
from nmt.search.avoided_texts import AvoidedText, bytes_needed, ends_in_word, spell_end
from nmt.search.constraints import TokenConstraints
from nmt.search.stems import Stem
from nmt.tokenizers.sentencepiece import BOS, EOS, PAD

_NEVER = float("-inf")
_FREE = -1


class Rule(ABC):
    """Forbids next tokens."""

    reads_tokens = True

    @abstractmethod
    def forbid(self, log_probabilities: Tensor, tokens: Tensor, time: int) -> None:
        """Put to minus infinity, in place, what may not come at position `time`, from 1.

        log_probabilities: `[batch, beams, vocabulary]`; tokens: so far, `[batch, beams, time - 1]`,
        where `reads_tokens` asks for them.
        """

    def select(self, rows: Tensor) -> "Rule":
        """The rule for some of the sentences, `rows [new_batch]`."""
        return self


@dataclass(frozen=True)
class MinimumLength(Rule):
    """No end before so many tokens; at least one is always asked for."""

    length: int
    reads_tokens = False

    def forbid(self, log_probabilities: Tensor, tokens: Tensor, time: int) -> None:
        """See the base class."""
        if time <= self.length:
            log_probabilities[..., EOS] = _NEVER


@dataclass(frozen=True)
class NoRepeat(Rule):
    """No n-gram of `order` tokens twice (Paulus et al. 2018, sec. 2.5)."""

    order: int

    def forbid(self, log_probabilities: Tensor, tokens: Tensor, time: int) -> None:
        """See the base class."""
        if time <= self.order:
            return
        grams = tokens.unfold(2, self.order, 1)
        recent = tokens[..., tokens.shape[2] - self.order + 1 :].unsqueeze(2)
        again = (grams[..., :-1] == recent).all(3)
        _forbid_where(again, grams[..., -1], log_probabilities)


@dataclass(frozen=True)
class Avoid(Rule):
    """Texts that must not come: the tokens that would complete one are forbidden.

    texts: of each sentence; always: sentences and tokens that may not come there, whatever comes
    before them, `[2, n]`.
    """

    texts: tuple[tuple[AvoidedText, ...], ...]
    always: Tensor

    @classmethod
    def of(cls, texts: Sequence[tuple[AvoidedText, ...]], device: torch.device) -> "Avoid":
        """Return the rule for sentences with these texts."""
        pairs = [
            (row, token)
            for row, several in enumerate(texts)
            for token in sorted(frozenset[int]().union(*(each.always for each in several)))
        ]
        return cls(tuple(texts), torch.tensor(pairs, device=device).reshape(-1, 2).T.long())

    def forbid(self, log_probabilities: Tensor, tokens: Tensor, time: int) -> None:
        """See the base class."""
        rows, forbidden = self.always
        log_probabilities[rows, :, forbidden] = _NEVER
        places: list[tuple[int, int, int]] = []
        for row, (texts, beams) in enumerate(zip(self.texts, tokens.tolist(), strict=True)):
            if texts:
                places += [(row, *place) for place in _completing(texts, beams)]
        if places:
            log_probabilities[tuple(torch.tensor(places).T.to(log_probabilities.device))] = _NEVER

    def select(self, rows: Tensor) -> "Avoid":
        """See the base class."""
        return Avoid.of([self.texts[row] for row in rows.tolist()], self.always.device)


@dataclass(frozen=True)
class Spelled(Rule):
    """After its prefix a translation begins as its stem is spelled.

    stems: of each sentence the length of its prefix and its stem, or None.
    """

    stems: tuple[tuple[int, Stem] | None, ...]

    def forbid(self, log_probabilities: Tensor, tokens: Tensor, time: int) -> None:
        """See the base class."""
        for row, (begin, stem) in self._at_work(time):
            rests = [stem.rest(before) for before in tokens[row, :, begin:].tolist()]
            for rest in filter(None, set(rests)):
                beams = [beam for beam, own in enumerate(rests) if own == rest]
                others = ~stem.vocabulary.spelling(rest).to(log_probabilities.device)
                log_probabilities[row, beams] = log_probabilities[row, beams].masked_fill(
                    others, _NEVER
                )

    def select(self, rows: Tensor) -> "Spelled":
        """See the base class."""
        return Spelled(tuple(self.stems[row] for row in rows.tolist()))

    def _at_work(self, time: int) -> list[tuple[int, tuple[int, Stem]]]:
        """The sentences whose stem may not yet be spelled; a token has a character or more."""
        return [
            (row, each)
            for row, each in enumerate(self.stems)
            if each is not None and 0 <= time - 1 - each[0] < len(each[1].text)
        ]


@dataclass(frozen=True)
class Rules:
    """All rules of a batch.

    prefixes: how each sentence's translation must begin, `[batch, longest]`, filled up with
    `_FREE`; None when none has to. No other rule has a say there.
    """

    rules: tuple[Rule, ...]
    prefixes: Tensor | None

    @classmethod
    def of(
        cls,
        settings: SearchSettings,
        constraints: Sequence[TokenConstraints] | None,
        device: torch.device,
    ) -> "Rules":
        """What settings and constraints (one for each sentence, or none at all) ask for."""
        rules: list[Rule] = [MinimumLength(max(1, settings.min_length))]
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
        """Whether any asks for the tokens of the hypotheses rather than only their number."""
        return any(rule.reads_tokens for rule in self.rules)

    def forbid(self, log_probabilities: Tensor, tokens: Tensor, time: int) -> None:
        """As `Rule.forbid`. A hypothesis that may not go on in any way may end."""
        log_probabilities[..., [PAD, BOS]] = _NEVER
        end = log_probabilities[..., EOS].clone()
        forced = self._forced(log_probabilities, time)
        for rule in self.rules:
            rule.forbid(log_probabilities, tokens, time)
        if self.read_tokens:
            stuck = log_probabilities.amax(2) == _NEVER
            log_probabilities[..., EOS] = torch.where(stuck, end, log_probabilities[..., EOS])
        if forced is not None:
            rows, wanted, values = forced
            log_probabilities[rows] = _NEVER
            log_probabilities[rows, :, wanted] = values

    def select(self, rows: Tensor) -> "Rules":
        """As `Rule.select`."""
        return replace(
            self,
            rules=tuple(rule.select(rows) for rule in self.rules),
            prefixes=None if self.prefixes is None else self.prefixes[rows],
        )

    def _forced(self, log_probabilities: Tensor, time: int) -> tuple[Tensor, Tensor, Tensor] | None:
        """The sentences whose prefix has a token at position `time`, that token, and its
        log-probability for each beam.
        """
        if self.prefixes is None or time > self.prefixes.shape[1]:
            return None
        wanted = self.prefixes[:, time - 1]
        rows = (wanted != _FREE).nonzero().squeeze(1)
        return rows, wanted[rows], log_probabilities[rows, :, wanted[rows]]


def _completing(
    texts: Sequence[AvoidedText], beams: Sequence[Sequence[int]]
) -> Iterator[tuple[int, int]]:
    """Yield beams and the next tokens that would complete a text there."""
    needed, vocabulary = bytes_needed(texts), texts[0].vocabulary
    for beam, tokens in enumerate(beams):
        end = spell_end(vocabulary, tokens, needed)
        in_word = ends_in_word(end)
        for text in texts:
            for group in text.completed_after(end, in_word):
                for token in group:
                    yield beam, token


def _forbid_where(chosen: Tensor, tokens: Tensor, log_probabilities: Tensor) -> None:
    """Forbid `tokens [batch, beams, n]` where `chosen`, of the same shape, is true."""
    cost = torch.zeros(chosen.shape, dtype=log_probabilities.dtype, device=chosen.device)
    cost.masked_fill_(chosen, _NEVER)
    log_probabilities.scatter_add_(2, tokens, cost)


def _filled(rows: Sequence[Sequence[int]]) -> Tensor:
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[_FREE] * (longest - len(row))] for row in rows])

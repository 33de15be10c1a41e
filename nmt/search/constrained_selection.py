"""Lexically constrained beam search: beams are divided by the number of term tokens met.

This is dynamic beam allocation (Post and Vilar 2018), for a whole batch at once. Phrases may come
in any order. A phrase that is begun but not continued counts as not begun.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from nmt.search.selection import (
    DEAD,
    Extensions,
    Selection,
    blockwise_topk,
    gather_beams,
    is_among_best,
)
from nmt.tokenizers.tokenizer import EOS

_NONE = -1


@dataclass(frozen=True)
class CaseMarks:
    """The case marks of a vocabulary, as they change the state of letter case of a hypothesis.

    The state is 0 where the next token stays as it is, 1 where the next letters follow a mark for
    one word, and 2 where all tokens get capitals.

    Attributes:
        for_word: The ids of the marks for one word.
        for_all: The id of the mark for all text up to the next mark.
        end: The id of the mark that ends such a text.
        ends_mark: Whether a mark for one word has had its effect after each token,
            `[vocabulary]`. It waits for a letter.
        unchanged: The ids of the tokens that are the same after every mark, such as digits.
    """

    for_word: tuple[int, ...]
    for_all: int
    end: int
    ends_mark: Tensor = field(compare=False, repr=False)
    unchanged: frozenset[int] = field(compare=False, repr=False)

    def to(self, device: torch.device) -> "CaseMarks":
        """Return the marks for tokens on a device."""
        return replace(self, ends_mark=self.ends_mark.to(device))

    def keep_capitals(self, phrase: Sequence[int]) -> bool:
        """Return whether a phrase has the same capitals after every mark.

        Args:
            phrase: The token ids of the phrase.
        """
        first = next((token for token in phrase if token not in self.unchanged), None)
        return first is None or first in (*self.for_word, self.for_all, self.end)

    def are_marks(self, tokens: Tensor) -> Tensor:
        """Return whether each token is a mark."""
        return torch.isin(tokens, tokens.new_tensor([*self.for_word, self.for_all, self.end]))

    def advance(self, capitals: Tensor, tokens: Tensor) -> Tensor:
        """Return the states after one more token.

        Args:
            capitals: The states before it.
            tokens: The tokens, of the same shape.
        """
        had_effect = (capitals == 1) & self.ends_mark[tokens]
        after = torch.where(self.are_marks(tokens) | had_effect, 0, capitals)
        after = torch.where(torch.isin(tokens, tokens.new_tensor(self.for_word)), 1, after)
        return torch.where(tokens == self.for_all, 2, after)


@dataclass(frozen=True)
class Phrases:
    """Phrases that each translation of a batch must contain.

    Attributes:
        tokens: `[batch, phrases, longest]`, padded with `_NONE`.
        lengths: `[batch, phrases]`, 0 where a sentence has fewer phrases.
        case: The case marks of the vocabulary, None without marks.
        keep_capitals: Whether a phrase may begin after a mark, see `CaseMarks.keep_capitals`,
            `[batch, phrases]`. None without marks.
    """

    tokens: Tensor
    lengths: Tensor
    case: CaseMarks | None = None
    keep_capitals: Tensor | None = None

    @classmethod
    def from_lists(
        cls,
        phrases: Sequence[Sequence[Sequence[int]]],
        device: torch.device,
        case: CaseMarks | None = None,
    ) -> "Phrases":
        """Return the phrases of a batch.

        Args:
            phrases: The token ids of the phrases of each sentence. No phrase is empty.
            device: The device of the search.
            case: The case marks of the vocabulary, None without marks.
        """
        max_phrases = max(1, *map(len, phrases))
        longest = max(
            [1, *(len(phrase) for sentence_phrases in phrases for phrase in sentence_phrases)]
        )
        tokens = torch.full((len(phrases), max_phrases, longest), _NONE)
        lengths = torch.zeros(len(phrases), max_phrases, dtype=torch.long)
        keep_capitals = torch.ones(len(phrases), max_phrases, dtype=torch.bool)
        for row, sentence_phrases in enumerate(phrases):
            for number, phrase in enumerate(sentence_phrases):
                tokens[row, number, : len(phrase)] = torch.tensor(phrase)
                lengths[row, number] = len(phrase)
                if case is not None:
                    keep_capitals[row, number] = case.keep_capitals(phrase)
        tokens, lengths = tokens.to(device), lengths.to(device)
        if case is None:
            return cls(tokens, lengths)
        return cls(tokens, lengths, case.to(device), keep_capitals.to(device))

    def next_tokens(self, matched: Tensor) -> Tensor:
        """Return the next token of each phrase, `[batch, beams, phrases]`; `_NONE` after the last.

        Args:
            matched: The number of tokens of each phrase matched so far, `[batch, beams, phrases]`.
        """
        padded = torch.nn.functional.pad(self.tokens, (0, 1), value=_NONE)
        phrase_tokens = padded.unsqueeze(1).expand(-1, matched.shape[1], -1, -1)
        return phrase_tokens.gather(3, matched.unsqueeze(3)).squeeze(3)

    def advance(self, matched: Tensor, tokens: Tensor, capitals: Tensor | None = None) -> Tensor:
        """Return the number of matched tokens of each phrase after one more token.

        After a case mark, no phrase begins that would get capitals from it.

        Args:
            matched: The number matched so far, `[batch, n, phrases]`.
            tokens: The new tokens, `[batch, n]`.
            capitals: The state of letter case before the new tokens, see `CaseMarks`, `[batch, n]`.
                None without case marks.
        """
        complete = matched == self.lengths.unsqueeze(1)
        continues = self.next_tokens(matched) == tokens.unsqueeze(2)
        restarts = self.tokens[:, :, 0].unsqueeze(1) == tokens.unsqueeze(2)
        if capitals is not None and self.keep_capitals is not None:
            gets_capitals = (capitals > 0).unsqueeze(2) & ~self.keep_capitals.unsqueeze(1)
            restarts = restarts & ~gets_capitals
            continues = continues & ~(gets_capitals & (matched == 0))
        after = torch.where(continues, matched + 1, restarts.long())
        return torch.where(complete, matched, after)

    def must_end_capitals(self, matched: Tensor, capitals: Tensor) -> Tensor:
        """Return where no phrase continues, and none can begin before the capitals end.

        Args:
            matched: The number of tokens of each phrase matched, `[batch, n, phrases]`.
            capitals: The state of letter case, see `CaseMarks`, `[batch, n]`.

        Returns:
            A mask `[batch, n]`, false where no phrase is left.
        """
        if self.keep_capitals is None:
            return torch.zeros_like(capitals, dtype=torch.bool)
        is_incomplete = matched < self.lengths.unsqueeze(1)
        may_go_on = is_incomplete & (self.keep_capitals.unsqueeze(1) | (matched > 0))
        return (capitals > 0) & is_incomplete.any(2) & ~may_go_on.any(2)

    def banks(self, matched: Tensor, capitals: Tensor | None) -> Tensor:
        """Return the bank of each hypothesis, `[batch, n]`. The fullest comes first.

        Without case marks it is the number of tokens matched. Marks are the first tokens of many
        phrases, of which only one can continue. With marks, the number is therefore that of all
        complete phrases and of the one that is furthest. It counts double. One is added unless the
        capitals must end before the next phrase, so that their end also fills the bank.

        Args:
            matched: The number of tokens of each phrase matched, `[batch, n, phrases]`.
            capitals: The state of letter case, see `CaseMarks`, `[batch, n]`. None without case
                marks.
        """
        if capitals is None:
            return matched.sum(2)
        complete = matched == self.lengths.unsqueeze(1)
        furthest = matched.masked_fill(complete, 0).amax(2)
        met = matched.masked_fill(~complete, 0).sum(2) + furthest
        return 2 * met + (~self.must_end_capitals(matched, capitals)).long()

    def select(self, rows: Tensor) -> "Phrases":
        """Return the phrases of the given sentences, `rows [new_batch]`."""
        keep = self.keep_capitals
        return replace(
            self,
            tokens=self.tokens[rows],
            lengths=self.lengths[rows],
            keep_capitals=None if keep is None else keep[rows],
        )


@dataclass(frozen=True)
class ConstrainedSelection(Selection):
    """Beam search for hypotheses that contain all phrases of their sentence.

    Continuing hypotheses are spread over banks, the fullest first: see `Phrases.banks`. A
    hypothesis ends only with all phrases, or where no other token is allowed. A sentence without
    phrases is searched as by `BestSelection`.

    Attributes:
        beam_size: The number of hypotheses that continue.
        phrases: The phrases.
        matched: The number of tokens of each phrase matched so far, `[batch, beams, phrases]`.
        capitals: The state of letter case of each hypothesis, see `CaseMarks`, `[batch, beams]`.
            None without case marks.
    """

    beam_size: int
    phrases: Phrases
    matched: Tensor
    capitals: Tensor | None = None

    @classmethod
    def for_phrases(
        cls,
        beam_size: int,
        phrases: Sequence[Sequence[Sequence[int]]],
        device: torch.device,
        case: CaseMarks | None = None,
    ) -> "ConstrainedSelection":
        """Return the selection for a batch.

        Args:
            beam_size: The number of hypotheses that continue.
            phrases: The token ids of the phrases of each sentence. No phrase is empty.
            device: The device of the search.
            case: The case marks of the vocabulary, None without marks.
        """
        batch_phrases = Phrases.from_lists(phrases, device, case)
        matched = torch.zeros_like(batch_phrases.lengths).unsqueeze(1)
        capitals = None if case is None else torch.zeros_like(matched[:, :, 0])
        return cls(beam_size, batch_phrases, matched, capitals)

    def choose(
        self, prefix_log_probability: Tensor, log_probabilities: Tensor, time: int
    ) -> tuple[Extensions, Selection]:
        """See `Selection.choose`."""
        end = log_probabilities[..., EOS].clone()
        log_probabilities[..., EOS] = DEAD
        must_end = log_probabilities.amax(2) == DEAD
        tokens, values = self._candidates(log_probabilities)
        beams, width = tokens.shape[1:]
        totals = (prefix_log_probability.unsqueeze(2) + values).flatten(1)
        parents = torch.arange(beams * width, device=tokens.device) // width
        parents = parents.expand_as(totals)
        before = None if self.capitals is None else self.capitals.gather(1, parents)
        matched = self.phrases.advance(
            gather_beams(self.matched, parents), tokens.flatten(1), before
        )
        after = None
        if before is not None and self.phrases.case is not None:
            after = self.phrases.case.advance(before, tokens.flatten(1))
        index = _allocate_beams(totals, self.phrases.banks(matched, after), self.beam_size)
        chosen, matched = totals.gather(1, index), gather_beams(matched, index)
        finished_log_probability = prefix_log_probability + end
        may_end = self._complete(self.matched) | must_end
        competitors = chosen.masked_fill(~self._complete(matched), DEAD)
        extensions = Extensions(
            parents=parents.gather(1, index),
            tokens=tokens.flatten(1).gather(1, index),
            token_log_probability=values.flatten(1).gather(1, index),
            log_probability=chosen,
            end_log_probability=end,
            finished_log_probability=finished_log_probability,
            is_finished=is_among_best(
                finished_log_probability.masked_fill(~may_end, DEAD), competitors, self.beam_size
            ),
        )
        capitals = None if after is None else after.gather(1, index)
        return extensions, replace(self, matched=matched, capitals=capitals)

    def continues_when_full(self) -> Tensor:
        """See `Selection.continues_when_full`.

        The first hypotheses to finish may have all terms in a row, and are then bad sentences.
        """
        return (self.phrases.lengths > 0).any(1)

    def select(self, rows: Tensor) -> "ConstrainedSelection":
        """See `Selection.select`."""
        return replace(
            self,
            phrases=self.phrases.select(rows),
            matched=self.matched[rows],
            capitals=None if self.capitals is None else self.capitals[rows],
        )

    def _candidates(self, log_probabilities: Tensor) -> tuple[Tensor, Tensor]:
        """Return the candidates of each beam and their log-probabilities, both `[batch, beams, n]`.

        The candidates are the best tokens of the beam and the tokens that continue or begin its
        phrases, each once. Where no phrase can begin before the capitals end, the mark that ends
        them is one too. The log-probability of an empty slot is `DEAD`.
        """
        best, tokens = blockwise_topk(
            log_probabilities, min(self.beam_size, log_probabilities.shape[2])
        )
        started = self.matched > 0
        next_tokens = self.phrases.next_tokens(self.matched)
        first_tokens = self.phrases.tokens[:, :, 0].unsqueeze(1).expand_as(next_tokens)
        is_incomplete = self.matched < self.phrases.lengths.unsqueeze(1)
        first_tokens = first_tokens.masked_fill(~(is_incomplete & started), _NONE)
        phrase_tokens = torch.cat((next_tokens, first_tokens), 2)
        if self.capitals is not None and self.phrases.case is not None:
            must_end = self.phrases.must_end_capitals(self.matched, self.capitals).unsqueeze(2)
            end = torch.where(must_end, self.phrases.case.end, _NONE)
            phrase_tokens = torch.cat((phrase_tokens, end), 2)
        values = log_probabilities.gather(2, phrase_tokens.clamp(min=0))
        is_in_best = (phrase_tokens.unsqueeze(3) == tokens.unsqueeze(2)).any(3)
        is_duplicate = (phrase_tokens.unsqueeze(3) == phrase_tokens.unsqueeze(2)).tril(-1).any(3)
        values = values.masked_fill((phrase_tokens == _NONE) | is_in_best | is_duplicate, DEAD)
        return torch.cat((tokens, phrase_tokens.clamp(min=0)), 2), torch.cat((best, values), 2)

    def _complete(self, matched: Tensor) -> Tensor:
        return (matched == self.phrases.lengths.unsqueeze(1)).all(2)


def _allocate_beams(totals: Tensor, banks: Tensor, beam_size: int) -> Tensor:
    """Return the candidates that continue, the most probable first, `[batch, beam_size]`.

    The best of each bank is chosen first, the fullest bank first, then the second best of each, and
    so on.

    Args:
        totals: The log-probabilities of candidates, `[batch, candidates]`.
        banks: The bank of each candidate, see `Phrases.banks`, `[batch, candidates]`.
        beam_size: The number of candidates to choose.
    """
    order = totals.argsort(dim=1, descending=True, stable=True)
    bank = banks.gather(1, order)
    fullest = bank.amax(1, keepdim=True)
    priority = _ranks_in_banks(bank) * (fullest + 1) + fullest - bank
    is_dead = totals.gather(1, order) == DEAD
    priority = priority + is_dead * (priority.amax() + 1)
    chosen = priority.argsort(dim=1, stable=True)[:, :beam_size].sort(1).values
    return order.gather(1, chosen)


def _ranks_in_banks(banks: Tensor) -> Tensor:
    """Return how many earlier candidates of a row are in the same bank, `[batch, candidates]`."""
    in_banks, order = banks.sort(dim=1, stable=True)
    positions = torch.arange(banks.shape[1], device=banks.device).expand_as(banks)
    is_first = torch.ones_like(in_banks, dtype=torch.bool)
    is_first[:, 1:] = in_banks[:, 1:] != in_banks[:, :-1]
    first = positions.masked_fill(~is_first, 0).cummax(1).values
    return torch.zeros_like(positions).scatter(1, order, positions - first)

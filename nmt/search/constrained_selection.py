"""Lexically constrained beam search: beams are divided by the number of term tokens met.

This is dynamic beam allocation (Post and Vilar 2018), for a whole batch at once. Phrases may come
in any order. A phrase that is begun but not continued counts as not begun.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nmt.search.selection import DEAD, Extended, Selection, among_the_best, gather_beams, top
from nmt.tokenizers.tokenizer import EOS

_NONE = -1


@dataclass(frozen=True)
class Phrases:
    """Phrases that each translation of a batch must contain.

    Attributes:
        tokens: `[batch, phrases, longest]`, padded with `_NONE`.
        lengths: `[batch, phrases]`, 0 where a sentence has fewer phrases.
    """

    tokens: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, phrases: Sequence[Sequence[Sequence[int]]], device: torch.device) -> "Phrases":
        """Return the phrases of a batch.

        Args:
            phrases: The token ids of the phrases of each sentence. No phrase is empty.
            device: The device of the search.
        """
        most = max(1, *map(len, phrases))
        longest = max([1, *(len(phrase) for many in phrases for phrase in many)])
        tokens = torch.full((len(phrases), most, longest), _NONE)
        lengths = torch.zeros(len(phrases), most, dtype=torch.long)
        for row, many in enumerate(phrases):
            for place, phrase in enumerate(many):
                tokens[row, place, : len(phrase)] = torch.tensor(phrase)
                lengths[row, place] = len(phrase)
        return cls(tokens.to(device), lengths.to(device))

    def next_tokens(self, met: Tensor) -> Tensor:
        """Return the next token of each phrase, `[batch, beams, phrases]`; `_NONE` after the last.

        Args:
            met: The number of tokens of each phrase met so far, `[batch, beams, phrases]`.
        """
        padded = torch.nn.functional.pad(self.tokens, (0, 1), value=_NONE)
        places = padded.unsqueeze(1).expand(-1, met.shape[1], -1, -1)
        return places.gather(3, met.unsqueeze(3)).squeeze(3)

    def advance(self, met: Tensor, tokens: Tensor) -> Tensor:
        """Return the number of tokens of each phrase met after one more token.

        Args:
            met: The number met so far, `[batch, n, phrases]`.
            tokens: The new tokens, `[batch, n]`.
        """
        complete = met == self.lengths.unsqueeze(1)
        goes_on = self.next_tokens(met) == tokens.unsqueeze(2)
        begins = self.tokens[:, :, 0].unsqueeze(1) == tokens.unsqueeze(2)
        after = torch.where(goes_on, met + 1, begins.long())
        return torch.where(complete, met, after)

    def select(self, rows: Tensor) -> "Phrases":
        """Return the phrases of the given sentences, `rows [new_batch]`."""
        return Phrases(self.tokens[rows], self.lengths[rows])


@dataclass(frozen=True)
class ConstrainedSelection(Selection):
    """Beam search for hypotheses that contain all phrases of their sentence.

    Continuing hypotheses are spread over banks by the number of phrase tokens met, the fullest bank
    first. A hypothesis ends only with all phrases, or where no other token is allowed. A sentence
    without phrases is searched as by `BestSelection`.

    Attributes:
        beam_size: The number of hypotheses that continue.
        phrases: The phrases.
        met: The number of tokens of each phrase met so far, `[batch, beams, phrases]`.
    """

    beam_size: int
    phrases: Phrases
    met: Tensor

    @classmethod
    def of(
        cls, beam_size: int, phrases: Sequence[Sequence[Sequence[int]]], device: torch.device
    ) -> "ConstrainedSelection":
        """Return the selection for a batch.

        Args:
            beam_size: The number of hypotheses that continue.
            phrases: The token ids of the phrases of each sentence. No phrase is empty.
            device: The device of the search.
        """
        wanted = Phrases.of(phrases, device)
        return cls(beam_size, wanted, torch.zeros_like(wanted.lengths).unsqueeze(1))

    def choose(
        self, so_far: Tensor, log_probabilities: Tensor, time: int
    ) -> tuple[Extended, Selection]:
        """See `Selection.choose`."""
        end = log_probabilities[..., EOS].clone()
        log_probabilities[..., EOS] = DEAD
        stuck = log_probabilities.amax(2) == DEAD
        tokens, values = self._candidates(log_probabilities)
        beams, width = tokens.shape[1:]
        totals = (so_far.unsqueeze(2) + values).flatten(1)
        parents = torch.arange(beams * width, device=tokens.device) // width
        parents = parents.expand_as(totals)
        met = self.phrases.advance(gather_beams(self.met, parents), tokens.flatten(1))
        index = _spread(totals, met.sum(2), self.beam_size)
        chosen, met = totals.gather(1, index), gather_beams(met, index)
        ended = so_far + end
        may_end = self._complete(self.met) | stuck
        rivals = chosen.masked_fill(~self._complete(met), DEAD)
        extended = Extended(
            parents=parents.gather(1, index),
            tokens=tokens.flatten(1).gather(1, index),
            token_log_probability=values.flatten(1).gather(1, index),
            log_probability=chosen,
            end_log_probability=end,
            ended=ended,
            ends=among_the_best(ended.masked_fill(~may_end, DEAD), rivals, self.beam_size),
        )
        return extended, replace(self, met=met)

    def patient(self) -> Tensor:
        """See `Selection.patient`.

        The first hypotheses to finish may have all terms in a row, and are then bad sentences.
        """
        return (self.phrases.lengths > 0).any(1)

    def select(self, rows: Tensor) -> "ConstrainedSelection":
        """See `Selection.select`."""
        return replace(self, phrases=self.phrases.select(rows), met=self.met[rows])

    def _candidates(self, log_probabilities: Tensor) -> tuple[Tensor, Tensor]:
        """Return the candidates of each beam and their log-probabilities, both `[batch, beams, n]`.

        The candidates are the best tokens of the beam and the tokens that continue or begin its
        phrases, each once. The log-probability of an empty slot is `DEAD`.
        """
        best, tokens = top(log_probabilities, min(self.beam_size, log_probabilities.shape[2]))
        started = self.met > 0
        waiting = self.phrases.next_tokens(self.met)
        firsts = self.phrases.tokens[:, :, 0].unsqueeze(1).expand_as(waiting)
        unmet = self.met < self.phrases.lengths.unsqueeze(1)
        firsts = firsts.masked_fill(~(unmet & started), _NONE)
        wanted = torch.cat((waiting, firsts), 2)
        values = log_probabilities.gather(2, wanted.clamp(min=0))
        among = (wanted.unsqueeze(3) == tokens.unsqueeze(2)).any(3)
        again = (wanted.unsqueeze(3) == wanted.unsqueeze(2)).tril(-1).any(3)
        values = values.masked_fill((wanted == _NONE) | among | again, DEAD)
        return torch.cat((tokens, wanted.clamp(min=0)), 2), torch.cat((best, values), 2)

    def _complete(self, met: Tensor) -> Tensor:
        return (met == self.phrases.lengths.unsqueeze(1)).all(2)


def _spread(totals: Tensor, banks: Tensor, beam_size: int) -> Tensor:
    """Return the candidates that continue, the most probable first, `[batch, beam_size]`.

    The best of each bank is chosen first, the fullest bank first, then the second best of each, and
    so on.

    Args:
        totals: The log-probabilities of candidates, `[batch, candidates]`.
        banks: The number of phrase tokens met by each candidate, `[batch, candidates]`.
        beam_size: The number of candidates to choose.
    """
    order = totals.argsort(dim=1, descending=True, stable=True)
    bank = banks.gather(1, order)
    fullest = bank.amax(1, keepdim=True)
    turn = _places(bank) * (fullest + 1) + fullest - bank
    dead = totals.gather(1, order) == DEAD
    turn = turn + dead * (turn.amax() + 1)
    chosen = turn.argsort(dim=1, stable=True)[:, :beam_size].sort(1).values
    return order.gather(1, chosen)


def _places(banks: Tensor) -> Tensor:
    """Return how many earlier candidates of a row are in the same bank, `[batch, candidates]`."""
    in_banks, order = banks.sort(dim=1, stable=True)
    positions = torch.arange(banks.shape[1], device=banks.device).expand_as(banks)
    begins = torch.ones_like(in_banks, dtype=torch.bool)
    begins[:, 1:] = in_banks[:, 1:] != in_banks[:, :-1]
    first = positions.masked_fill(~begins, 0).cummax(1).values
    return torch.zeros_like(positions).scatter(1, order, positions - first)

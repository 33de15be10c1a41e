"""Words that a translation must have: beams divided by how many of them are there already.

Dynamic beam allocation (Post and Vilar 2018), for a whole batch at once. Phrases may come in any
order; one that is begun and not gone on with counts as not begun.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nmt.search.selection import DEAD, Extended, Selection, among_the_best, of_beams, top
from nmt.tokenizers.sentencepiece import EOS

_NONE = -1


@dataclass(frozen=True)
class Phrases:
    """The phrases wanted of each sentence.

    tokens: `[batch, phrases, longest]`, filled up with `_NONE`; lengths: `[batch, phrases]`, 0
    where a sentence has fewer phrases.
    """

    tokens: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, phrases: Sequence[Sequence[Sequence[int]]], device: torch.device) -> "Phrases":
        """For each sentence its phrases, none of them empty."""
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
        """The token that each phrase waits for, `[batch, beams, phrases]`, `_NONE` when it has all.

        met: tokens there already, of the same shape.
        """
        padded = torch.nn.functional.pad(self.tokens, (0, 1), value=_NONE)
        places = padded.unsqueeze(1).expand(-1, met.shape[1], -1, -1)
        return places.gather(3, met.unsqueeze(3)).squeeze(3)

    def advance(self, met: Tensor, tokens: Tensor) -> Tensor:
        """What is met after one more token: `met [batch, n, phrases]`, `tokens [batch, n]`."""
        complete = met == self.lengths.unsqueeze(1)
        goes_on = self.next_tokens(met) == tokens.unsqueeze(2)
        begins = self.tokens[:, :, 0].unsqueeze(1) == tokens.unsqueeze(2)
        after = torch.where(goes_on, met + 1, begins.long())
        return torch.where(complete, met, after)

    def select(self, rows: Tensor) -> "Phrases":
        """Of some of the sentences, `rows [new_batch]`."""
        return Phrases(self.tokens[rows], self.lengths[rows])


@dataclass(frozen=True)
class WithTerms(Selection):
    """As `Best`, but the hypotheses that live on are spread over the numbers of tokens of phrases
    that they have, those with most first, and none ends without all of them.

    met: tokens of each phrase that are there, `[batch, beams, phrases]`. A sentence without phrases
    is searched as by `Best`.
    """

    beam_size: int
    phrases: Phrases
    met: Tensor

    @classmethod
    def of(
        cls, beam_size: int, phrases: Sequence[Sequence[Sequence[int]]], device: torch.device
    ) -> "WithTerms":
        """For each sentence its phrases in token ids, none of them empty."""
        wanted = Phrases.of(phrases, device)
        return cls(beam_size, wanted, torch.zeros_like(wanted.lengths).unsqueeze(1))

    def choose(
        self, so_far: Tensor, log_probabilities: Tensor, time: int
    ) -> tuple[Extended, Selection]:
        """See the base class."""
        end = log_probabilities[..., EOS].clone()
        log_probabilities[..., EOS] = DEAD
        stuck = log_probabilities.amax(2) == DEAD
        tokens, values = self._candidates(log_probabilities)
        beams, width = tokens.shape[1:]
        totals = (so_far.unsqueeze(2) + values).flatten(1)
        parents = torch.arange(beams * width, device=tokens.device) // width
        parents = parents.expand_as(totals)
        met = self.phrases.advance(of_beams(self.met, parents), tokens.flatten(1))
        index = _spread(totals, met.sum(2), self.beam_size)
        chosen, met = totals.gather(1, index), of_beams(met, index)
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
        """See the base class: terms all in a row are there early, and in a bad sentence."""
        return (self.phrases.lengths > 0).any(1)

    def select(self, rows: Tensor) -> "WithTerms":
        """See the base class."""
        return replace(self, phrases=self.phrases.select(rows), met=self.met[rows])

    def _candidates(self, log_probabilities: Tensor) -> tuple[Tensor, Tensor]:
        """Of each beam its best tokens and those that its phrases wait for, each once, `[batch,
        beams, n]`, with their log-probabilities (`DEAD` for what is none).
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
    """Which candidates live on, the most probable first: `[batch, beam_size]`.

    First the best of each bank, the fullest bank first, then the second best of each, and so on.
    totals: log-probabilities, `[batch, candidates]`; banks: tokens of phrases met, alike.
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
    """How many before each along a row, `[batch, candidates]`, are of the same bank."""
    in_banks, order = banks.sort(dim=1, stable=True)
    positions = torch.arange(banks.shape[1], device=banks.device).expand_as(banks)
    begins = torch.ones_like(in_banks, dtype=torch.bool)
    begins[:, 1:] = in_banks[:, 1:] != in_banks[:, :-1]
    first = positions.masked_fill(~begins, 0).cummax(1).values
    return torch.zeros_like(positions).scatter(1, order, positions - first)

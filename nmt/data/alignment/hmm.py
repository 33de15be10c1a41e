"""Word alignment as a hidden Markov model: where a target token comes from depends on where the one
before it came from.

Vogel et al. 1996, "HMM-Based Word Alignment in Statistical Translation", with the null word of Och
and Ney 2003, section 2.1.2: a token of the null word leaves in mind the source position that was
there before it. In what follows the mind m is 0 before any source token, else the position plus
one; with I source tokens,

    P(i | m) = (1 - p0) ((1 - a) c(i + 1 - m) / sum_k c(k + 1 - m) + a / I),   P(null | m) = p0,

c the jump widths' counts. The lexicon starts as IBM Model 1's.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from nmt.data.alignment.blocks import Block, Emissions, blocks_of
from nmt.data.lexicon import Integers, Lexicon, Reals, TokenPairs, learn_lexicon, normalized
from nmt.runtime.console import progress

FLOOR = 1e-12
"""The least probability that a link can have."""

_NULL = 0.2
_UNIFORM = 0.2
_WIDEST = 100
"""Jumps that are wider count as this wide."""


@dataclass(frozen=True)
class Jumps:
    """How far the source position moves from one target token to the next.

    counts: `[2 * 100 + 1]`, expected or relative, from jumps 100 back to 100 ahead.
    """

    counts: Reals = field(default_factory=lambda: np.ones(2 * _WIDEST + 1))

    def learned(self, length: int) -> Reals:
        """The part of `transitions` that the counts make."""
        counts = self.counts[_widths(length)]
        totals = np.maximum(counts.sum(1, keepdims=True), FLOOR)
        learned: Reals = (1 - _NULL) * (1 - _UNIFORM) * counts / totals
        return learned

    def transitions(self, length: int) -> Reals:
        """P(i | m) for `length` source tokens, `[length + 1, length]`."""
        return self.learned(length) + (1 - _NULL) * _UNIFORM / length


@dataclass(frozen=True)
class Expectations:
    """What is likely to have happened in a block.

    links: `[batch, target_len, source_len + 1]`, the probability that a target token comes from
    each source token, the null word first; zero at padding. moves: `[source_len + 1, source_len]`,
    how often each source position followed each mind; log_likelihood: of all targets.
    """

    links: Reals
    moves: Reals
    log_likelihood: float


@dataclass(frozen=True)
class Hmm:
    """A lexicon and the jumps between its source tokens."""

    lexicon: Lexicon
    jumps: Jumps

    def expectations(self, block: Block, emissions: Emissions | None = None) -> Expectations:
        """By the forward-backward algorithm, scaled at each target token."""
        emissions = emissions or Emissions.of(self.lexicon, block, FLOOR)
        given = emissions.probabilities
        batch, target_len, choices = given.shape
        moving = self.jumps.transitions(choices - 1)
        minds = np.zeros((target_len + 1, batch, choices))  # before each target token
        minds[0, :, 0] = 1.0
        reached = np.zeros((target_len, batch, choices - 1))  # by way of P(i | m)
        scales = np.ones((target_len, batch))
        for j in range(target_len):
            n = block.active(j)
            reached[j, :n] = minds[j, :n] @ moving
            after = _NULL * minds[j, :n] * given[:n, j, :1]
            after[:, 1:] += reached[j, :n] * given[:n, j, 1:]
            scales[j, :n] = after.sum(1)
            minds[j + 1, :n] = after / scales[j, :n, None]
        links = np.zeros_like(given)
        later = np.ones((batch, choices))  # P(what follows | mind), scaled
        moves = np.zeros((choices, choices - 1))
        for j in reversed(range(target_len)):
            n = block.active(j)
            scaled = given[:n, j] / scales[j, :n, None]
            onward = scaled[:, 1:] * later[:n, 1:]
            links[:n, j, 1:] = reached[j, :n] * onward
            links[:n, j, 0] = _NULL * scaled[:, 0] * (minds[j, :n] * later[:n]).sum(1)
            moves += minds[j, :n].T @ onward
            later[:n] = onward @ moving.T + _NULL * scaled[:, :1] * later[:n]
        return Expectations(links, moving * moves, float(np.log(scales).sum()))

    def likeliest(self, block: Block) -> Integers:
        """The likeliest alignment of each pair as a whole, `[batch, target_len]`; -1 for the null
        word. By the Viterbi algorithm; of equal ones that with the earlier source tokens.
        """
        given = Emissions.of(self.lexicon, block, FLOOR).probabilities
        batch, target_len, choices = given.shape
        moving = self.jumps.transitions(choices - 1)
        mind = np.zeros((batch, choices))
        mind[:, 0] = 1.0
        before = np.zeros((target_len, batch, choices), np.int32)  # the mind from which each came
        moved = np.zeros((target_len, batch, choices), np.bool_)
        for j in range(target_len):
            n = block.active(j)
            ways = mind[:n, :, None] * moving
            before[j, :n, 1:] = ways.argmax(1)
            arriving = np.zeros((n, choices))
            arriving[:, 1:] = ways.max(1) * given[:n, j, 1:]
            staying = _NULL * mind[:n] * given[:n, j, :1]
            moved[j, :n] = arriving >= staying
            moved[j, :n, 0] = False
            best = np.maximum(arriving, staying)
            mind[:n] = best / best.max(1, keepdims=True)
        return _traced(block, mind.argmax(1), before, moved)


def learn_hmm(
    corpus: TokenPairs,
    pairs: Integers,
    source_vocabulary: int,
    target_vocabulary: int,
    lexicon_iterations: int = 5,
    iterations: int = 5,
) -> Hmm:
    """Of the given pairs of a corpus. Memory grows with the lexicon's entries."""
    lexicon = learn_lexicon(corpus, pairs, source_vocabulary, target_vocabulary, lexicon_iterations)
    hmm = Hmm(lexicon, Jumps())
    if not len(lexicon.keys):
        return hmm
    with progress("alignment", iterations * len(pairs), "pairs") as shown:
        for _ in range(iterations):
            expected = np.zeros(len(lexicon.keys))
            jumps = np.zeros(2 * _WIDEST + 1)
            for block in blocks_of(corpus, pairs):
                emissions = Emissions.of(hmm.lexicon, block, FLOOR)
                found = hmm.expectations(block, emissions)
                emissions.count(found.links, expected)
                length = block.source.shape[1]
                # Of each move the share that the counts, not the uniform part, made likely.
                share = hmm.jumps.learned(length) / hmm.jumps.transitions(length)
                widths = _widths(length).reshape(-1)
                jumps += np.bincount(widths, (found.moves * share).reshape(-1), len(jumps))
                shown.advance(len(block.pairs))
            hmm = replace(hmm, lexicon=normalized(hmm.lexicon, expected), jumps=Jumps(jumps))
    return hmm


def _widths(length: int) -> Integers:
    """The place in the counts of each jump, `[length + 1, length]`, from a mind to a position."""
    width = np.arange(length) + 1 - np.arange(length + 1)[:, None]
    widths: Integers = np.clip(width, -_WIDEST, _WIDEST) + _WIDEST
    return widths


def _traced(
    block: Block, last: Integers, before: NDArray[np.int32], moved: NDArray[np.bool_]
) -> Integers:
    """The way back from the last minds, `[batch, target_len]`."""
    rows = np.arange(len(last))
    found = np.full(block.target.shape, -1)
    mind = last.astype(np.int64)
    for j in reversed(range(block.target.shape[1])):
        n = block.active(j)
        few, here = rows[:n], mind[:n]
        arrived = moved[j, few, here]
        found[:n, j] = np.where(arrived, here - 1, -1)
        mind[:n] = np.where(arrived, before[j, few, here], here)
    return found

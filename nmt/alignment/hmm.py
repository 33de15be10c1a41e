"""Word alignment as a hidden Markov model, where each link depends on the link before it.

Vogel et al. 1996, "HMM-Based Word Alignment in Statistical Translation", with the null word of Och
and Ney 2003, section 2.1.2: a target token from the null word keeps the last source position as
state. The state m is 0 before any source token, else the last source position plus one. With I
source tokens,

    P(i | m) = (1 - p0) ((1 - a) c(i + 1 - m) / sum_k c(k + 1 - m) + a / I),   P(null | m) = p0,

where c are the counts of the jump widths. The lexicon is initialised by IBM Model 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from nmt.alignment.lexicon import (
    NULL,
    Integers,
    Lexicon,
    Reals,
    TokenPairs,
    learn_lexicon,
    normalized,
)
from nmt.console import progress

_CELLS = 1 << 20
"""The number of links of a block, including those of the null word, at most."""


@dataclass(frozen=True)
class PairBlock:
    """Pairs with the same source length, those with the longest targets first.

    Attributes:
        pairs: The numbers of the pairs in the corpus, `[batch]`.
        source: The source tokens, `[batch, source_len]`.
        target: The target tokens, `[batch, target_len]`, padded with PAD.
        target_lengths: The target lengths, `[batch]`, in descending order.
    """

    pairs: Integers
    source: Integers
    target: Integers
    target_lengths: Integers

    def active(self, position: int) -> int:
        """Return the number of pairs, the first ones, with a target token at this position."""
        return int(np.searchsorted(-self.target_lengths, -position, side="left"))


@dataclass(frozen=True)
class Emissions:
    """The probabilities P(target | source) of all links of a block.

    Attributes:
        probabilities: `[batch, target_len, source_len + 1]`, with the null word first.
        entries: The indices of the links in the lexicon, of the same shape. Meaningless at padding.
    """

    probabilities: Reals
    entries: Integers

    @classmethod
    def of(cls, lexicon: Lexicon, block: PairBlock, floor: float) -> "Emissions":
        """Return the emissions of a block.

        Args:
            lexicon: The lexicon.
            block: The block.
            floor: The least probability, which unknown links have too.
        """
        null = np.full((len(block.source), 1), NULL)
        source = np.concatenate((null, block.source), 1)
        keys = source[:, None, :] * lexicon.target_vocabulary + block.target[:, :, None]
        distinct, inverse = np.unique(keys.reshape(-1), return_inverse=True)
        places = np.minimum(np.searchsorted(lexicon.keys, distinct), len(lexicon.keys) - 1)
        known = lexicon.keys[places] == distinct
        values = np.maximum(np.where(known, lexicon.probabilities[places], 0.0), floor)
        return cls(values[inverse].reshape(keys.shape), places[inverse].reshape(keys.shape))

    def count(self, shares: Reals, expected: Reals) -> None:
        """Add the expected number of uses of each lexicon entry.

        Args:
            shares: The probability of each link, `[batch, target_len, source_len + 1]`, zero at
                padding.
            expected: The sums to add to, `[entries]`.
        """
        distinct, inverse = np.unique(self.entries.reshape(-1), return_inverse=True)
        expected[distinct] += np.bincount(inverse.reshape(-1), shares.reshape(-1))


def blocks_of(corpus: TokenPairs, pairs: Integers) -> Iterator[PairBlock]:
    """Yield the given pairs in blocks, without those that have a blank side.

    Args:
        corpus: The token sequences.
        pairs: The numbers of the pairs, `[n]`.
    """
    sources, targets = corpus.source_lengths[pairs], corpus.target_lengths[pairs]
    order = np.lexsort((pairs, -targets, sources))
    order = order[(sources[order] > 0) & (targets[order] > 0)]
    begin = 0
    while begin < len(order):
        first = order[begin]
        room = max(1, _CELLS // int(targets[first] * (sources[first] + 1)))
        end = begin + int(np.searchsorted(sources[order[begin : begin + room]], sources[first] + 1))
        yield _block(corpus, pairs[order[begin:end]], targets[order[begin:end]])
        begin = end


def _block(corpus: TokenPairs, pairs: Integers, target_lengths: Integers) -> PairBlock:
    source = np.stack([corpus.source(int(pair)) for pair in pairs]).astype(np.int64)
    target: NDArray[np.int64] = np.zeros((len(pairs), int(target_lengths[0])), np.int64)
    for row, pair in enumerate(pairs):
        target[row, : target_lengths[row]] = corpus.target(int(pair))
    return PairBlock(pairs, source, target, target_lengths.astype(np.int64))


FLOOR = 1e-12
"""The least probability of a link."""

_NULL = 0.2
_UNIFORM = 0.2
_WIDEST = 100
"""The greatest jump width. Wider jumps count as this wide."""


@dataclass(frozen=True)
class Jumps:
    """The moves of the source position from one target token to the next.

    Attributes:
        counts: The count of each jump width from -100 to 100, expected or relative,
            `[2 * 100 + 1]`.
    """

    counts: Reals = field(default_factory=lambda: np.ones(2 * _WIDEST + 1))

    def learned(self, length: int) -> Reals:
        """Return the part of `transitions` that the counts contribute."""
        counts = self.counts[_widths(length)]
        totals = np.maximum(counts.sum(1, keepdims=True), FLOOR)
        learned: Reals = (1 - _NULL) * (1 - _UNIFORM) * counts / totals
        return learned

    def transitions(self, length: int) -> Reals:
        """Return P(i | m) for `length` source tokens, `[length + 1, length]`."""
        return self.learned(length) + (1 - _NULL) * _UNIFORM / length


@dataclass(frozen=True)
class Expectations:
    """The expected events of a block.

    Attributes:
        links: The probability that a target token comes from each source token,
            `[batch, target_len, source_len + 1]`, with the null word first. Zero at padding.
        moves: How often each source position followed each state, `[source_len + 1, source_len]`.
        log_likelihood: The log-likelihood of all targets.
    """

    links: Reals
    moves: Reals
    log_likelihood: float


@dataclass(frozen=True)
class Hmm:
    """A hidden Markov model: a lexicon and the counts of jumps."""

    lexicon: Lexicon
    jumps: Jumps

    def expectations(self, block: PairBlock, emissions: Emissions | None = None) -> Expectations:
        """Compute the expectations by the forward-backward algorithm, scaled at each target token.

        Args:
            block: The pairs.
            emissions: The emissions of the block, where they are known already.

        Returns:
            The expectations.
        """
        emissions = emissions or Emissions.of(self.lexicon, block, FLOOR)
        given = emissions.probabilities
        batch, target_len, choices = given.shape
        moving = self.jumps.transitions(choices - 1)
        minds = np.zeros((target_len + 1, batch, choices))  # P(state) before each target token
        minds[0, :, 0] = 1.0
        reached = np.zeros((target_len, batch, choices - 1))  # after the transition P(i | m)
        scales = np.ones((target_len, batch))
        for j in range(target_len):
            n = block.active(j)
            reached[j, :n] = minds[j, :n] @ moving
            after = _NULL * minds[j, :n] * given[:n, j, :1]
            after[:, 1:] += reached[j, :n] * given[:n, j, 1:]
            scales[j, :n] = after.sum(1)
            minds[j + 1, :n] = after / scales[j, :n, None]
        links = np.zeros_like(given)
        later = np.ones((batch, choices))  # P(later targets | state), scaled
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

    def likeliest(self, block: PairBlock) -> Integers:
        """Return the most probable alignment of each pair, `[batch, target_len]`.

        The null word is -1. The Viterbi algorithm finds the alignment. Among equal alignments,
        earlier source tokens win.
        """
        given = Emissions.of(self.lexicon, block, FLOOR).probabilities
        batch, target_len, choices = given.shape
        moving = self.jumps.transitions(choices - 1)
        mind = np.zeros((batch, choices))
        mind[:, 0] = 1.0
        before = np.zeros((target_len, batch, choices), np.int32)  # the state before each state
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
    """Return a hidden Markov model learned from the given pairs of a corpus.

    Memory grows with the entries of the lexicon.

    Args:
        corpus: The token sequences.
        pairs: The numbers of the pairs, `[n]`.
        source_vocabulary: The number of source tokens.
        target_vocabulary: The number of target tokens.
        lexicon_iterations: The iterations of IBM Model 1, which initialises the lexicon.
        iterations: The iterations of the hidden Markov model.
    """
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
                # The share of each move that the counts contribute, and not the uniform part.
                share = hmm.jumps.learned(length) / hmm.jumps.transitions(length)
                widths = _widths(length).reshape(-1)
                jumps += np.bincount(widths, (found.moves * share).reshape(-1), len(jumps))
                shown.advance(len(block.pairs))
            hmm = replace(hmm, lexicon=normalized(hmm.lexicon, expected), jumps=Jumps(jumps))
    return hmm


def _widths(length: int) -> Integers:
    """Return the count index of each jump from state to position, `[length + 1, length]`."""
    width = np.arange(length) + 1 - np.arange(length + 1)[:, None]
    widths: Integers = np.clip(width, -_WIDEST, _WIDEST) + _WIDEST
    return widths


def _traced(
    block: PairBlock, last: Integers, before: NDArray[np.int32], moved: NDArray[np.bool_]
) -> Integers:
    """Return the path back from the last states, `[batch, target_len]`."""
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

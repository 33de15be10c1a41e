"""Word alignment as a hidden Markov model, where each link depends on the link before it.

Vogel et al. 1996, "HMM-Based Word Alignment in Statistical Translation", with the null word of Och
and Ney 2003, section 2.1.2: a target token from the null word keeps the last source position as
state. The state m is 0 before any source token, else the last source position plus one. With I
source tokens,

    P(i | m) = (1 - p0) ((1 - a) c(i + 1 - m) / sum_k c(k + 1 - m) + a / I),   P(null | m) = p0,

where c are the counts of the jump widths. The lexicon is initialized by IBM Model 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from nmt.alignment.lexicon import (
    NULL,
    FloatArray,
    IntArray,
    Lexicon,
    TokenPairs,
    learn_lexicon,
    normalize_counts,
)
from nmt.console import progress

_BLOCK_LINKS = 1 << 20
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

    pairs: IntArray
    source: IntArray
    target: IntArray
    target_lengths: IntArray

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

    probabilities: FloatArray
    entries: IntArray

    @classmethod
    def from_lexicon(cls, lexicon: Lexicon, block: PairBlock) -> "Emissions":
        """Return the emissions of a block, each at least `MIN_PROBABILITY`.

        Args:
            lexicon: The lexicon, in which links may be missing.
            block: The block.
        """
        null = np.full((len(block.source), 1), NULL)
        source = np.concatenate((null, block.source), 1)
        keys = source[:, None, :] * lexicon.target_vocabulary + block.target[:, :, None]
        distinct, inverse = np.unique(keys.reshape(-1), return_inverse=True)
        indices = np.minimum(np.searchsorted(lexicon.keys, distinct), len(lexicon.keys) - 1)
        known = lexicon.keys[indices] == distinct
        values = np.maximum(np.where(known, lexicon.probabilities[indices], 0.0), MIN_PROBABILITY)
        return cls(values[inverse].reshape(keys.shape), indices[inverse].reshape(keys.shape))

    def add_counts(self, posteriors: FloatArray, expected_counts: FloatArray) -> None:
        """Add the expected number of uses of each lexicon entry.

        Args:
            posteriors: The probability of each link, `[batch, target_len, source_len + 1]`, zero at
                padding.
            expected_counts: The sums to add to, `[entries]`.
        """
        distinct, inverse = np.unique(self.entries.reshape(-1), return_inverse=True)
        expected_counts[distinct] += np.bincount(inverse.reshape(-1), posteriors.reshape(-1))


def make_blocks(corpus: TokenPairs, pairs: IntArray) -> Iterator[PairBlock]:
    """Yield pairs in blocks of equal source length, without those that have a blank side.

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
        max_pairs = max(1, _BLOCK_LINKS // int(targets[first] * (sources[first] + 1)))
        end = begin + int(
            np.searchsorted(sources[order[begin : begin + max_pairs]], sources[first] + 1)
        )
        yield _block(corpus, pairs[order[begin:end]], targets[order[begin:end]])
        begin = end


def _block(corpus: TokenPairs, pairs: IntArray, target_lengths: IntArray) -> PairBlock:
    source = np.stack([corpus.source(int(pair)) for pair in pairs]).astype(np.int64)
    target: NDArray[np.int64] = np.zeros((len(pairs), int(target_lengths[0])), np.int64)
    for row, pair in enumerate(pairs):
        target[row, : target_lengths[row]] = corpus.target(int(pair))
    return PairBlock(pairs, source, target, target_lengths.astype(np.int64))


MIN_PROBABILITY = 1e-12
"""The least probability of a link."""

_NULL = 0.2
_UNIFORM = 0.2
_MAX_JUMP = 100
"""The greatest jump width. Wider jumps count as this wide."""


@dataclass(frozen=True)
class Jumps:
    """The moves of the source position from one target token to the next.

    Attributes:
        counts: The count of each jump width from -100 to 100, expected or relative,
            `[2 * 100 + 1]`.
    """

    counts: FloatArray = field(default_factory=lambda: np.ones(2 * _MAX_JUMP + 1))

    def learned_part(self, length: int) -> FloatArray:
        """Return the part of `transitions` that the counts contribute."""
        counts = self.counts[_jump_indices(length)]
        totals = np.maximum(counts.sum(1, keepdims=True), MIN_PROBABILITY)
        part: FloatArray = (1 - _NULL) * (1 - _UNIFORM) * counts / totals
        return part

    def transitions(self, length: int) -> FloatArray:
        """Return P(i | m) for `length` source tokens, `[length + 1, length]`."""
        return self.learned_part(length) + (1 - _NULL) * _UNIFORM / length


@dataclass(frozen=True)
class Expectations:
    """The expected alignments of a block.

    Attributes:
        posteriors: The probability that a target token comes from each source token,
            `[batch, target_len, source_len + 1]`, with the null word first. Zero at padding.
        transition_counts: The number of transitions from each state to each source position,
            `[source_len + 1, source_len]`.
        log_likelihood: The log-likelihood of all targets.
    """

    posteriors: FloatArray
    transition_counts: FloatArray
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
            emissions: The emissions of the block. None: they are computed.

        Returns:
            The expectations.
        """
        emissions = emissions or Emissions.from_lexicon(self.lexicon, block)
        emission = emissions.probabilities
        batch, target_len, choices = emission.shape
        transitions = self.jumps.transitions(choices - 1)
        forward = np.zeros((target_len + 1, batch, choices))  # P(state) before each target token
        forward[0, :, 0] = 1.0
        arrivals = np.zeros((target_len, batch, choices - 1))  # P(position) before the emission
        scales = np.ones((target_len, batch))
        for j in range(target_len):
            n = block.active(j)
            arrivals[j, :n] = forward[j, :n] @ transitions
            joint = _NULL * forward[j, :n] * emission[:n, j, :1]
            joint[:, 1:] += arrivals[j, :n] * emission[:n, j, 1:]
            scales[j, :n] = joint.sum(1)
            forward[j + 1, :n] = joint / scales[j, :n, None]
        posteriors = np.zeros_like(emission)
        backward = np.ones((batch, choices))  # P(later targets | state), scaled
        counts = np.zeros((choices, choices - 1))
        for j in reversed(range(target_len)):
            n = block.active(j)
            scaled = emission[:n, j] / scales[j, :n, None]
            continued = scaled[:, 1:] * backward[:n, 1:]
            posteriors[:n, j, 1:] = arrivals[j, :n] * continued
            posteriors[:n, j, 0] = _NULL * scaled[:, 0] * (forward[j, :n] * backward[:n]).sum(1)
            counts += forward[j, :n].T @ continued
            backward[:n] = continued @ transitions.T + _NULL * scaled[:, :1] * backward[:n]
        return Expectations(posteriors, transitions * counts, float(np.log(scales).sum()))

    def viterbi(self, block: PairBlock) -> IntArray:
        """Return the most probable alignment of each pair, `[batch, target_len]`.

        The null word is -1. The Viterbi algorithm finds the alignment. Among equal alignments,
        earlier source tokens win.
        """
        emission = Emissions.from_lexicon(self.lexicon, block).probabilities
        batch, target_len, choices = emission.shape
        transitions = self.jumps.transitions(choices - 1)
        scores = np.zeros((batch, choices))
        scores[:, 0] = 1.0
        previous_states = np.zeros((target_len, batch, choices), np.int32)
        is_jump = np.zeros((target_len, batch, choices), np.bool_)
        for j in range(target_len):
            n = block.active(j)
            paths = scores[:n, :, None] * transitions
            previous_states[j, :n, 1:] = paths.argmax(1)
            jump_scores = np.zeros((n, choices))
            jump_scores[:, 1:] = paths.max(1) * emission[:n, j, 1:]
            null_scores = _NULL * scores[:n] * emission[:n, j, :1]
            is_jump[j, :n] = jump_scores >= null_scores
            is_jump[j, :n, 0] = False
            best = np.maximum(jump_scores, null_scores)
            scores[:n] = best / best.max(1, keepdims=True)
        return _trace_back(block, scores.argmax(1), previous_states, is_jump)


def learn_hmm(
    corpus: TokenPairs,
    pairs: IntArray,
    source_vocabulary: int,
    target_vocabulary: int,
    lexicon_iterations: int = 5,
    iterations: int = 5,
) -> Hmm:
    """Return a hidden Markov model learned from pairs of a corpus.

    Memory grows with the entries of the lexicon.

    Args:
        corpus: The token sequences.
        pairs: The numbers of the pairs, `[n]`.
        source_vocabulary: The number of source tokens.
        target_vocabulary: The number of target tokens.
        lexicon_iterations: The iterations of IBM Model 1, which initializes the lexicon.
        iterations: The iterations of the hidden Markov model.
    """
    lexicon = learn_lexicon(corpus, pairs, source_vocabulary, target_vocabulary, lexicon_iterations)
    hmm = Hmm(lexicon, Jumps())
    if not len(lexicon.keys):
        return hmm
    with progress("alignment", iterations * len(pairs), "pairs") as progress_bar:
        for _ in range(iterations):
            expected_counts = np.zeros(len(lexicon.keys))
            jumps = np.zeros(2 * _MAX_JUMP + 1)
            for block in make_blocks(corpus, pairs):
                emissions = Emissions.from_lexicon(hmm.lexicon, block)
                expectations = hmm.expectations(block, emissions)
                emissions.add_counts(expectations.posteriors, expected_counts)
                length = block.source.shape[1]
                # The share of each move that the counts contribute, and not the uniform part.
                share = hmm.jumps.learned_part(length) / hmm.jumps.transitions(length)
                indices = _jump_indices(length).reshape(-1)
                jumps += np.bincount(
                    indices, (expectations.transition_counts * share).reshape(-1), len(jumps)
                )
                progress_bar.advance(len(block.pairs))
            hmm = replace(
                hmm, lexicon=normalize_counts(hmm.lexicon, expected_counts), jumps=Jumps(jumps)
            )
    return hmm


def _jump_indices(length: int) -> IntArray:
    """Return the count index of each jump from state to position, `[length + 1, length]`."""
    width = np.arange(length) + 1 - np.arange(length + 1)[:, None]
    indices: IntArray = np.clip(width, -_MAX_JUMP, _MAX_JUMP) + _MAX_JUMP
    return indices


def _trace_back(
    block: PairBlock, last: IntArray, previous_states: NDArray[np.int32], is_jump: NDArray[np.bool_]
) -> IntArray:
    """Return the path back from the last states, `[batch, target_len]`."""
    rows = np.arange(len(last))
    alignment = np.full(block.target.shape, -1)
    states = last.astype(np.int64)
    for j in reversed(range(block.target.shape[1])):
        n = block.active(j)
        active_rows, active_states = rows[:n], states[:n]
        jumped = is_jump[j, active_rows, active_states]
        alignment[:n, j] = np.where(jumped, active_states - 1, -1)
        states[:n] = np.where(jumped, previous_states[j, active_rows, active_states], active_states)
    return alignment

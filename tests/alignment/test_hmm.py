"""The aligner against loops written from the equations, and what it must find."""

from itertools import product

import numpy as np
import pytest

from nmt.alignment.aligners import HmmAligner, Ibm1Aligner, SwappedPairs, align_texts
from nmt.alignment.hmm import Hmm, Jumps, learn_hmm, make_blocks
from nmt.alignment.lexicon import Lexicon, learn_lexicon
from nmt.config.registry import ALIGNERS
from nmt.errors import DataError

P0, UNIFORM, WIDEST = 0.2, 0.2, 100
SIZES = 9, 8


class Pairs:
    """Token sequences in memory; ids from 1."""

    def __init__(self, pairs):
        self.pairs = pairs
        self.source_lengths = np.array([len(source) for source, _ in pairs])
        self.target_lengths = np.array([len(target) for _, target in pairs])

    def source(self, pair):
        return np.array(self.pairs[pair][0], np.int64)

    def target(self, pair):
        return np.array(self.pairs[pair][1], np.int64)


def random_pairs(count, longest=4, seed=3, shortest=1):
    random = np.random.default_rng(seed)
    return Pairs(
        [
            [
                random.integers(1, size, random.integers(shortest, longest + 1)).tolist()
                for size in SIZES
            ]
            for _ in range(count)
        ]
    )


def every(corpus):
    return np.arange(len(corpus.pairs))


def random_hmm(corpus, seed=5):
    """Of a lexicon and jumps drawn at random."""
    random = np.random.default_rng(seed)
    known = learn_lexicon(corpus, every(corpus), *SIZES, iterations=1)
    probabilities = random.random(len(known.keys))
    return Hmm(Lexicon(*SIZES, known.keys, probabilities), Jumps(random.random(2 * WIDEST + 1)))


def translation(hmm, source, target):
    place = int(np.searchsorted(hmm.lexicon.keys, source * SIZES[1] + target))
    return hmm.lexicon.probabilities[place]


def jump(hmm, length, mind, position):
    """P(i | m), and the share of it that the counts make."""

    def count(i):
        return hmm.jumps.counts[min(max(i + 1 - mind, -WIDEST), WIDEST) + WIDEST]

    of_counts = count(position) / sum(count(i) for i in range(length))
    learned = (1 - P0) * (1 - UNIFORM) * of_counts
    return learned + (1 - P0) * UNIFORM / length, learned


def ways(hmm, source, target):
    """All alignments, -1 for the null word, each with its probability and its jumps."""
    for way in product(range(-1, len(source)), repeat=len(target)):
        probability, mind, jumps = 1.0, 0, []
        for token, position in zip(target, way, strict=True):
            if position < 0:
                probability *= P0 * translation(hmm, 0, token)
            else:
                jumps.append((mind, position))
                probability *= jump(hmm, len(source), mind, position)[0]
                probability *= translation(hmm, source[position], token)
                mind = position + 1
        yield way, probability, jumps


def test_posteriors_and_moves_are_sums_over_all_alignments():
    corpus = random_pairs(12)
    hmm = random_hmm(corpus)
    for block in make_blocks(corpus, every(corpus)):
        found = hmm.expectations(block)
        moves, likelihood = np.zeros_like(found.transition_counts), 0.0
        for row, pair in enumerate(block.pairs):
            source, target = corpus.pairs[pair]
            links, total = np.zeros((len(target), len(source) + 1)), 0.0
            own = np.zeros_like(moves)
            for way, probability, jumps in ways(hmm, source, target):
                total += probability
                links[np.arange(len(target)), np.array(way) + 1] += probability
                for mind, position in jumps:
                    own[mind, position] += probability
            np.testing.assert_allclose(
                found.posteriors[row, : len(target)], links / total, rtol=1e-10
            )
            assert not found.posteriors[row, len(target) :].any()
            moves += own / total
            likelihood += np.log(total)
        np.testing.assert_allclose(found.transition_counts, moves, rtol=1e-10)
        assert found.log_likelihood == pytest.approx(likelihood, rel=1e-12)


def test_the_likeliest_alignment_is_the_likeliest_of_all():
    corpus = random_pairs(20)
    hmm = random_hmm(corpus)
    for block in make_blocks(corpus, every(corpus)):
        for row, (pair, found) in enumerate(zip(block.pairs, hmm.viterbi(block), strict=True)):
            source, target = corpus.pairs[pair]
            best = max(ways(hmm, source, target), key=lambda way: way[1])
            assert found[: len(target)].tolist() == list(best[0]), row


def slow_iteration(hmm, corpus):
    """One step of expectation maximisation."""
    lexicon = {}
    counts = np.zeros(2 * WIDEST + 1)
    for source, target in corpus.pairs:
        total = sum(probability for _, probability, _ in ways(hmm, source, target))
        for way, probability, jumps in ways(hmm, source, target):
            share = probability / total
            for token, position in zip(target, way, strict=True):
                key = (0 if position < 0 else source[position], token)
                lexicon[key] = lexicon.get(key, 0.0) + share
            for mind, position in jumps:
                whole, learned = jump(hmm, len(source), mind, position)
                counts[position + 1 - mind + WIDEST] += share * learned / whole
    sums = {}
    for (source, _), value in lexicon.items():
        sums[source] = sums.get(source, 0.0) + value
    return {key: value / sums[key[0]] for key, value in lexicon.items()}, counts


def test_learning_is_that_of_the_equations():
    corpus = random_pairs(15, longest=3)
    before = learn_hmm(corpus, every(corpus), *SIZES, lexicon_iterations=2, iterations=1)
    after = learn_hmm(corpus, every(corpus), *SIZES, lexicon_iterations=2, iterations=2)
    lexicon, counts = slow_iteration(before, corpus)
    for (source, target), probability in lexicon.items():
        assert translation(after, source, target) == pytest.approx(probability, rel=1e-9)
    np.testing.assert_allclose(after.jumps.counts, counts, rtol=1e-9, atol=1e-12)


def test_blocks_hold_every_pair_once_but_those_with_a_blank_side(monkeypatch):
    monkeypatch.setattr("nmt.alignment.hmm._BLOCK_LINKS", 40)
    corpus = random_pairs(60, shortest=0)
    blocks = list(make_blocks(corpus, every(corpus)))
    found = np.concatenate([block.pairs for block in blocks])
    expected = [i for i, (source, target) in enumerate(corpus.pairs) if source and target]
    assert sorted(found.tolist()) == expected
    for block in blocks:
        lengths = block.target_lengths
        for j in range(block.target.shape[1]):
            assert block.active(j) == (lengths > j).sum()


@pytest.mark.parametrize("kind", ALIGNERS.names())
def test_links_come_in_the_order_of_the_pairs_whatever_the_blocks(kind, monkeypatch):
    corpus = random_pairs(60, longest=6, shortest=0)
    aligner = ALIGNERS.resolve(kind).learn(corpus, every(corpus), *SIZES)
    together = list(aligner.align(corpus, every(corpus), weights=True))
    monkeypatch.setattr("nmt.alignment.hmm._BLOCK_LINKS", 10)
    monkeypatch.setattr("nmt.alignment.aligners._SORTED_PAIRS", 7)
    apart = list(aligner.align(corpus, every(corpus)))
    for (source, target), one, other in zip(corpus.pairs, together, apart, strict=True):
        assert one.best.tolist() == other.best.tolist()
        assert len(one.best) == len(target)
        if source and target:
            assert one.weights.shape == (len(target), len(source))
            assert (one.weights.sum(1) <= 1 + 1e-12).all()
        else:
            assert (one.best == -1).all()


def test_model_1_takes_each_token_by_itself():
    corpus = random_pairs(15)
    aligner = Ibm1Aligner.learn(corpus, every(corpus), *SIZES)
    hmm = Hmm(aligner.lexicon, Jumps())
    found = aligner.align(corpus, every(corpus), weights=True)
    for (source, target), links in zip(corpus.pairs, found, strict=True):
        for j, token in enumerate(target):
            shares = np.array([translation(hmm, word, token) for word in [0, *source]])
            np.testing.assert_allclose(links.weights[j], shares[1:] / shares.sum(), rtol=1e-10)
            assert links.best[j] == shares.argmax() - 1


def test_order_tells_equal_words_apart():
    """Model 1 sees no difference between two of the same word; the HMM goes on in order."""
    lines = ["the man sees the dog", "a man sees the dog", "the dog sees a man", "a dog", "the man"]
    french = {"the": "le", "man": "homme", "sees": "voit", "dog": "chien", "a": "un"}
    pairs = [(line, " ".join(french[word] for word in line.split())) for line in lines * 3]
    for _, aligned, _ in align_texts("hmm", pairs):
        assert aligned.links() == [(i, i) for i in range(len(aligned.source))]


def test_texts_in_both_directions():
    pairs = [("a b", "x y"), ("", ""), ("b", "y"), (" a  c ", "x"), ("a", ""), ("c", "z")] * 4
    found = list(align_texts("hmm", pairs, both=True, weights=True))
    assert [texts for texts, _, _ in found][:4] == [
        ("a b", "x y"),
        ("", ""),
        ("b", "y"),
        ("a c", "x"),
    ]
    for (source, target), forward, backward in found:
        assert forward.source == backward.target == source.split()
        assert forward.target == backward.source == target.split()
        assert forward.weights.shape == backward.weights.shape[::-1]
    assert found[0][1].links() == [(0, 0), (1, 1)]


def test_nothing_to_align():
    with pytest.raises(DataError, match="nothing to align"):
        list(align_texts("ibm1", [("a", ""), ("", "b")]))


def test_the_same_texts_give_the_same_alignment():
    corpus = random_pairs(50, longest=8)
    one, other = (HmmAligner.learn(corpus, every(corpus), *SIZES) for _ in range(2))
    assert one.hmm.lexicon.probabilities.tobytes() == other.hmm.lexicon.probabilities.tobytes()


def test_turned():
    corpus = random_pairs(3)
    turned = SwappedPairs(corpus)
    assert turned.source(1).tolist() == corpus.target(1).tolist()
    assert turned.target_lengths.tolist() == corpus.source_lengths.tolist()

"""IBM Model 1 against the equations of Brown et al. 1993, one token at a time."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.alignment import lexicon
from nmt.alignment.lexicon import NULL, learn_lexicon
from nmt.data.binary_dataset import Corpus, CorpusWriter

SOURCES, TARGETS = 9, 7

_source = st.lists(st.integers(1, SOURCES - 1), max_size=6)
_target = st.lists(st.integers(1, TARGETS - 1), max_size=6)
_pairs = st.lists(st.tuples(_source, _target), max_size=12)


def write(folder, pairs) -> Corpus:
    with CorpusWriter(folder / "train", SOURCES) as writer:
        for line, (source, target) in enumerate(pairs, 1):
            writer.add(line, source, target)
    return Corpus.open(folder / "train")


def slowly(pairs, iterations):
    """P(target | source) after so many rounds of expectation maximisation."""
    probability = defaultdict(lambda: 1 / TARGETS)
    for _ in range(iterations):
        counts, totals = defaultdict(float), defaultdict(float)
        for source, target in pairs:
            for t in target:
                choices = [NULL, *source]
                whole = sum(probability[s, t] for s in choices)
                for s in choices:
                    counts[s, t] += probability[s, t] / whole
                    totals[s] += probability[s, t] / whole
        probability = {(s, t): count / totals[s] for (s, t), count in counts.items()}
    return probability


def entries(found):
    pairs = zip(*np.divmod(found.keys, TARGETS), strict=True)
    return {
        (int(s), int(t)): p for (s, t), p in zip(pairs, found.probabilities.tolist(), strict=True)
    }


@given(pairs=_pairs, iterations=st.integers(1, 6), links=st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_it_is_the_model_of_the_paper(tmp_path_factory, pairs, iterations, links):
    corpus = write(tmp_path_factory.mktemp("corpus"), pairs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lexicon, "_BLOCK_LINKS", links)
        found = learn_lexicon(corpus, np.arange(len(pairs)), SOURCES, TARGETS, iterations)
    assert entries(found) == pytest.approx(slowly(pairs, iterations), abs=1e-9)
    assert (np.diff(found.keys) > 0).all()


def test_only_the_pairs_asked_for_count(tmp_path):
    pairs = [([1, 2], [3]), ([4], [5]), ([1], [6, 6])]
    corpus = write(tmp_path, pairs)
    found = learn_lexicon(corpus, np.array([0, 2]), SOURCES, TARGETS, 3)
    assert entries(found) == pytest.approx(slowly([pairs[0], pairs[2]], 3), abs=1e-9)


@given(pairs=_pairs, count=st.integers(1, 8))
@settings(max_examples=40, deadline=None)
def test_the_best_come_first_and_zeros_last(tmp_path_factory, pairs, count):
    corpus = write(tmp_path_factory.mktemp("corpus"), pairs)
    found = learn_lexicon(corpus, np.arange(len(pairs)), SOURCES, TARGETS, 2)
    table = found.best(count)
    known = entries(found)
    assert table.shape == (SOURCES, count)
    for source, row in enumerate(table.tolist()):
        ranked = sorted((-p, t) for (s, t), p in known.items() if s == source)
        expected = [t for _, t in ranked[:count]]
        assert row == expected + [0] * (count - len(expected))


def test_words_find_their_translations(tmp_path):
    """The book of the textbooks: das Haus, das Buch, ein Buch."""
    das, haus, buch, ein = 1, 2, 3, 4
    the, house, book, a = 1, 2, 3, 4
    corpus = write(
        tmp_path,
        [([das, haus], [the, house]), ([das, buch], [the, book]), ([ein, buch], [a, book])],
    )
    found = learn_lexicon(corpus, np.arange(3), SOURCES, TARGETS, 20)
    assert found.best(1)[[das, haus, buch, ein], 0].tolist() == [the, house, book, a]

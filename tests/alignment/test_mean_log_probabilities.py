"""How probable Model 1 finds pairs, against a slow loop."""

import math

import numpy as np
import pytest

from nmt.alignment.lexicon import NULL, learn_lexicon, mean_log_probabilities
from nmt.data.binary_dataset import Corpus, CorpusWriter

_PAIRS = [([4, 5], [6, 7]), ([4], [6]), ([5], [7]), ([4, 8], [6, 9, 7]), ([], [6]), ([4], [])]
_SIZE = 10


@pytest.fixture
def corpus(tmp_path):
    with CorpusWriter(tmp_path / "c", _SIZE) as writer:
        for line, (source, target) in enumerate(_PAIRS, 1):
            writer.add(line, source, target)
    return Corpus.open(tmp_path / "c")


def slow(lexicon, source, target):
    table = dict(zip(lexicon.keys.tolist(), lexicon.probabilities.tolist(), strict=True))
    sums = 0.0
    for token in target:
        links = [table.get(each * _SIZE + token, 0.0) for each in (NULL, *source)]
        sums += math.log(max(sum(links) / len(links), 1e-6))
    return sums / len(target) if target else math.nan


def test_means_are_those_of_a_slow_loop_and_unseen_links_count_a_millionth(corpus):
    lexicon = learn_lexicon(corpus, np.arange(3), _SIZE, _SIZE, 2)
    found = mean_log_probabilities(lexicon, corpus, np.arange(len(_PAIRS)))
    expected = [slow(lexicon, *pair) for pair in _PAIRS]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found[3] < found[0]
    assert math.isnan(found[5])
    assert mean_log_probabilities(lexicon, corpus, np.array([], np.int64)).tolist() == []

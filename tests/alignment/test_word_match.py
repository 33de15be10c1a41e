import random

import numpy as np
import pytest

from nmt.alignment.word_match import UnrelatedWords, WordMatch
from nmt.config.settings import DataSettings
from nmt.data.pair_filters import CandidatePairs, PairFilters

WORDS = [f"{first}{second}" for first in "bdfghklm" for second in "aeiou"]


def parallel_pairs(count, seed=1):
    """Return pairs in which each target word translates a source word, in another order."""
    rng = random.Random(seed)
    pairs = []
    for _ in range(count):
        words = rng.choices(WORDS, k=rng.randint(4, 9))
        translated = [word[::-1] + "x" for word in words]
        rng.shuffle(translated)
        pairs.append((" ".join(words), " ".join(translated)))
    return pairs


def filter_of(tmp_path, pairs, share):
    for side, name in enumerate(("source", "target")):
        (tmp_path / name).write_text("".join(f"{pair[side]}\n" for pair in pairs), "utf-8")
    train = {"source": str(tmp_path / "source"), "target": str(tmp_path / "target")}
    values = {"train": train, "validation_split": 0.1, "min_word_match": share}
    settings = DataSettings.model_validate(values)
    assert "unrelated words" in PairFilters(settings, {}).reasons
    return UnrelatedWords(settings, {})


def drops(word_filter, pairs):
    count = len(pairs)
    sources, targets = ([pair[side] for pair in pairs] for side in (0, 1))
    lines, zeros = list(range(count)), np.zeros(count, np.uint64)
    candidates = CandidatePairs(
        lines, sources, targets, np.ones((count, 2), np.int64), zeros, np.zeros(count, np.bool_)
    )
    return word_filter.drops(candidates)


def test_shifted_pairs_are_dropped_and_others_kept(tmp_path):
    pairs = parallel_pairs(1000)
    shifted = [(pairs[i][0], pairs[i + 1][1]) for i in range(100)]
    word_filter = filter_of(tmp_path, [*pairs[101:], *shifted], 0.95)
    assert drops(word_filter, shifted).mean() > 0.9
    assert drops(word_filter, pairs[101:]).mean() < 0.02


def test_the_match_is_the_formula_of_the_lower_direction():
    model = WordMatch([("a", "x"), ("b", "y"), ("a b", "y x")])
    both = model.matches([("a", "x"), ("a", "y"), ("a b", "x"), ("unknown", "x")])
    assert both[0] > both[2] > both[1]  # a source word without a target lowers the match
    expected = []
    for lexicon, source, target, words in (
        (model._forward, model._source, model._target, ("a", "x")),
        (model._backward, model._target, model._source, ("x", "a")),
    ):
        (given,), (word,) = source.encode(words[:1]), target.encode(words[1:])
        table = dict(zip(lexicon.keys.tolist(), lexicon.probabilities, strict=True))
        probability = (table[given * target.size + word] + table.get(int(word), 0.0)) / 2
        expected.append(min(2.0, np.log(probability / target.probabilities[word] + 0.1)))
    assert both[0] == pytest.approx(min(expected))
    assert both[3] == pytest.approx(0.0, abs=2.0)


def test_any_text_has_a_match(tmp_path):
    odd = [("", ""), ("?", "a"), ("犬がいる", "a dog"), ("word " * 10_000, "x"), ("a", "")]
    word_filter = filter_of(tmp_path, parallel_pairs(50), 0.5)
    assert drops(word_filter, odd).shape == (5,)
    assert drops(filter_of(tmp_path, [("a", "b")], 0.5), [("a", "b")]).tolist() == [False]

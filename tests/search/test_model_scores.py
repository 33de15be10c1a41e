import math

import pytest

from nmt.bundles.bundle import Bundle
from nmt.config.settings import Config, RuntimeSettings
from nmt.data.manifest import LengthRatio
from nmt.errors import DataError, UsageError
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.device import prepare_runtime
from nmt.search.forced_decoding import CorpusScore, ForcedPair, ForcedScore, check_source_lengths
from nmt.translation.translator import Translator

SOURCES = ["le chat noir", "un chien dort dans la maison .", "😀", "le tapis"]
TARGETS = ["the black cat", "a dog sleeps in the house .", "<s> </s> ▁", "the  mat "]


@pytest.fixture(scope="module")
def translator(tiny_bundle) -> Translator:
    return Translator.load(tiny_bundle, device="cpu", threads=1)


def test_one_score_each_in_order(translator):
    together = translator.score(SOURCES, TARGETS, attention=True)
    assert len(together) == len(SOURCES)
    for source, target, score in zip(SOURCES, TARGETS, together, strict=True):
        (alone,) = translator.score([source], [target])
        assert score.log_probability == pytest.approx(alone.log_probability, rel=1e-5)
        assert math.fsum(score.token_log_probabilities) == pytest.approx(score.log_probability)
        assert score.tokens[-1] == score.source_tokens[-1] == "</s>"
        assert len(score.token_log_probabilities) == len(score.tokens)
        assert score.attention.shape == (len(score.tokens), len(score.source_tokens))
        assert alone.attention is None
        assert score.perplexity == pytest.approx(
            math.exp(-score.log_probability / len(score.tokens))
        )


def test_the_penalties_are_those_of_search_or_its_overrides(translator):
    for own, longer in zip(
        translator.score(SOURCES, TARGETS),
        translator.score(SOURCES, TARGETS, length_penalty="average", alpha=0.7),
        strict=True,
    ):
        length = len(own.tokens)
        assert own.score == pytest.approx(own.log_probability / ((5 + length) / 6), rel=1e-6)
        assert longer.score == pytest.approx(own.log_probability / length**0.7, rel=1e-6)


def test_blank_sides(translator):
    both, source, target = translator.score(["", " \t", "le chat"], [" ", "the cat", "\u3000"])
    assert both == ForcedScore(0.0, 0.0, [], [], [])
    assert both.perplexity == 1.0
    assert source.source_tokens == ["</s>"]
    assert source.log_probability < 0.0
    assert target.tokens == ["</s>"]
    assert target.log_probability == target.token_log_probabilities[0] < 0.0


def test_the_beginning_of_a_translation(translator):
    (whole,) = translator.score(["le chat"], ["the cat"])
    (beginning,) = translator.score(["le chat"], ["the cat"], finished=[False])
    assert beginning.tokens == whole.tokens[:-1]
    assert beginning.token_log_probabilities == whole.token_log_probabilities[:-1]


@pytest.mark.parametrize(
    ("sources", "targets", "changes", "error", "rule"),
    [
        (["a", "b"], ["a"], {}, DataError, "2 sources, but 1 targets"),
        (["a"], ["a"], {"finished": [True, False]}, DataError, "and 2 times `finished`"),
        ("a", ["a"], {}, UsageError, "lists of texts"),
        (["a"], ["a"], {"alpha": float("nan")}, UsageError, "search.alpha: expected a number"),
    ],
)
def test_bad_arguments(translator, sources, targets, changes, error, rule):
    with pytest.raises(error, match=rule):
        translator.score(sources, targets, **changes)


def test_a_long_text_is_scored_whole(translator):
    (score,) = translator.score(["le chat " * 9], ["the cat " * 9], max_source_tokens=3)
    assert score.source_tokens.count("</s>") == score.tokens.count("</s>") == 1


def test_what_location_attention_cannot_see_is_refused(translator):
    pair = translator._bundle.tokenizers
    config = Config.model_validate(
        {
            "data": {
                "train": {"source": ["a"], "target": ["b"]},
                "validation_split": 0.1,
                "max_length": 4,
            },
            "model": {
                "embedding_size": 6,
                "encoder": {"hidden_size": 4},
                "decoder": {"hidden_size": 6},
                "attention": {"kind": "location", "query_embedding": True, "max_positions": 5},
            },
            "training": {"max_updates": 1},
        }
    )
    model = Seq2Seq(config.model, pair.source.size, pair.target.size).eval()
    runtime = prepare_runtime(RuntimeSettings(device="cpu"), exact=True)
    limited = Translator(Bundle(model, pair, config, LengthRatio(1.0, 0.1)), runtime)
    texts = ["le", SOURCES[1]]
    rule = "subwords, but the attention of the model is limited to 4"
    with pytest.raises(DataError, match=f"source line 2: .* {rule}"):
        limited.score(texts, ["a", "b"])
    with pytest.raises(DataError, match=f"source line 71: .* {rule}"):
        limited.score(texts, ["a", "b"], lines=[70, 71])


def test_the_longest_source_that_may_be():
    pairs = [ForcedPair([5] * 4, [6] * 9), ForcedPair([], [6])]
    check_source_lengths(pairs, 4)
    check_source_lengths(pairs, None)
    with pytest.raises(DataError, match="source line 1: 4 subwords"):
        check_source_lengths(pairs, 3)


def test_sums_over_a_corpus():
    total = CorpusScore()
    total.add(" the  cat\tsat ", ForcedScore(-1.0, -6.0, ["a"] * 5, ["b"], []))
    total.add("", ForcedScore(0.0, 0.0, [], [], []))
    total.add(" ", ForcedScore(-1.0, -2.0, ["</s>"], ["b", "</s>"], []))
    assert total == CorpusScore(3, -8.0, subwords=6, words=5, characters=13)
    assert total.cross_entropy == pytest.approx(8 / 6)
    assert total.perplexity == pytest.approx(math.exp(8 / 6))
    assert total.word_perplexity == pytest.approx(math.exp(8 / 5))
    assert total.bits_per_character == pytest.approx(8 / math.log(2) / 13)


def test_a_perplexity_beyond_all_numbers_is_infinite():
    assert ForcedScore(-1.0, -5000.0, ["a"], ["b"], []).perplexity == math.inf

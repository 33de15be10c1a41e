"""The registry of metrics: directions, noise, and which of two validations is better."""

import math

import pytest

from nmt.config.registry import DEV_METRICS, SCORE_METRICS, TUNING_METRICS
from nmt.errors import UsageError
from nmt.evaluation.metrics import (
    SHORT_REFERENCES,
    BestValidation,
    FourGrams,
    MetricValue,
    deciding_value,
    make_scorer,
    metric,
    perplexity,
)
from nmt.evaluation.scores import score


def test_every_name_is_that_of_its_record():
    for registry in (DEV_METRICS, SCORE_METRICS, TUNING_METRICS):
        for name in registry.names():
            assert metric(name).name == name
    assert all(metric(name).scorer is not None for name in SCORE_METRICS.names())


def test_other_names_are_refused():
    with pytest.raises(
        UsageError, match="'meteor' is not a metric; choose one of loss, perplexity"
    ):
        metric("meteor")
    with pytest.raises(UsageError, match="loss is not a metric of translations"):
        make_scorer("loss")


@pytest.mark.parametrize(
    ("name", "better", "worse"),
    [
        ("loss", 1.0, 2.0),
        ("perplexity", 2.0, math.inf),
        ("bleu", 2.0, 1.0),
        ("chrf", 2.0, 1.0),
        ("chrf++", 2.0, 1.0),
        ("ter", 1.0, 2.0),
    ],
)
def test_directions(name, better, worse):
    high, low = MetricValue(name, better), MetricValue(name, worse)
    assert high.is_better_than(low) and high.is_better_than(None)
    assert not low.is_better_than(high) and not high.is_better_than(high)


def test_best_counts_what_came_in_vain():
    best = BestValidation("bleu")
    improved = [
        best.update_with(MetricValue("bleu", value), i)
        for i, value in enumerate([1.0, 3.0, 2.0, 3.0])
    ]
    assert improved == [True, True, False, False]
    assert (best.value, best.update, best.in_vain) == (3.0, 1, 2)


def test_chrf_decides_where_bleu_is_noise_in_one_of_two():
    """A broken model with BLEU 2.19 by chance must not be the best for ever."""
    why = {"bleu": "why"}
    validations = [
        ({"bleu": 2.19, "chrf": 11.0}, why),
        ({"bleu": 0.0, "chrf": 43.0}, why),
        ({"bleu": 0.0, "chrf": 42.0}, why),
        ({"bleu": 1.0, "chrf": 40.0}, {}),
        ({"bleu": 0.5, "chrf": 50.0}, {}),
        ({"bleu": 0.1, "chrf": 60.0}, why),
        ({"bleu": 0.6, "chrf": 61.0}, {}),
        ({"bleu": 0.5, "chrf": 70.0}, {}),
        ({"bleu": 0.7, "chrf": 50.0}, {}),
    ]
    best, updates = BestValidation("bleu"), []
    for update, (values, noise) in enumerate(validations):
        if best.update_with(deciding_value("bleu", values, noise), update):
            updates.append(update)
    assert updates == [0, 1, 4, 5, 6, 8]
    assert best == BestValidation("bleu", 0.7, 8, 0, False, 50.0)
    assert deciding_value("bleu", *validations[0]).shown == ("chrf", 11.0)
    assert deciding_value("bleu", *validations[3]).shown == ("bleu", 1.0)
    assert deciding_value("chrf", *validations[0]) == MetricValue("chrf", 11.0)
    assert deciding_value("chrf++", *validations[0]) is None


def test_the_best_of_an_earlier_version_has_no_chrf():
    best = BestValidation("bleu", 12.0, 100, 1)
    assert not best.update_with(MetricValue("bleu", 13.0, True, 40.0), 200)
    assert best.update_with(MetricValue("bleu", 13.0, False, 40.0), 300)


def test_perplexity():
    assert perplexity(0.0) == 1.0
    assert perplexity(700.0) == pytest.approx(math.exp(700.0))
    assert perplexity(710.0) == perplexity(1e9) == math.inf
    assert perplexity(-1e9) == 0.0


@pytest.mark.parametrize(
    ("four_grams", "few", "too_few", "needed"),
    [
        (FourGrams(0, 0, 0), False, False, 1),
        (FourGrams(10, 1, 2), True, True, 1),
        (FourGrams(10, 2, 9), True, False, 1),
        (FourGrams(10, 5, 30), False, False, 1),
        (FourGrams(900, 900, 901), False, False, 10),
        (FourGrams(90, 90, 450), False, False, 5),
    ],
)
def test_what_references_say_of_bleu(four_grams, few, too_few, needed):
    assert (
        four_grams.has_few_long_references,
        four_grams.has_too_few_long_references,
        four_grams.needed,
    ) == (few, too_few, needed)


def noise(hypotheses, references, **options):
    return score(hypotheses, [references], ["bleu"], **options)[0].noise


def test_bleu_of_short_phrases_is_noise():
    phrases = ["a dog", "two cats", "the red house"] * 10
    assert noise(phrases, phrases) == SHORT_REFERENCES
    assert noise(phrases, phrases, tokenize="char") == ""


def test_bleu_without_matching_4_grams_is_noise():
    references = [f"the man {i} walks over the long bridge at night" for i in range(200)]
    hypotheses = [f"a man {i} goes" for i in range(200)]
    assert noise(hypotheses, references) == "0 matching 4-grams, of 10 needed"
    assert noise([*hypotheses[:9], *references[9:10], *hypotheses[10:]], references).startswith("7")
    assert noise([*references[:2], *hypotheses[2:]], references) == ""


def test_bleu_of_blank_references_is_not_called_noise():
    assert noise(["a", "b"], ["", ""]) == ""


def test_bleu_of_a_small_text_is_not_noise():
    assert noise(["a b c d e f", "x"], ["a b c d e g", "y z"]) == ""

from dataclasses import fields, replace

import numpy as np
import pytest

from nmt import Translator
from nmt.data.manifest import LengthRatio
from nmt.errors import UsageError
from nmt.translation.quality_estimation import (
    _SIGNALS,
    QualityEstimator,
    Thresholds,
    parse_thresholds,
)
from nmt.translation.translation import Translation

JUDGE = QualityEstimator(LengthRatio(1.0, 0.25))
GOOD = Translation(
    text="ein Hund",
    score=-0.5,
    log_probability=-0.3,
    tokens=["▁ein", "▁Hund", "</s>"],
    source_tokens=["▁a", "▁dog", "</s>"],
    token_log_probabilities=[-0.1] * 3,
    attention=np.eye(3, dtype=np.float32),
    finished=True,
)


def verdict(translation, source="a dog", estimator=JUDGE):
    found = estimator.estimate(source, translation)
    assert found is not None
    return found


def test_nothing_speaks_against_a_good_one():
    assert verdict(GOOD).flags == ()
    assert 0.0 < verdict(GOOD).risk < 0.2


def test_a_blank_one_has_no_verdict():
    assert JUDGE.estimate("", replace(GOOD, tokens=[], source_tokens=[], attention=None)) is None


LONG = ["▁die"] * 6
BAD = {
    "diffuse": replace(GOOD, attention=np.full((3, 3), 1 / 3, np.float32)),
    "uncovered": replace(GOOD, attention=np.eye(3, dtype=np.float32)[[1, 1, 2]]),
    "repetition": replace(GOOD, tokens=LONG, source_tokens=["▁" + c for c in "abcdef"]),
    "copy": replace(GOOD, text="a dog"),
    "length": replace(GOOD, tokens=[f"▁{i}" for i in range(9)]),
    "unsure": replace(GOOD, log_probability=-6.0),
    "unknown": replace(GOOD, source_tokens=["▁a", "<unk>", "</s>"]),
}


@pytest.mark.parametrize("flag", BAD)
def test_each_flag_is_raised_by_its_signal_alone(flag):
    bad = BAD[flag]
    if len(bad.tokens) != 3:
        bad = replace(bad, attention=None)
    assert verdict(bad).flags == (flag,)
    assert verdict(bad).risk > 1.0


def test_every_flag_has_a_threshold_a_signal_and_a_case():
    assert [field.name for field in fields(Thresholds)] == list(_SIGNALS) == list(BAD)


def test_risk_is_the_norm_of_what_each_signal_is_of_its_threshold():
    bare = replace(GOOD, attention=None, log_probability=-1.4 * 3, text="xyz")
    found = verdict(replace(bare, source_tokens=["▁a", "<unk>", "</s>"]))
    unknown = 1.0 / 0.1
    assert found.risk == pytest.approx((1.0 + unknown**4) ** 0.25)


def test_without_attention_the_others_count():
    assert verdict(replace(BAD["copy"], attention=None)).flags == ("copy",)


def test_thresholds_are_changed_by_name():
    assert parse_thresholds(["copy=1", "unsure=2", "copy=1.5"]) == {"copy": 1.5, "unsure": 2.0}
    other = replace(Thresholds(), copy=1.5)
    assert verdict(BAD["copy"], estimator=replace(JUDGE, thresholds=other)).flags == ()


def test_how_sure_a_model_is_depends_on_its_training(tiny_bundle):
    assert Thresholds.of_model(0.25) == Thresholds(unsure=0.5)
    assert Thresholds.of_model(None) == Thresholds()
    bundle = replace(Translator.load(tiny_bundle).bundles[0], dev_loss=4.0)
    estimator = QualityEstimator.of(bundle, {"copy": 0.7})
    assert estimator.thresholds == Thresholds(unsure=2.0, copy=0.7)
    assert estimator.ratio == bundle.length_ratio


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("kopie=1", "unknown flag 'kopie'"),
        ("copy", "a number > 0"),
        ("copy=", "a number > 0"),
        ("copy=nan", "a number > 0"),
        ("copy=0", "a number > 0"),
        ("copy=-1", "a number > 0"),
        ("copy=inf", "a number > 0"),
        ("=1", "unknown flag ''"),
    ],
)
def test_wrong_changes_are_refused(change, says):
    with pytest.raises(UsageError, match=says):
        parse_thresholds([change])


def test_a_verdict_does_not_depend_on_the_batch(tiny_bundle):
    translator = Translator.load(tiny_bundle)
    estimator = QualityEstimator.of(translator.bundles[0])
    texts = ["le chat", "un chien dort dans la maison .", "", "noir noir", "日本"]
    together = translator.translate(texts, batch_sentences=8)
    for text, translation in zip(texts, together, strict=True):
        (alone,) = translator.translate([text])
        one, other = estimator.estimate(text, alone), estimator.estimate(text, translation)
        if one is None or other is None:
            assert one is other is None
        else:
            assert one.flags == other.flags
            assert one.risk == pytest.approx(other.risk, rel=1e-5)

import json
from dataclasses import asdict

import numpy as np
import pytest

import nmt
from nmt.errors import ModelError, ResourceError, UsageError
from nmt.search.translator import Translator

TEXTS = ["le chat noir", "", "un chien dort dans la maison .", " \t", "<s> </s> ⁇ ▁", "😀"]


@pytest.fixture(scope="module")
def translator(tiny_bundle) -> Translator:
    return Translator.load(tiny_bundle, device="cpu", threads=1)


def test_the_package_gives_it():
    assert nmt.Translator is Translator


def test_one_translation_each_in_order(translator):
    together = translator.translate(TEXTS)
    assert len(together) == len(TEXTS)
    for text, translation in zip(TEXTS, together, strict=True):
        alone = translator.translate([text])[0]
        assert translation.text == alone.text
        assert translation.tokens == alone.tokens
        assert "\n" not in translation.text


def test_blank_stays_blank(translator):
    for translation in translator.translate(["", "   ", "\t\u3000"]):
        assert translation.text == ""
        assert translation.tokens == []
        assert translation.source_tokens == []
        assert translation.attention is None


def test_shapes_agree(translator):
    for translation in translator.translate(["le chat noir", "un chien"]):
        shape = (len(translation.tokens), len(translation.source_tokens))
        assert translation.attention.shape == shape
        assert len(translation.token_log_probabilities) == shape[0]
        np.testing.assert_allclose(translation.attention.sum(1), 1.0, atol=1e-5)
        assert translation.source_tokens[-1] == "</s>"
        assert (translation.tokens[-1] == "</s>") == translation.finished
        assert sum(translation.token_log_probabilities) == pytest.approx(
            translation.log_probability, abs=1e-3
        )


def test_n_best_selects(translator):
    one = translator.translate(["le chat noir"], beam_size=4)[0]
    four = translator.translate(["le chat noir"], beam_size=4, n_best=4)[0]
    assert one.n_best == [one]
    assert four.n_best[0].text == four.text == one.text
    assert len(four.n_best) == 4
    scores = [each.score for each in four.n_best if each.finished]
    assert scores == sorted(scores, reverse=True)


def test_overrides_hold(translator):
    assert translator.settings.beam_size == 3
    short = translator.translate(["un chien dort dans la maison ."], max_length=2)[0]
    assert len(short.tokens) <= 2


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"beam_size": 0}, "beam_size = 0: .*greater than or equal to 1"),
        ({"beam_size": 2, "n_best": 3}, r"`n_best` \(3\) cannot exceed `beam_size` \(2\)"),
        ({"alpha": float("nan")}, "alpha = nan"),
        ({"length_penalty": "gnmtt"}, "choose one of gnmt, average, word_reward, none"),
        ({"beam": 3}, "beam = 3"),
    ],
)
def test_bad_overrides_are_explained(translator, changes, rule):
    with pytest.raises(UsageError, match=rule):
        translator.translate(["a"], **changes)


def test_a_bare_text_is_refused(translator):
    with pytest.raises(UsageError, match="list of texts"):
        translator.translate("le chat")


def test_bad_loads(tmp_path, tiny_bundle):
    with pytest.raises(ModelError):
        Translator.load(tmp_path)
    with pytest.raises(UsageError, match="device"):
        Translator.load(tiny_bundle, device="tpu")
    with pytest.raises(ResourceError):
        Translator.load(tiny_bundle, device="cuda:99")


def test_a_translation_is_plain_data(translator):
    record = asdict(translator.translate(["le chat"], n_best=2)[0])
    record["attention"] = None
    for each in record["alternatives"]:
        each["attention"] = None
    assert json.loads(json.dumps(record))["text"] == record["text"]

"""Every two choices together once more: each model is trained for two updates, saved, loaded,
and translates, the same whatever the batch. Few of the models, which have every choice, do so by
default; the others are slow.
"""

import json

import pytest
from pairwise_models import covering_models, pairwise_models, with_sizes

from nmt import Translator
from nmt.training.run import train

_MODELS = pairwise_models()
_FEW = covering_models()
_TEXTS = ["un deux trois", "dix", "", "quatre cinq six sept huit neuf"]


def overrides(model):
    model = model | {"decoder__hidden_size": 6}
    return [f"model.{key.replace('__', '.')}={json.dumps(value)}" for key, value in model.items()]


@pytest.mark.parametrize(
    "number",
    [
        number if number in _FEW else pytest.param(number, marks=pytest.mark.slow)
        for number in range(len(_MODELS))
    ],
)
def test_two_updates_and_a_translation(tiny, number):
    model = with_sizes(_MODELS[number])
    config = tiny(
        "training.max_updates=2",
        "training.validation.max_sentences=2",
        "training.batch_size=60",
        *overrides(model),
    )
    run = train(config)
    translator = Translator.load(run.path)
    together = translator.translate(_TEXTS, beam_size=3, max_length=8)
    for text, translation in zip(_TEXTS, together, strict=True):
        alone = translator.translate([text], beam_size=3, max_length=8)[0]
        assert alone.text == translation.text
        assert alone.score == pytest.approx(translation.score, rel=1e-4, abs=1e-6)
        shown = translation.attention is not None
        assert shown == (model["attention__kind"] != "none" and text != "")

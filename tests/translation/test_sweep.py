"""A sweep gives what `translate` gives, and encodes each batch once."""

import pytest

from nmt.translation.translator import Translator
from nmt.translation.tuning import EncodingCache, grid, sweep

TEXTS = [
    "le chat noir est sur le tapis .",
    "",
    "un chien dort dans la maison .",
    "le chat",
    " \t",
    "un chien noir dort . le chat est dans la maison . un chat dort sur le tapis .",
    "la maison",
]
AXES = {
    "beam_size": [1, 2, 3],
    "length_penalty": ["gnmt", "average", "word_reward"],
    "alpha": [0, 0.7],
    "coverage_penalty": [0, 0.3],
}


@pytest.fixture(scope="module")
def translator(tiny_bundle) -> Translator:
    return Translator.load(tiny_bundle, device="cpu", threads=1)


class Counting(EncodingCache):
    """Keeps nothing, counts what it is asked."""

    def __init__(self, model):
        super().__init__(model)
        self.encoded = []

    def encode(self, source, lengths):
        self.encoded.append(source.clone())
        return self._model.encode(source, lengths)


@pytest.mark.parametrize("limits", [{}, {"max_source_tokens": 20}, {"batch_sentences": 2}], ids=str)
def test_every_point_is_what_translate_gives(translator, limits):
    points = grid(translator.settings.model_copy(update=limits), AXES)
    outcomes = sweep(translator, TEXTS, points)
    assert [outcome.settings for outcome in outcomes] == points
    for outcome in outcomes:
        translations = translator.translate(TEXTS, **outcome.settings.model_dump())
        assert outcome.texts == [translation.text for translation in translations]
        assert outcome.seconds > 0.0
    assert len({tuple(outcome.texts) for outcome in outcomes}) > 3, "the grid changes nothing"
    if "max_source_tokens" in limits:
        assert any(each.pieces > 1 for each in translator.translate(TEXTS, **limits))


@pytest.mark.parametrize("batch_sentences", [2, 100])
def test_each_batch_is_encoded_once(translator, batch_sentences):
    settings = translator.settings.model_copy(update={"batch_sentences": batch_sentences})
    counted = Counting(translator.model)
    alone = Counting(translator.model)
    counting = translator.with_model(counted)
    sweep(counting, TEXTS, grid(settings, AXES))
    translator.with_model(alone).translate(TEXTS, batch_sentences=batch_sentences)
    assert len(alone.encoded) == (3 if batch_sentences == 2 else 1)
    assert len(counted.encoded) == len(alone.encoded)
    assert sum(map(len, counted.encoded)) == sum(1 for text in TEXTS if text.strip())


def test_memory_holds_one_batch(translator):
    kept = EncodingCache(translator.model)
    encoding_once = translator.with_model(kept)
    encoding_once.translate(TEXTS, batch_sentences=2)
    assert len(kept._kept) == 3
    assert kept.seconds > 0.0
    kept.forget()
    assert (len(kept._kept), kept.seconds) == (0, 0.0)


def test_blank_texts_ask_no_model(translator):
    counted = Counting(translator.model)
    outcomes = sweep(translator.with_model(counted), ["", "  "], [translator.settings])
    assert outcomes[0].texts == ["", ""]
    assert counted.encoded == []

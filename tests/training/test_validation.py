"""Validation translates as `nmt translate` does."""

import unicodedata
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from nmt.bundles.bundle import load_bundle
from nmt.config.settings import RuntimeSettings
from nmt.data.binary_dataset import Corpus, CorpusWriter
from nmt.runtime.device import prepare_runtime
from nmt.training.data_preparation import PreparedData
from nmt.training.validation import Validator
from nmt.translation.translator import Translator

NO_PARTS = SimpleNamespace(dev=SimpleNamespace(parts=()))
"""A manifest of an earlier release."""

SOURCES = ["le chat noir est sur le tapis. un chien dort dans la maison.", "le chat", "la maison"]


@pytest.fixture
def data(tiny_bundle, tmp_path):
    tokenizer = load_bundle(tiny_bundle, torch.device("cpu")).tokenizers.source
    with CorpusWriter(tmp_path / "dev", tokenizer.size) as writer:
        for number, source in enumerate(SOURCES, start=1):
            writer.add(number, tokenizer.encode(source), tokenizer.encode("the cat"))
    dev = Corpus.open(tmp_path / "dev")
    return PreparedData(dev, dev, SOURCES, ["the cat"] * 3, NO_PARTS)


def test_a_long_source_is_translated_in_segments(tiny_bundle, data):
    bundle = load_bundle(tiny_bundle, torch.device("cpu"))
    runtime = prepare_runtime(RuntimeSettings(device="cpu", threads=1), exact=True)
    limit = int(np.sort(data.dev.source_lengths)[1])
    search = bundle.search.model_copy(update={"max_source_tokens": limit})
    config = bundle.config.model_copy(update={"search": search})
    bundle = replace(bundle, config=config)
    validator = Validator(bundle, data, runtime, 400)
    hypotheses = validator._translate(bundle.model, [0, 1, 2])
    found = Translator(bundle, runtime).translate(SOURCES, beam_size=1)
    assert found[0].pieces > 1
    assert [text.strip() for text in hypotheses] == [each.text for each in found]


@pytest.mark.parametrize(
    "written",
    [
        "một con mèo đen ngủ ở đây",
        unicodedata.normalize("NFD", "một con mèo đen ngủ ở đây"),
        "một con\u200b mèo đ\u00aden ngủ ở đây\u2060",
    ],
)
def test_the_spelling_of_references_changes_no_score(tiny_bundle, data, monkeypatch, written):
    reference = "một con mèo đen ngủ ở đây"
    references = [written] * 3
    data = replace(data, dev_target=references)
    bundle = load_bundle(tiny_bundle, torch.device("cpu"))
    runtime = prepare_runtime(RuntimeSettings(device="cpu", threads=1), exact=True)
    validator = Validator(bundle, data, runtime, 400)
    monkeypatch.setattr(validator, "_translate", lambda *given: [reference] * 3)
    found = validator.validate(bundle.model)
    assert found.metrics["bleu"] == pytest.approx(100.0)
    assert found.metrics["chrf"] == pytest.approx(100.0)
    assert [sample.reference for sample in found.samples] == references[: len(found.samples)]

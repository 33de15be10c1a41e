"""Attention of single heads and models against a plain loop."""

import numpy as np
import pytest
import torch
from slow_search import VOCABULARY

from nmt.config.settings import ModelSettings, RuntimeSettings
from nmt.model.attention import Query
from nmt.model.seq2seq import Seq2Seq
from nmt.runtime.device import prepare_runtime
from nmt.search.ensemble import Ensemble
from nmt.search.forced_decoding import ForcedPair
from nmt.search.head_attentions import count_heads, head_attentions, models_with_attention
from nmt.tokenizers.tokenizer import BOS, EOS
from nmt.translation.translator import Translator

PAIRS = [
    ForcedPair([4, 5, 6, 4], [5, 6]),
    ForcedPair([], []),
    ForcedPair([6], [4, 4, 5], finished=False),
]


def make_model(seed: int = 0, **attention: object) -> Seq2Seq:
    torch.manual_seed(seed)
    attention = {"kind": "multi_head", "heads": 2, "size": 6, **attention}
    settings = {
        "embedding_size": 6,
        "encoder": {"hidden_size": 4},
        "decoder": {"hidden_size": 6},
        "attention": attention,
    }
    model = Seq2Seq(ModelSettings.model_validate(settings), VOCABULARY, VOCABULARY)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(0.0, 0.9)
    return model


@pytest.fixture
def runtime():
    return prepare_runtime(RuntimeSettings(device="cpu", threads=1), exact=True)


@torch.no_grad()
def slow_heads(model, pair):
    """Of one pair, step by step: softmax(Q s . K h / sqrt(d)) of each head, `[heads, T, S]`."""
    attention = model.decoder.attention
    model.eval()
    source = torch.tensor([[*pair.source, EOS]])
    encoded = model.encode(source, torch.tensor([source.shape[1]]))
    state = model.start(encoded, 1)
    asked = []
    forward = attention.forward

    def spy(query: Query, memory):
        asked.append(query.vectors[0, 0])
        return forward(query, memory)

    attention.forward = spy
    for token in [BOS, *pair.target][: pair.scored_tokens]:
        state = model.step(encoded, state, torch.tensor([[token]])).state
    attention.forward = forward
    keys = encoded.memory.keys[0].unflatten(1, (attention.heads, -1))
    rows = []
    for vector in asked:
        query = attention.query_map(vector).unflatten(0, (attention.heads, -1))
        scores = torch.einsum("hd,shd->hs", query, keys) / keys.shape[2] ** 0.5
        rows.append(torch.softmax(scores, 1))
    return torch.stack(rows, 1).numpy()


def test_heads_are_what_the_equation_says(runtime):
    model = make_model().train()
    found = head_attentions([model], PAIRS, 10, runtime)
    assert model.training
    assert [[view.name for view in each] for each in found] == [
        ["head 1", "head 2"],
        [],
        ["head 1", "head 2"],
    ]
    for pair, each in zip(PAIRS, found, strict=True):
        if each:
            expected = slow_heads(model, pair)
            np.testing.assert_allclose(np.stack([v.weights for v in each]), expected, atol=1e-5)
    one_by_one = [head_attentions([model], [pair], 1, runtime)[0] for pair in PAIRS]
    for each, alone in zip(found, one_by_one, strict=True):
        for a, b in zip(each, alone, strict=True):
            np.testing.assert_allclose(a.weights, b.weights, atol=1e-5)


def test_no_hook_is_left_behind(runtime):
    model = make_model()
    head_attentions([model], PAIRS, 10, runtime)
    assert not model.decoder.attention._forward_pre_hooks


def test_the_models_of_an_ensemble_have_views_of_their_own(runtime):
    models = [make_model(1), make_model(2, kind="additive"), make_model(3, kind="none", size=None)]
    asked = models_with_attention(Ensemble(models))
    assert asked == models[:2]
    assert count_heads(asked) == 3
    (found, *_) = head_attentions(asked, PAIRS, 10, runtime)
    assert [view.name for view in found] == ["model 1, head 1", "model 1, head 2", "model 2"]
    for view in found:
        assert view.weights.shape == (3, 5)
        np.testing.assert_allclose(view.weights.sum(1), 1.0, atol=1e-5)


def test_one_head_needs_no_views(tiny_bundle):
    translator = Translator.load(tiny_bundle, device="cpu", threads=1)
    assert translator.views(translator.translate(["le chat", ""])) == [[], []]


def test_views_of_translations_are_parts_of_their_attention(tiny_bundle):
    """Of the same model twice: each is what the ensemble shows."""
    translator = Translator.load([tiny_bundle, tiny_bundle], device="cpu", threads=1)
    translations = translator.translate(["le chat noir é😀", "", "un chien"], n_best=2)
    whole = [each for translation in translations for each in translation.n_best]
    for translation, found in zip(whole, translator.views(whole), strict=True):
        assert len(found) == (2 if translation.tokens else 0)
        for view in found:
            np.testing.assert_allclose(view.weights, translation.attention, atol=1e-5)


def test_the_name_is_the_folder(tiny_bundle):
    assert Translator.load(tiny_bundle, device="cpu", threads=1).name == str(tiny_bundle)
